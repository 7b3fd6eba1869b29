"""The shapes in which corpora write a dialogue, and the readers that turn one record of each into a `Dialogue`."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from ...schemas.base import Frozen
from ...schemas.dialogue import Dialogue, Speaker, Turn
from ...schemas.documents import parse_json
from ...schemas.strategy import parse_strategy
from ._empathetic import spoken
from ._mesc import commonest_emotion, has_emotions, strategy_name, words_and_cues

Record = Mapping[str, Any]

_SPEAKERS = {
    "seeker": Speaker.SEEKER,
    "usr": Speaker.SEEKER,
    "user": Speaker.SEEKER,
    "speaker": Speaker.SEEKER,
    "supporter": Speaker.SUPPORTER,
    "sys": Speaker.SUPPORTER,
    "system": Speaker.SUPPORTER,
    "assistant": Speaker.SUPPORTER,
    "listener": Speaker.SUPPORTER,
}
_BRACKETED = re.compile(r"^\s*\[([^\[\]]*)\]\s*")


# What can be wrong with a record, as manifests count it.
_BAD_DIALOGUES = (
    "unknown_strategy",
    "missing_strategy",
    "missing_speaker",
    "empty_dialogue",
    "duplicate_dialogue",
    "wrong_shape",
    "too_long",
)


class BadDialogue(Frozen):
    """A record that is not a dialogue, and why."""

    source: str
    """The file or Hub id."""
    index: int
    """Its place there, from 0."""
    turn: int | None
    """The turn at fault, from 0; None where it is the whole dialogue."""
    reason: str
    """One of `_BAD_DIALOGUES`."""
    detail: str
    """What stands there, shortened; never a whole message."""

    def __str__(self) -> str:
        where = f"dialogue {self.index}" + ("" if self.turn is None else f", turn {self.turn}")
        return f"{self.source}: {where}: {self.reason.replace('_', ' ')}: {self.detail}"


class FaultError(Exception):
    """What stops one record from becoming a dialogue."""

    def __init__(self, reason: str, detail: str, turn: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.detail, self.turn = reason, detail, turn


@dataclass(frozen=True)
class Shape:
    """A way of writing a dialogue."""

    kind: str
    """What `--source kind:path` calls it."""
    fits: Callable[[Record], bool]
    """Whether a record is written in it."""
    turns: Callable[[Record], Iterator[Turn]]
    """The record's turns, in order; raises `FaultError`."""


def _strategy_of(name: Any, turn: int) -> str:
    if not isinstance(name, str) or not name.strip():
        raise FaultError("missing_strategy", "a supporter turn names no strategy", turn)
    strategy = parse_strategy(name)
    if strategy is None:
        raise FaultError("unknown_strategy", f"{name[:60]!r} is none of the eight", turn)
    return strategy.value


# ESConv, FailedESConv (`speaker`/`listener`) and the Hub's `thu-coai/esconv` (`usr`/`sys`, `text`).
def _esconv_turns(record: Record) -> Iterator[Turn]:
    for index, (said, speaker, text) in _said(record):
        annotation = said.get("annotation")
        named = annotation if isinstance(annotation, Mapping) and "strategy" in annotation else said
        supports = speaker is Speaker.SUPPORTER
        strategy = _strategy_of(named.get("strategy"), index) if supports else None
        yield _turn({"speaker": speaker, "text": text, "strategy": strategy}, index)


# MESC: the same with cues, and with strategies of its own; see `mesc`.
def _mesc_turns(record: Record) -> Iterator[Turn]:
    for index, (said, speaker, text) in _said(record):
        words, cues = words_and_cues(said, text)
        if not words:
            continue
        if speaker is Speaker.SUPPORTER:
            strategy = _strategy_of(strategy_name(said.get("strategy")), index)
            yield _turn({"speaker": speaker, "text": words, "strategy": strategy}, index)
        else:
            yield _turn({"speaker": speaker, "text": words, "cues": cues}, index)


# The turns of ESConv's form that have words: each as it stands, its speaker, its text.
def _said(record: Record) -> Iterator[tuple[int, tuple[Record, Speaker, str]]]:
    for index, said in enumerate(record["dialog"]):
        if not isinstance(said, Mapping):
            raise FaultError("wrong_shape", "a turn is not an object", index)
        speaker = _SPEAKERS.get(str(said.get("speaker", "")).strip().casefold())
        if speaker is None:
            raise FaultError("missing_speaker", f"speaker is {said.get('speaker')!r}", index)
        text = said.get("content", said.get("text"))
        if not isinstance(text, str):
            raise FaultError("wrong_shape", "a turn has neither `content` nor `text`", index)
        if text.strip():
            yield index, (said, speaker, text)


# Chat messages: system first, `[Strategy] reply`, blank user turns between consecutive supporter turns.
def _chat_turns(record: Record) -> Iterator[Turn]:
    for index, message in enumerate(record["messages"]):
        if not isinstance(message, Mapping) or not isinstance(message.get("content"), str):
            raise FaultError("wrong_shape", "a message has no `content`", index)
        role, text = message.get("role"), message["content"]
        if role == "system" and index == 0:
            continue
        if role not in ("user", "assistant"):
            raise FaultError("missing_speaker", f"role is {role!r}", index)
        if not text.strip():
            continue
        if role == "user":
            yield _turn({"speaker": Speaker.SEEKER, "text": text}, index)
            continue
        found = _BRACKETED.match(text)
        strategy = _strategy_of(found[1] if found else None, index)
        words = text[found.end() :] if found else text
        if words.strip():
            yield _turn({"speaker": Speaker.SUPPORTER, "text": words, "strategy": strategy}, index)


# EmpatheticDialogues: the first speaker is the seeker, and there are no strategies. See `empathetic`.
def _empathetic_turns(record: Record) -> Iterator[Turn]:
    numbers = list(dict.fromkeys(number for number, _ in spoken(record)))
    for index, (number, text) in enumerate(spoken(record)):
        if number in numbers[2:]:
            raise FaultError("missing_speaker", f"a third speaker, {number!r}", index)
        speaker = Speaker.SEEKER if number == numbers[0] else Speaker.SUPPORTER
        if text:
            yield _turn({"speaker": speaker, "text": text}, index)


# Our own `Dialogue`, as JSON Lines or as the `dialogues` config of a release has it.
def _own_turns(record: Record) -> Iterator[Turn]:
    names_strategies = any(isinstance(said, Mapping) and said.get("strategy") for said in record["turns"])
    for index, said in enumerate(record["turns"]):
        if not isinstance(said, Mapping):
            raise FaultError("wrong_shape", "a turn is not an object", index)
        if said.get("speaker") not in tuple(Speaker):
            raise FaultError("missing_speaker", f"speaker is {said.get('speaker')!r}", index)
        if said["speaker"] == Speaker.SUPPORTER and names_strategies:
            _strategy_of(said.get("strategy"), index)
        yield _turn(said, index)


# The turn that `said` describes; raises `FaultError`.
def _turn(said: Record, index: int) -> Turn:
    try:
        return Turn.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise FaultError("wrong_shape", f"{place or 'turn'}: {first['msg']}", index) from error


def _is_list(record: Record, name: str) -> bool:
    return isinstance(record.get(name), (list, tuple))


SHAPES: dict[str, Shape] = {
    shape.kind: shape
    for shape in (
        Shape("mesc", has_emotions, _mesc_turns),
        Shape("esconv", lambda record: _is_list(record, "dialog"), _esconv_turns),
        Shape("chat", lambda record: _is_list(record, "messages"), _chat_turns),
        Shape("dialogue", lambda record: _is_list(record, "turns"), _own_turns),
        Shape("empathetic", lambda record: _is_list(record, "utterances"), _empathetic_turns),
    )
}
"""Every shape by its kind; a record has the first that fits."""


def unwrap(record: Any) -> Any:
    """The record inside, where a row holds a whole dialogue as JSON text (`thu-coai/esconv` on the Hub)."""
    if isinstance(record, Mapping) and set(record) == {"text"} and isinstance(record["text"], str):
        try:
            return parse_json(record["text"])
        except ValueError:
            return record
    return record


def shape_of(record: Any) -> Shape | None:
    """The shape that a record is written in, or None."""
    if not isinstance(record, Mapping):
        return None
    return next((shape for shape in SHAPES.values() if shape.fits(record)), None)


def to_dialogue(record: Record, shape: Shape, *, source: str, license_id: str) -> Dialogue:
    """The dialogue that a record holds.

    Raises:
        FaultError: it holds none.
    """
    turns = tuple(shape.turns(record))
    if not any(turn.speaker is Speaker.SUPPORTER for turn in turns):
        raise FaultError("empty_dialogue", "it has no supporter turn" if turns else "it has no turns")
    own, fields = shape.kind == "dialogue", _FIELDS.get(shape.kind, _ESCONV_FIELDS)
    if shape.kind == "mesc":
        seekers = (said for _, (said, speaker, _) in _said(record) if speaker is Speaker.SEEKER)
        record = {**record, "emotion_type": commonest_emotion(record, seekers)}
    about = {ours: str(record[theirs]).strip() or None for ours, theirs in fields.items() if record.get(theirs)}
    try:
        return Dialogue(
            source=str(record.get("source") or source) if own else source,
            license=str(record.get("license") or license_id) if own else license_id,
            split=record.get("own_split", record.get("split")) if own else None,
            turns=turns,
            **about,
        )
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise FaultError("wrong_shape", f"{first['loc'][0] if first['loc'] else 'dialogue'}: {first['msg']}") from error


_ESCONV_FIELDS = {"problem": "problem_type", "emotion": "emotion_type", "situation": "situation"}
# What a dialogue is about, by the names that a shape has for it; of all other shapes those of ESConv.
_FIELDS = {
    "dialogue": {"problem": "problem", "emotion": "emotion", "situation": "situation"},
    "empathetic": {"emotion": "context", "situation": "prompt"},
}

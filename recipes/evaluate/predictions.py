"""The answers of a system, one per turn, and their files of JSON Lines."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from ...prompts.parsers.strategy import read_strategy
from ...prompts.parsers.trace import parse_trace
from ...schemas.base import Grown, canonical_json
from ...schemas.documents import DocumentError, parse_json, read_bytes
from ...schemas.emotion import Emotion
from ...schemas.errors import UsageError
from ...schemas.evaluation import Kind
from ...schemas.strategy import Strategy, parse_strategy
from ...schemas.trace import Trace
from ..metrics.sample import TurnAnswer


class Prediction(Grown):
    """One system's answer at one turn, beside the human's."""

    gained: ClassVar[tuple[str, ...]] = ("trace", "gold_emotion")

    system: str
    """The system's name."""
    dialogue_id: str
    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    gold_strategy: Strategy
    """The human's."""
    gold_reply: str | None
    """The human's words; null where only strategies are compared."""
    strategy_raw: str | None
    """The raw reply of the planner or the joint model; null if the call failed."""
    strategy: Strategy | None
    """The strategy in it; null where it names none of the eight."""
    reply: str | None
    """The words; null if there are none."""
    problem: str = ""
    """Why there is no strategy, or no reply; empty where there are both, or none was asked for."""
    trace: str | None = None
    """The trace of a system that reasons, in its text form; null if none could be read."""
    gold_emotion: Emotion | None = None
    """The dialogue's main emotion, if its source names one of the list."""

    @property
    def place(self) -> tuple[str, int]:
        """The turn that it is at."""
        return self.dialogue_id, self.turn

    @cached_property
    def steps(self) -> Trace | None:
        """The parsed trace; None if there is none, or none that can be read."""
        read = parse_trace(self.trace) if self.trace is not None else None
        return read if isinstance(read, Trace) else None

    @property
    def answer(self) -> TurnAnswer:
        return TurnAnswer(
            self.dialogue_id,
            self.turn,
            self.gold_strategy,
            self.gold_reply,
            self.strategy,
            self.reply,
            self.steps.emotion.emotion if self.steps else None,
            self.gold_emotion,
        )


@dataclass(frozen=True)
class System:
    """A system and everything that it said."""

    name: str
    kind: Kind
    about: str
    """A description: its models, its file, or the rule of a baseline."""
    predictions: tuple[Prediction, ...]
    notes: tuple[str, ...] = ()
    """Remarks to read before its numbers."""


def predictions_text(predictions: Iterable[Prediction]) -> str:
    """The contents of a predictions file."""
    return "".join(canonical_json(one.model_dump(mode="json")).decode() + "\n" for one in predictions)


def file_name_of(system: str, taken: Sequence[str] = ()) -> str:
    """A file name for a system, other than those that are taken."""
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in system).strip("-.") or "system"
    numbered = (plain if number < 2 else f"{plain}-{number}" for number in range(1, len(taken) + 2))
    return next(f"{name}.jsonl" for name in numbered if f"{name}.jsonl" not in taken)


# Puts systems side by side: every one is scored on the turns that all of them answered, under the same gold.


HUMAN = "human"


@dataclass(frozen=True)
class Aligned:
    """A system's predictions at the common turns, in their order."""

    system: System
    predictions: tuple[Prediction, ...]

    @property
    def left_out(self) -> int:
        return len(self.system.predictions) - len(self.predictions)


def align(systems: Sequence[System]) -> tuple[Aligned, ...]:
    """The systems at their common turns, in the order in which the first one has them.

    Raises:
        UsageError: two systems have one name, nothing is common to all, or they differ in what the human did.
    """
    names = [system.name for system in systems]
    refuse_same_names(names)
    by_place = [{one.place: one for one in system.predictions} for system in systems]
    common = [place for place in by_place[0] if all(place in found for found in by_place)]
    if not common:
        raise UsageError(f"there is no turn that all of {', '.join(names)} answered; score them one by one")
    aligned = tuple(
        Aligned(system, tuple(found[place] for place in common))
        for system, found in zip(systems, by_place, strict=True)
    )
    for other in aligned[1:]:
        _refuse_other_gold(aligned[0], other)
    return aligned


def refuse_same_names(names: Sequence[str]) -> None:
    """Every system has a name of its own, and none the human's.

    Raises:
        UsageError: two systems have one name.
    """
    if twice := [name for name in names if names.count(name) > 1 or name == HUMAN]:
        raise UsageError(f"{twice[0]!r} is taken as a system's name; give another with --predictions NAME=FILE")


# The human did one thing at a turn; where files say two, they are not about the same turns.
def _refuse_other_gold(one: Aligned, other: Aligned) -> None:
    for ours, theirs in zip(one.predictions, other.predictions, strict=True):
        replies = {ours.gold_reply, theirs.gold_reply} - {None}
        if ours.gold_strategy is not theirs.gold_strategy or len({str(reply).strip() for reply in replies}) > 1:
            raise UsageError(
                f"{one.system.name} and {other.system.name} differ in what the human did at turn {ours.turn} of "
                f"{ours.dialogue_id}: they are not about the same turns; score them one by one"
            )


def human_of(aligned: Sequence[Aligned]) -> System | None:
    """The human's replies at the common turns as a system, for a yardstick; None where no file holds them."""
    golds = [next((one.gold_reply for one in row if one.gold_reply is not None), None) for row in _rows(aligned)]
    if not any(golds):
        return None
    said = tuple(
        one.model_copy(
            update={
                "system": HUMAN,
                "strategy_raw": one.gold_strategy.value,
                "strategy": one.gold_strategy,
                "reply": gold,
                "problem": "",
            }
        )
        for one, gold in zip(aligned[0].predictions, golds, strict=True)
    )
    return System(HUMAN, "human", "the human supporter's own replies, as a yardstick", said)


# The predictions of all systems, turn by turn.
def _rows(aligned: Sequence[Aligned]) -> list[tuple[Prediction, ...]]:
    return list(zip(*(one.predictions for one in aligned), strict=True))


# Reads prediction files: our own form, and that of DecoupledESC's published inference scripts.
#
# Ours is JSON Lines with the columns of `Prediction`; `dialogue_id`, `turn` and `gold_strategy` are required.
# DecoupledESC's (arXiv 2505.16995) is a JSON list, or JSON Lines, of objects with `GT_strategy`, `predict_strategy`,
# `GT_content`, `predict_content`; it names no dialogues, but where rows hold their `conversations`, a row whose history
# goes on from the row before is of the same dialogue. In both, a predicted label that is none of the eight is invalid,
# and kept as it came.


OURS = ("dialogue_id", "turn", "gold_strategy")
_THEIRS = ("GT_strategy", "predict_strategy", "GT_content", "predict_content")

Record = dict[str, Any]


def read_systems(named: str) -> tuple[System, ...]:
    """The systems in `FILE`, or in `NAME=FILE` and then by that name.

    Raises:
        UsageError: the file cannot be read or is of neither form, a row is not what its form says, or the name is given
            to a file of several systems.
    """
    name, path = _split_name(named)
    records = list(_records(path))
    if not records:
        raise UsageError(f"{path.name}: no predictions in it")
    if all(column in records[0][1] for column in _THEIRS):
        return (_their_system(name or path.stem, path, records),)
    if all(column in records[0][1] for column in OURS):
        return _our_systems(name, path, records)
    has = ", ".join(sorted(map(str, records[0][1]))) or "none"
    raise UsageError(
        f"{path.name}: {records[0][0]}: its columns are {has}; wanted are {', '.join(OURS)} with strategy and reply, "
        f"or {', '.join(_THEIRS)}"
    )


def _split_name(named: str) -> tuple[str, Path]:
    name, equals, path = named.partition("=")
    return (name, Path(path)) if equals and name and not Path(named).exists() else ("", Path(named))


# Each record with its place in words.
def _records(path: Path) -> Iterator[tuple[str, Record]]:
    try:
        text = read_bytes(path).decode("utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name}: not UTF-8: {error.reason} at byte {error.start}") from error
    except DocumentError as error:
        raise UsageError(f"{path.name}: {error}") from error
    whole = text.lstrip().startswith("[")
    for where, value in _list(path, text) if whole else _lines(path, text):
        if not isinstance(value, dict):
            raise UsageError(f"{path.name}: {where}: an object is wanted, not {type(value).__name__}")
        yield where, value


def _list(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    try:
        values = parse_json(text)
    except DocumentError as error:
        raise UsageError(f"{path.name}: not JSON: {error}") from error
    yield from ((f"item {number}", value) for number, value in enumerate(values))


def _lines(path: Path, text: str) -> Iterator[tuple[str, Any]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                value = parse_json(line)
            except DocumentError as error:
                raise UsageError(f"{path.name}: line {number}: not JSON: {error}") from error
            yield f"line {number}", value


def _our_systems(name: str, path: Path, records: list[tuple[str, Record]]) -> tuple[System, ...]:
    systems: dict[str, list[Prediction]] = {}
    seen: set[tuple[str, str, int]] = set()
    for where, record in records:
        one = _checked(path, where, record, lambda record: _our_prediction(record, path.stem))
        if (key := (one.system, *one.place)) in seen:
            raise UsageError(f"{path.name}: {where}: turn {one.turn} of {one.dialogue_id} was there before")
        seen.add(key)
        systems.setdefault(one.system, []).append(one)
    if name and len(systems) > 1:
        raise UsageError(f"{path.name}: it holds {len(systems)} systems ({', '.join(systems)}), so {name}= names none")
    return tuple(
        System(name or own, "system", f"from {path.name}", tuple(_renamed(one, name or own) for one in found))
        for own, found in systems.items()
    )


def _our_prediction(record: Record, system: str) -> Prediction:
    known = {column: record[column] for column in Prediction.model_fields if column in record}
    raw = known.get("strategy_raw", known.get("strategy"))
    label = known.get("strategy") if "strategy" in known else raw
    return Prediction.model_validate(
        {"system": system, "gold_reply": None, "reply": None}
        | known
        | {"gold_strategy": _gold(record["gold_strategy"]), "strategy_raw": raw, "strategy": _label(label)}
    )


def _their_system(name: str, path: Path, records: list[tuple[str, Record]]) -> System:
    predictions: list[Prediction] = []
    before: list[Any] = []
    dialogue, turn, grouped = -1, 0, True
    for where, record in records:
        said = record.get("conversations")
        grouped = grouped and isinstance(said, list)
        goes_on = isinstance(said, list) and bool(before) and len(said) > len(before) and said[: len(before)] == before
        dialogue, turn = (dialogue, turn + 1) if goes_on else (dialogue + 1, 0)
        before = said if isinstance(said, list) else []
        made = _checked(path, where, record, lambda record: _their_prediction(record, name))
        predictions.append(made.model_copy(update={"dialogue_id": f"dialogue {dialogue}", "turn": turn}))
    note = (
        f"{path.name} names no dialogues and no histories: its intervals take turns to be unrelated, and are too narrow"
    )
    return System(name, "system", f"from {path.name}", tuple(predictions), () if grouped else (note,))


def _their_prediction(record: Record, system: str) -> Prediction:
    return Prediction(
        system=system,
        dialogue_id="",
        turn=0,
        gold_strategy=_gold(record["GT_strategy"]),
        gold_reply=_text(record["GT_content"]),
        strategy_raw=_text(record["predict_strategy"]),
        strategy=_label(record["predict_strategy"]),
        reply=_text(record["predict_content"]),
    )


# What `make` makes of a record; an error names its place.
def _checked(path: Path, where: str, record: Record, make: Callable[[Record], Prediction]) -> Prediction:
    try:
        return make(record)
    except KeyError as error:
        raise UsageError(f"{path.name}: {where}: column {error.args[0]} is missing") from error
    except ValueError as error:  # pydantic's is one, too
        raise UsageError(f"{path.name}: {where}: {_reason(error)}") from error


def _reason(error: ValueError) -> str:
    found = getattr(error, "errors", None)
    if found is None:
        return str(error)
    first = found(include_input=False, include_url=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


def _gold(label: object) -> Strategy:
    strategy = parse_strategy(label) if isinstance(label, str) else None
    if strategy is None:
        raise ValueError(f"the human's strategy is {str(label)[:60]!r}, none of {', '.join(Strategy)}")
    return strategy


def _label(label: object) -> Strategy | None:
    read = read_strategy(label) if isinstance(label, str) else None
    return read if isinstance(read, Strategy) else None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _renamed(one: Prediction, name: str) -> Prediction:
    return one if one.system == name else one.model_copy(update={"system": name})

"""The base of source formats: a format reads a record of a corpus as a `Dialogue`, or says why it cannot.

One file here is one format, complete: how its records are recognised, how their turns are read, and where it names what
a dialogue is about. `formats` finds every module of this package that has a `FORMAT`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ...schemas.base import Frozen
from ...schemas.dialogue import Dialogue, Speaker, Split, Turn
from ...schemas.strategy import parse_strategy

Record = Mapping[str, Any]

BAD_DIALOGUES = (
    "unknown_strategy",
    "missing_strategy",
    "missing_speaker",
    "empty_dialogue",
    "duplicate_dialogue",
    "wrong_shape",
    "too_long",
)
"""Reasons for rejecting a record, as manifests count them."""


class BadDialogue(Frozen):
    """A record that is not a dialogue, and why."""

    source: str
    """The file or Hub id."""
    index: int
    """Its place there, from 0."""
    turn: int | None
    """The turn at fault, from 0; None where it is the whole dialogue."""
    reason: str
    """One of `BAD_DIALOGUES`."""
    detail: str
    """The value, shortened; never a whole message."""

    def __str__(self) -> str:
        where = f"dialogue {self.index}" + ("" if self.turn is None else f", turn {self.turn}")
        return f"{self.source}: {where}: {self.reason.replace('_', ' ')}: {self.detail}"


class FaultError(Exception):
    """The reason why a record is not a dialogue."""

    def __init__(self, reason: str, detail: str, turn: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.detail, self.turn = reason, detail, turn


@dataclass(frozen=True)
class RowFormat:
    """A reader for corpora whose dialogues span rows of a CSV file."""

    source_name: str
    """The `source` of rows if the files are named after their splits."""
    fits: Callable[[Sequence[str]], bool]
    """Whether a header is that of such a file."""
    read: Callable[[Path, Iterable[str]], Iterator[Record]]
    """The rows of a file's lines; raises `SourceError`."""
    gather: Callable[[Iterable[tuple[Any, Split | None]]], Iterator[tuple[Any, Split | None]]]
    """The rows of one dialogue as one record, and all other records as they are."""


@dataclass(frozen=True)
class Format:
    """A way of writing a dialogue."""

    kind: str
    """Its name in `--source kind:path`."""
    described_as: str
    """Its description in the message about records that fit no format."""
    fits: Callable[[Record], bool]
    """Whether a record is written in it."""
    turns: Callable[[Record], Iterator[Turn]]
    """The record's turns, in order; raises `FaultError`."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """The names under which a record says what the dialogue is about: problem, emotion, situation."""
    complete: Callable[[Record], Record] = lambda record: record
    """The record with what has to be computed from its turns."""
    rows: RowFormat | None = None
    """The reader of its CSV files, if a record spans rows."""
    order: int = 100
    """Formats are tried in ascending order, so a record that fits several has the first of them."""
    is_own: bool = False
    """Whether a record also states its source, its licence and its split: our own form does."""


def named_strategy(name: Any, turn: int) -> str:
    """The strategy that a supporter turn names, as one of the eight.

    Raises:
        FaultError: it names none, or another one.
    """
    if not isinstance(name, str) or not name.strip():
        raise FaultError("missing_strategy", "a supporter turn names no strategy", turn)
    strategy = parse_strategy(name)
    if strategy is None:
        raise FaultError("unknown_strategy", f"{name[:60]!r} is none of the eight", turn)
    return strategy.value


def make_turn(said: Record, index: int) -> Turn:
    """The turn with these fields.

    Raises:
        FaultError: a field is wrong; its place is named.
    """
    try:
        return Turn.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise FaultError("wrong_shape", f"{place or 'turn'}: {first['msg']}", index) from error


def has_list(record: Record, name: str) -> bool:
    """Whether a record has a list under this name."""
    return isinstance(record.get(name), (list, tuple))


def to_dialogue(record: Record, form: Format, *, source: str, license_id: str) -> Dialogue:
    """The dialogue that a record holds.

    Raises:
        FaultError: it holds none.
    """
    turns = tuple(form.turns(record))
    if not any(turn.speaker is Speaker.SUPPORTER for turn in turns):
        raise FaultError("empty_dialogue", "it has no supporter turn" if turns else "it has no turns")
    record = form.complete(record)
    about = {ours: str(record[theirs]).strip() or None for ours, theirs in form.fields.items() if record.get(theirs)}
    try:
        return Dialogue(
            source=str(record.get("source") or source) if form.is_own else source,
            license=str(record.get("license") or license_id) if form.is_own else license_id,
            split=record.get("own_split", record.get("split")) if form.is_own else None,
            turns=turns,
            **about,
        )
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise FaultError("wrong_shape", f"{first['loc'][0] if first['loc'] else 'dialogue'}: {first['msg']}") from error

"""Any other preference dataset in TRL's forms, as a stream of the same batches.

A side is a text or a list of messages. The prompt has a column of its own, or it is what both sides begin with; then
messages are split where they part, and texts after the last line break, or else the last space, that both share.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ...schemas.audit import Subject
from ...schemas.errors import DataError, UsageError
from ...schemas.text import mend_half_pairs
from ..sources.files import digest_of_lines, read_records, sha256_of
from ..sources.hub import DatasetCopy
from ..statistics.bootstrap import REPLICATES, SEED
from ._gate_evidence import NO_RELEASE
from ._measure import BatchPosition, Messages, Pairs

# Takes one row of a preference dataset apart: prompt, chosen side, rejected side, whatever form they come in.


Turns = list[tuple[str, str]]
"""Role and content of each message."""

# A run of white space is tried from its beginning and its first line break alone, or many would take their square.
_ANSWER = re.compile(
    r"(?<!\s)[^\S\n]*+\n\s*+(?:assistant|ai|bot|supporter|therapist)\s*:\s*|<\|assistant\|>\s*", re.IGNORECASE
)
# The last space of the common beginning: sides that begin with the same letters are cut between words.
_SPACE = re.compile(r"\s(?=\S*$)")


@dataclass(frozen=True)
class SplitRow:
    """A row taken apart; contents of several messages are joined by a character that no text holds."""

    prompt: str
    chosen: str
    rejected: str
    prompt_fits: bool = True
    """Whether the prompt's roles are in order; texts have none to be wrong."""
    chosen_fits: bool = True
    rejected_fits: bool = True
    shifted: bool | None = None
    """Whether the prompt is another one than the sides begin with; None where they hold none."""


def split_row(prompt: Any, chosen: Any, rejected: Any, where: str) -> SplitRow:
    """A row taken apart.

    Args:
        prompt: a text, a list of messages, or None where the sides hold it.
        chosen: a text or a list of messages; None counts as empty.
        rejected: the same.
        where: the row's place, for what is said of it.

    Raises:
        DataError: a cell is neither a text nor a list of messages, or the sides are not alike.
    """
    cells = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
    read = {name: _read(cell, f"{where}: {name}") for name, cell in cells.items()}
    first, one, other = read["prompt"], read["chosen"], read["rejected"]
    if isinstance(one, str) and isinstance(other, str):
        return _of_texts(first, one, other)
    return _of_messages(first, _as_turns(one), _as_turns(other))


def _of_texts(prompt: str | Turns | None, chosen: str, rejected: str) -> SplitRow:
    if prompt is None:
        cut = _shared(chosen, rejected)
        return SplitRow(chosen[:cut], chosen[cut:], rejected[cut:])
    text = prompt if isinstance(prompt, str) else _joined(prompt)
    if text.strip() and chosen.startswith(text) and rejected.startswith(text):
        chosen, rejected = chosen[len(text) :], rejected[len(text) :]
    return SplitRow(text, chosen, rejected, prompt_fits=isinstance(prompt, str) or _ends_with_user(prompt))


def _of_messages(prompt: str | Turns | None, chosen: Turns, rejected: Turns) -> SplitRow:
    before, one, other = _apart(chosen, rejected)
    shifted = None
    if prompt is None:
        turns, fits = before, _ends_with_user(before)
    elif isinstance(prompt, str):
        turns, fits = [("user", prompt)], True
        shifted = prompt.strip() not in [content.strip() for _, content in before] if before else None
    else:
        turns, fits = prompt, _ends_with_user(prompt)
        shifted = [turn for turn in before if turn[0] != "system"] != [turn for turn in prompt if turn[0] != "system"]
        shifted = shifted if before else None
    return SplitRow(_joined(turns), _joined(one), _joined(other), fits, _is_answer(one), _is_answer(other), shifted)


# What both begin with, and what is left of each: at least the last message, so that equal sides stay sides.
def _apart(chosen: Turns, rejected: Turns) -> tuple[Turns, Turns, Turns]:
    most = max(0, min(len(chosen), len(rejected)) - 1)
    shared = next((at for at in range(most) if chosen[at] != rejected[at]), most)
    return chosen[:shared], chosen[shared:], rejected[shared:]


# Where the prompt ends that two texts begin with.
def _shared(chosen: str, rejected: str) -> int:
    shorter = min(len(chosen), len(rejected))
    length = next((at for at in range(shorter) if chosen[at] != rejected[at]), shorter)
    same = chosen[:length]
    answers = list(_ANSWER.finditer(same))
    if answers:
        return answers[-1].end()
    if "\n" in same:
        return same.rindex("\n") + 1
    if chosen == rejected:
        return 0
    found = _SPACE.search(same)
    return found.end() if found else 0


def _read(cell: Any, where: str) -> str | Turns | None:
    if cell is None:
        return None if where.endswith("prompt") else ""
    if isinstance(cell, str):
        return mend_half_pairs(cell)
    if not isinstance(cell, list):
        raise DataError(f"{where}: neither a text nor a list of messages")
    turns = []
    for message in cell:
        role, content = (message.get(name) for name in ("role", "content")) if isinstance(message, dict) else (None, 0)
        if not isinstance(role, str) or not isinstance(content, str | None):
            raise DataError(f"{where}: a message is not of the form {{role, content}} with texts")
        turns.append((role, mend_half_pairs(content or "")))
    return turns


def _as_turns(side: str | Turns | None) -> Turns:
    return [("assistant", side)] if isinstance(side, str) else side or []


def _joined(turns: Turns) -> str:
    return "\0".join(content for _, content in turns)


def _ends_with_user(turns: Turns) -> bool:
    return bool(turns) and turns[-1][0] == "user"


def _is_answer(turns: Turns) -> bool:
    return len(turns) == 1 and turns[0][0] == "assistant"


CONFIG = "pairs"
"""The name of the only config of such a dataset."""
COLUMNS = ("prompt", "chosen", "rejected", "dialogue", "strategy", "rejected_strategy", "error")
"""The roles that a column may have."""
_NEEDED = ("chosen", "rejected")
# Rows that are measured at a time.
_ROWS = 1_000
_SUFFIXES = (".parquet", ".jsonl", ".json", ".ndjson")
_SPLIT = re.compile(r"(?:^|[^a-z])(train|validation|valid|val|dev|test)(?:[^a-z]|$)")
_SAME = {"valid": "validation", "val": "validation", "dev": "validation"}
# Similarity of near-duplicate dialogues; a dataset of others has no spec that says it.
_NEAR = 0.8


def read_columns(text: str) -> dict[str, str]:
    """`prompt=a,chosen=b,rejected=c` as a mapping from what is read to its column.

    Raises:
        UsageError: it is not of that form, names something that there is not, or lacks a side.
    """
    columns = {}
    for part in text.split(","):
        name, equals, column = part.strip().partition("=")
        if not equals or not column or name not in COLUMNS:
            raise UsageError(f"--columns: {part!r} is not one of {', '.join(f'{one}=COLUMN' for one in COLUMNS)}")
        columns[name] = column
    if missing := [name for name in _NEEDED if name not in columns]:
        raise UsageError(f"--columns: {missing[0]}=COLUMN is missing")
    return columns


class ForeignSource:
    """A preference dataset that is not a release: a file, or a folder of Parquet, JSON or JSON Lines.

    Args:
        place: the file or folder.
        columns: as `read_columns` gives them.
        name: what to call it.
        version: the revision that was asked for, or None.
    """

    def __init__(self, place: Path, columns: dict[str, str], name: str, version: str | None = None) -> None:
        self._root = place if place.is_dir() else place.parent
        self._files = _files(place)
        # The digests are taken once, and what is read later must have them.
        self._folder = place if place.is_dir() else None
        self._digests = {self._name_of(path): sha256_of(path, self._folder) for path in self._files}
        self._columns, self._name, self._version = columns, name, version
        self.gates: dict[str, float] = {}
        self.facts = NO_RELEASE

    def subject(self) -> Subject:
        return Subject(
            kind="pairs",
            name=self._name,
            version=self._version,
            sha256=digest_of_lines(self._digests),
            columns=self._columns,
            seed=SEED,
            replicates=REPLICATES,
        )

    def splits(self) -> dict[str, tuple[str, ...]]:
        return {CONFIG: tuple(dict.fromkeys(self._split_of(path) for path in self._files))}

    def candidates(self) -> dict[str, int]:
        return {}

    def similarity(self) -> float:
        return _NEAR

    def batches(self) -> Iterator[Pairs]:
        """See `subjects.Source`.

        Raises:
            DataError: a file is damaged, or a cell is not text and no list of messages.
            UsageError: a column is not there.
        """
        for path in self._files:
            name, first = self._name_of(path), 0
            rows = _rows(path, self._folder, self._digests[name])
            while batch := list(islice(rows, _ROWS)):
                place = BatchPosition(CONFIG, self._split_of(path), name, first)
                yield _pairs(batch, place, self._columns)
                first += len(batch)

    def _name_of(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _split_of(self, path: Path) -> str:
        found = _SPLIT.search(path.relative_to(self._root).as_posix().lower())
        return _SAME.get(found[1], found[1]) if found else "train"


def _files(place: Path) -> list[Path]:
    if not place.exists():
        raise UsageError(f"{place}: no such file or folder")
    if not place.is_dir():
        return [place]
    found = [path for path in DatasetCopy(place, None).files() if path.suffix in _SUFFIXES]
    if tables := [path for path in found if path.suffix == ".parquet"]:
        return tables  # JSON beside Parquet is about the data, not the data
    if not found:
        raise UsageError(f"{place}: there is no {', '.join(_SUFFIXES)} file in it")
    return found


def _rows(path: Path, root: Path | None, sha256: str) -> Iterator[dict[str, Any]]:
    for number, record in enumerate(read_records(path, root=root, sha256=sha256)):
        if not isinstance(record, dict):
            raise UsageError(f"{path.name}: row {number}: not an object with columns")
        yield record


# A batch of rows as measures read it.
def _pairs(rows: list[dict[str, Any]], place: BatchPosition, columns: dict[str, str]) -> Pairs:
    split = []
    for number, row in enumerate(rows):
        where = f"{place.file}: row {place.first + number}"
        cells = {name: _cell(row, column, where) for name, column in columns.items()}
        split.append(split_row(cells.get("prompt"), cells["chosen"], cells["rejected"], where))
    for name in ("dialogue", "strategy", "rejected_strategy", "error"):
        if name in columns:
            for number, row in enumerate(rows):
                _cell(row, columns[name], f"{place.file}: row {place.first + number}")
    known = {name: _strings(rows, columns.get(name)) for name in ("dialogue", "strategy", "rejected_strategy", "error")}
    chosen = known["strategy"]
    shifted = [one.shifted for one in split]
    return Pairs(
        place=place,
        dialogue_ids=known["dialogue"],
        prompt=_messages([one.prompt for one in split], [one.prompt_fits for one in split]),
        chosen=_messages([one.chosen for one in split], [one.chosen_fits for one in split]),
        rejected=_messages([one.rejected for one in split], [one.rejected_fits for one in split]),
        shifted=None if all(one is None for one in shifted) else np.array([bool(one) for one in shifted]),
        chosen_strategy=chosen,
        rejected_strategy=known["rejected_strategy"],
        error=known["error"],
    )


def _cell(row: dict[str, Any], column: str, where: str) -> Any:
    if column not in row:
        raise UsageError(f"{where}: there is no column {column}; there are {', '.join(map(str, row))}")
    return row[column]


def _messages(texts: list[str], fits: list[bool]) -> Messages:
    return Messages(pa.array(texts, pa.string()), np.array(fits, dtype=bool))


def _strings(rows: list[dict[str, Any]], column: str | None) -> pa.Array | None:
    if column is None:
        return None
    return pa.array([None if row[column] is None else mend_half_pairs(str(row[column])) for row in rows], pa.string())

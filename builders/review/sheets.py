"""Filled sheets as labels: every cell is one of those offered or blank, and all that are neither are told together."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from ...schemas.error_type import parse_error_type
from ...schemas.errors import UsageError
from ...schemas.review import NO_ERROR, Better, Found, Label
from .bad_cells import BadCells
from .forms import ERROR_LABELS
from .items import BETTER, BETTER_COLUMN, ERROR_COLUMNS
from .key import Key, KeyItem
from .readers import RawRow, read_rows

_NO_ERROR = frozenset(("none", "no error"))
_GENERIC_NAME = re.compile(r"^review(?![^\W_])[\W_]*", re.IGNORECASE)
Answer = TypeVar("Answer")

BLANK = Label(chosen_error=None, rejected_error=None, better=None)
"""The label of a pair that an annotator left alone."""


@dataclass
class Sheet:
    """What one annotator said in one file."""

    annotator: str
    file: str
    """The file's name, without its folder."""
    labels: dict[str, Label] = field(default_factory=dict)
    """By item; items that the file does not have are not in it."""


def read_sheets(files: Sequence[Path], names: Sequence[str], key: Key) -> list[Sheet]:
    """Every annotator's sheet.

    Args:
        files: the filled files; one may hold several annotators, where it is an export of a tool.
        names: the annotator of each file, in order; where it is empty, the files' names tell.
        key: of the export that they come from.

    Raises:
        UsageError: a file cannot be read, an annotator comes twice, or cells hold what was not offered: each is named
            with file, row and column.
    """
    if names and len(names) != len(files):
        raise UsageError(f"--annotator was given {len(names)} times for {len(files)} files; give it once for each")
    bad, sheets = BadCells(), list[Sheet]()
    for number, path in enumerate(files):
        base = names[number] if names else _name_of(path)
        sheets += _sheets_of(path, _published(base, path), key, bad)
    bad.stop()
    told: dict[str, str] = {}
    for sheet in sheets:
        if sheet.annotator in told:
            where = f"{told[sheet.annotator]} and {sheet.file}"
            raise UsageError(f"{where} are both of {sheet.annotator}; tell the annotators apart with --annotator")
        told[sheet.annotator] = sheet.file
    return sheets


def _name_of(path: Path) -> str:
    """The annotator by the file's name: `review_anna.csv` and `anna.csv` are anna's."""
    return re.sub(r"[^\w.-]+", " ", _GENERIC_NAME.sub("", path.stem)).strip(" ._-")


def _published(name: str, path: Path) -> str:
    if not name.strip():
        raise UsageError(f"{path}: who filled it in? Name the file after the annotator, or give --annotator")
    if "@" in name:
        raise UsageError(f"{path}: an annotator's name is published with the release: give a pseudonym, not an address")
    return name.strip()


def _sheets_of(path: Path, base: str, key: Key, bad: BadCells) -> list[Sheet]:
    rows = read_rows(path)
    people = sorted({row.annotator for row in rows}) or [""]
    several = len(people) > 1
    sheets = {one: Sheet(annotator=f"{base}-{one}" if several else base, file=path.name) for one in people}
    places: dict[tuple[str, str], str] = {}
    for row in rows:
        item = str(row.item or "").strip().casefold()
        if item not in key.items:
            bad.cell(path, row, "item", f"{row.item!r} is no item of this key" if item else "is empty")
        elif (row.annotator, item) in places:
            bad.cell(path, row, "item", f"{item} stands in {places[row.annotator, item]} already")
        else:
            places[row.annotator, item] = row.place
            sheets[row.annotator].labels[item] = _label(path, row, key.items[item], bad)
    return list(sheets.values())


def _label(path: Path, row: RawRow, entry: KeyItem, bad: BadCells) -> Label:
    def read(column: str, parse: Callable[[str], Answer | None], offered: Iterable[str]) -> Answer | None:
        cell = row.cells[column]
        text = "" if cell is None else " ".join(str(cell).split())
        answer = parse(text) if text else None
        if text and answer is None:
            bad.cell(path, row, column, f"{cell!r} is none of {', '.join(offered)}")
        return answer

    sides = [read(column, _found, ERROR_LABELS) for column in ERROR_COLUMNS]
    chosen, rejected = sides if entry.a == "chosen" else sides[::-1]
    better = read(BETTER_COLUMN, _better, BETTER)
    if better in ("a", "b"):
        better = Better.CHOSEN if (better == "a") == (entry.a == "chosen") else Better.REJECTED
    return Label(chosen_error=chosen, rejected_error=rejected, better=None if better is None else Better(better))


def _found(text: str) -> Found | None:
    return NO_ERROR if text.casefold() in _NO_ERROR else parse_error_type(text)


def _better(text: str) -> str | None:
    answer = text.casefold().removeprefix("reply ")
    return answer if answer in BETTER else None

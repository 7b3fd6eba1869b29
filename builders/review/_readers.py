"""Reads filled sheets: CSV, JSON Lines, and the exports of Label Studio and Argilla, as rows of raw cells.

`importing` and `crisis` parse the cells. `BadCells` collects what cannot be parsed, so that one run reports all of it.
"""

import csv
import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ...schemas.documents import DocumentError, parse_json, read_bytes
from ...schemas.errors import UsageError
from .forms import BETTER_COLUMN, ERROR_COLUMNS

ANSWERS = (*ERROR_COLUMNS, BETTER_COLUMN)
"""The columns that are read besides `item`; others are ignored."""

# A semicolon is what spreadsheet programs write where the comma is the decimal sign.
_DELIMITERS = (",", ";", "\t")
# In characters; more than any spreadsheet program writes into a cell.
_LONGEST_CELL = 1 << 17
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True)
class RawRow:
    """One filled row."""

    place: str
    """Its place in the file, such as `row 5`."""
    item: Any
    cells: dict[str, Any]
    """The contents of the columns that were to be filled in, by column."""
    annotator: str = ""
    """The annotator according to the file: an id, never a name or an address; empty if the file does not say."""


def read_rows(path: Path) -> list[RawRow]:
    """The rows of a filled file; its ending gives the format, and the contents of a JSON file whose export it is.

    Raises:
        UsageError: the file cannot be read; the message names the place.
    """
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path}: {path.suffix or 'no ending'}: save it as .csv (UTF-8), or give .jsonl or .json")
    return _read(path, reader)


def read_sheet(path: Path, item: str, answers: Sequence[str]) -> list[RawRow]:
    """The rows of a sheet from a spreadsheet program.

    Args:
        path: the sheet.
        item: the column with the id of the row's item.
        answers: the columns that were to be filled in.

    Raises:
        UsageError: the sheet cannot be read, or lacks one of these columns.
    """
    if _READERS.get(path.suffix.lower()) is not _csv_rows:
        raise UsageError(f"{path}: {path.suffix or 'no ending'}: save it as .csv (UTF-8)")
    return _read(path, partial(_csv_rows, item=item, answers=answers))


def _read(path: Path, reader: Callable[[Path, bytes], Iterator[RawRow]]) -> list[RawRow]:
    try:
        return list(reader(path, read_bytes(path)))
    except (OSError, DocumentError) as error:
        raise UsageError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _csv_rows(path: Path, data: bytes, item: str = "item", answers: Sequence[str] = ANSWERS) -> Iterator[RawRow]:
    text, wanted = _decoded(data), (item, *answers)
    first, _, rest = text.partition("\n")
    shift = 1
    if first.strip().lower().startswith("sep="):  # Excel writes this line to name the delimiter
        text, shift = rest, 2
    csv.field_size_limit(_LONGEST_CELL)  # process-wide: reading a source may have raised it
    try:
        headers = {one: next(csv.reader(io.StringIO(text), delimiter=one), []) for one in _DELIMITERS}
    except csv.Error as error:
        raise UsageError(f"{path}: line {shift}: no CSV: {error}") from error
    # The header decides: the delimiter under which most of the wanted columns appear.
    delimiter = max(_DELIMITERS, key=lambda one: len(_known(headers[one], wanted)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        columns = _known(next(reader, []), wanted)
        for name in wanted:
            if name not in columns:
                raise UsageError(f"{path}: row {shift}: there is no column {name}")
        for number, row in enumerate(reader, start=shift + 1):
            cells = {name: row[at].strip() if at < len(row) else "" for name, at in columns.items()}
            if any(cells.values()):
                yield RawRow(f"row {number}", cells.pop(item), cells)
    except csv.Error as error:
        raise UsageError(f"{path}: line {reader.line_num}: no CSV: {error}") from error


# The index of each wanted column that the header has, by name; the first of several.
def _known(header: list[str], wanted: Sequence[str]) -> dict[str, int]:
    names = [name.strip().casefold() for name in header]
    return {name: names.index(name) for name in wanted if name in names}


def _decoded(data: bytes) -> str:
    for mark, encoding in _BYTE_ORDER_MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        # An old code page: the cells that are read are plain ASCII in all of them.
        return data.decode("latin-1")


def _jsonl_rows(path: Path, data: bytes) -> Iterator[RawRow]:
    for number, line in enumerate(_decoded(data).split("\n"), start=1):
        if not line.strip():
            continue
        row = _loaded(line, f"{path}: line {number}")
        if not isinstance(row, dict):
            raise UsageError(f"{path}: line {number}: no object")
        yield RawRow(f"line {number}", row.get("item"), {name: row.get(name) for name in ANSWERS})


def _json_rows(path: Path, data: bytes) -> Iterator[RawRow]:
    tasks = _loaded(_decoded(data), str(path))
    if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
        raise UsageError(f"{path}: no list of objects, as Label Studio and Argilla export it")
    for number, task in enumerate(tasks, start=1):
        if isinstance(task.get("annotations"), list):
            yield from _label_studio_rows(f"task {number}", task)
        elif isinstance(task.get("responses"), dict):
            yield from _argilla_rows(f"record {number}", task)
        else:
            raise UsageError(f"{path}: entry {number}: neither Label Studio's `annotations` nor Argilla's `responses`")


def _loaded(text: str, where: str) -> Any:
    try:
        return parse_json(text)
    except DocumentError as error:
        raise UsageError(f"{where}: not JSON: {error}") from error


def _label_studio_rows(place: str, task: dict[str, Any]) -> Iterator[RawRow]:
    data = task.get("data")
    item = data.get("item") if isinstance(data, dict) else None
    for annotation in task["annotations"]:
        # A task that was skipped still has an entry, which is no label.
        if not isinstance(annotation, dict) or annotation.get("was_cancelled"):
            continue
        results = [one for one in annotation.get("result") or [] if isinstance(one, dict)]
        cells = dict.fromkeys(ANSWERS, None) | {
            one["from_name"]: _choice(one.get("value")) for one in results if one.get("from_name") in ANSWERS
        }
        yield RawRow(place, item, cells, _opaque(annotation.get("completed_by")))


def _choice(value: Any) -> Any:
    choices = value.get("choices") if isinstance(value, dict) else None
    if not isinstance(choices, list):
        return value
    # Several choices are passed on as words that no parser accepts, so that they are reported and not picked from.
    return choices[0] if len(choices) == 1 else " and ".join(map(str, choices))


def _argilla_rows(place: str, record: dict[str, Any]) -> Iterator[RawRow]:
    by_user: dict[str, dict[str, Any]] = {}
    for question, answers in record["responses"].items():
        for answer in answers if isinstance(answers, list) and question in ANSWERS else []:
            if isinstance(answer, dict) and answer.get("status") != "discarded":
                user = by_user.setdefault(str(answer.get("user_id")), dict.fromkeys(ANSWERS, None))
                user[question] = answer.get("value")
    for user_id, cells in by_user.items():
        # Argilla's user ids are random; eight digits tell annotators apart.
        yield RawRow(place, record.get("id"), cells, user_id[:8])


# A publishable id of a user: Label Studio may export an e-mail address, which is hashed here.
def _opaque(completed_by: Any) -> str:
    user = completed_by
    if isinstance(user, dict):
        user = user.get("id", user.get("email"))
    text = str(user)
    return hashlib.sha256(text.encode()).hexdigest()[:8] if "@" in text else text


_READERS: dict[str, Callable[[Path, bytes], Iterator[RawRow]]] = {
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".txt": _csv_rows,
    ".jsonl": _jsonl_rows,
    ".json": _json_rows,
}


def address_fault(name: str) -> str:
    """Why a name must not be stored, since names are published with the release; empty if it may be."""
    return "is published with the release: give a pseudonym, not an address" if "@" in name else ""


_MOST_LISTED = 50


@dataclass
class BadCells:
    """The cells that cannot be parsed: all are reported together, before anything is stored."""

    lines: list[str] = field(default_factory=list)

    def add(self, file: Path, row: RawRow, column: str, what: str) -> None:
        self.lines.append(f"{file}: {row.place}: column {column}: {what}")

    def raise_any(self) -> None:
        """
        Raises:
            UsageError: there are bad cells; the message has a line for each of the first 50.
        """
        if self.lines:
            more = [f"… and {len(self.lines) - _MOST_LISTED} more"] if len(self.lines) > _MOST_LISTED else []
            raise UsageError("\n  ".join([f"{len(self.lines)} bad cells:", *self.lines[:_MOST_LISTED], *more]))

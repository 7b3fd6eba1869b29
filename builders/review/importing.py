"""Imports filled sheets into a release: `review.json` holds the labels and their agreement, and the card shows them."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ...schemas.base import Frozen
from ...schemas.config import Config
from ...schemas.error_type import ErrorType, parse_error_type
from ...schemas.errors import UsageError
from ...schemas.review import NO_ERROR, REVIEW_FILE, Better, ConfigReview, Found, Label, Review, ReviewedPair
from ..release.parts import read_review, review_json
from ..release.read import Release
from ..release.refresh import refresh_views
from ..release.rules import check_table
from ..release.write import check_writable
from ..statistics.bootstrap import REPLICATES
from ._figures import review_of
from ._readers import ANSWERS, BadCells, RawRow, address_fault, read_rows
from .forms import BETTER, BETTER_COLUMN, ERROR_COLUMNS, ERROR_LABELS
from .sample import Key, KeyItem, read_key, rows_by_id

_NO_ERROR = frozenset(("none", "no error"))
_GENERIC_NAME = re.compile(r"^review(?![^\W_])[\W_]*", re.IGNORECASE)
Answer = TypeVar("Answer")

BLANK = Label(chosen_error=None, rejected_error=None, better=None)
"""The label of a pair that an annotator skipped."""


@dataclass
class Sheet:
    """The labels of one annotator in one file."""

    annotator: str
    file: str
    """The file's name, without its folder."""
    labels: dict[str, Label] = field(default_factory=dict)
    """By item id; only items that the file has."""


class ImportedSheet(Frozen):
    """The counts of one annotator's sheet."""

    annotator: str
    file: str
    pairs: int
    """Pairs that they labelled at least in part."""
    blank: int
    """Blank cells in the rows that the file has."""
    missing: int
    """Items of the key that the file does not have."""
    replaced: int
    """Pairs whose earlier labels by the same annotator were replaced."""


class Imported(Frozen):
    """The result of an import."""

    config: Config
    sheets: tuple[ImportedSheet, ...]
    review: ConfigReview
    """The review of the config, with all annotators so far."""


def import_review(root: Path, key_path: Path, files: Sequence[Path], annotators: Sequence[str] = ()) -> Imported:
    """Stores the labels of filled sheets in a release, and refreshes its card and manifest.

    Labels of other annotators, and of the same ones under other keys, stay. If any cell is bad, nothing is stored.

    Args:
        root: the release.
        key_path: the key of the export that the sheets come from.
        files: the filled sheets.
        annotators: the annotator of each sheet, in order; if empty, the names of the files are used.

    Raises:
        UsageError: the key belongs to another release, cells cannot be parsed (the message names each), or a sheet has
            no label.
    """
    release = Release(root)
    check_writable(root)
    key = read_key(key_path)
    check_table(release, key.config)
    rows = rows_by_id(release, key.config, {entry.row_id for entry in key.items.values()})
    for name, entry in key.items.items():
        if entry.row_id not in rows or rows[entry.row_id]["dialogue_id"] != entry.dialogue_id:
            what = f"{name} is {entry.row_id}, which {root} does not have in {key.config}"
            raise UsageError(f"{key_path}: {what}; give the key of an export of this release")
    # Everything is read and checked before the first write, so that a bad cell leaves the release as it was.
    sheets = read_sheets(files, annotators, key)
    _refuse_empty(sheets, key)
    review = review_so_far(root)
    earlier = review.configs.get(key.config)
    found = review_of(_merge_labels(earlier, key, rows, sheets).values())
    store_review(root, review, configs=dict(sorted({**review.configs, key.config: found}.items())))
    counts = tuple(_count_sheet(sheet, key, earlier) for sheet in sheets)
    return Imported(config=key.config, sheets=counts, review=found)


def review_so_far(root: Path) -> Review:
    """The review of a release, with no config if there is none yet."""
    return read_review(root) or Review(replicates=REPLICATES, configs={})


def store_review(root: Path, review: Review, **changes: Any) -> None:
    """Writes a review with some fields changed into a release, and refreshes its views."""
    review = review.model_copy(update={"replicates": REPLICATES, **changes})
    refresh_views(root, {REVIEW_FILE: review_json(review)})


# Refuses a sheet without labels: it would count as an annotator, and delete their earlier labels.
def _refuse_empty(sheets: Sequence[Sheet], key: Key) -> None:
    for sheet in sheets:
        if not any(label != BLANK for label in sheet.labels.values()):
            raise UsageError(
                f"{sheet.file}: {sheet.annotator} labelled none of {len(key.items)} pairs, so there is nothing to "
                f"store: fill in {', '.join(ANSWERS)}, or leave the file out"
            )


# Every pair of the earlier review and of the key, by row id, with the labels of all annotators.
def _merge_labels(
    earlier: ConfigReview | None, key: Key, rows: Mapping[str, dict[str, Any]], sheets: Sequence[Sheet]
) -> dict[str, ReviewedPair]:
    pairs = {pair.row_id: pair for pair in (earlier.pairs if earlier else ())}
    for item, entry in key.items.items():
        known = pairs[entry.row_id].labels if entry.row_id in pairs else {}
        # An item that a sheet lacks becomes blank: an import replaces the annotator's earlier labels under the same
        # key.
        new = {sheet.annotator: sheet.labels.get(item, BLANK) for sheet in sheets}
        pairs[entry.row_id] = _pair(rows[entry.row_id], {**known, **new})
    return pairs


def _pair(row: Mapping[str, Any], labels: dict[str, Label]) -> ReviewedPair:
    return ReviewedPair(
        row_id=row["row_id"],
        dialogue_id=row["dialogue_id"],
        judge_chosen=NO_ERROR if _is_judged(row, "chosen_verdict") else None,
        judge_rejected=ErrorType(row["rejected_error"]) if _is_judged(row, "rejected_verdict") else None,
        labels=dict(sorted(labels.items())),
    )


# Whether a side of a pair was judged, by itself or by a panel that compared both sides.
#
# Either way, the verdict on a kept pair is the same: no error in the chosen side, and the pair's error in the other.
def _is_judged(row: Mapping[str, Any], verdict: str) -> bool:
    return row.get("panel") is not None or row.get(verdict) is not None


def _count_sheet(sheet: Sheet, key: Key, earlier: ConfigReview | None) -> ImportedSheet:
    given = {entry.row_id for entry in key.items.values()}
    before = [pair for pair in (earlier.pairs if earlier else ()) if pair.row_id in given]
    cells = [tuple(label.model_dump().values()) for label in sheet.labels.values()]
    return ImportedSheet(
        annotator=sheet.annotator,
        file=sheet.file,
        pairs=sum(any(cell is not None for cell in row) for row in cells),
        blank=sum(cell is None for row in cells for cell in row),
        missing=len(key.items) - len(sheet.labels),
        replaced=sum(pair.labels.get(sheet.annotator, BLANK) != BLANK for pair in before),
    )


def read_sheets(files: Sequence[Path], names: Sequence[str], key: Key) -> list[Sheet]:
    """Every annotator's sheet.

    Args:
        files: the filled files; the export of a tool may hold several annotators.
        names: the annotator of each file, in order; if empty, the names of the files are used.
        key: the key of the export that the files come from.

    Raises:
        UsageError: a file cannot be read, two sheets have the same annotator, or cells hold none of the offered
            answers; the message names each with file, row and column.
    """
    if names and len(names) != len(files):
        raise UsageError(f"--annotator was given {len(names)} times for {len(files)} files; give it once for each")
    bad, sheets = BadCells(), list[Sheet]()
    for number, path in enumerate(files):
        base = names[number] if names else _name_of(path)
        sheets += _sheets_of(path, _check_name(base, path), key, bad)
    bad.raise_any()
    files_by_annotator: dict[str, str] = {}
    for sheet in sheets:
        if sheet.annotator in files_by_annotator:
            where = f"{files_by_annotator[sheet.annotator]} and {sheet.file}"
            raise UsageError(f"{where} are both by {sheet.annotator}; name the annotators with --annotator")
        files_by_annotator[sheet.annotator] = sheet.file
    return sheets


# The annotator according to the file's name: `review_anna.csv` and `anna.csv` are anna's.
def _name_of(path: Path) -> str:
    return re.sub(r"[^\w.-]+", " ", _GENERIC_NAME.sub("", path.stem)).strip(" ._-")


def _check_name(name: str, path: Path) -> str:
    if not name.strip():
        raise UsageError(f"{path}: who filled it in? Name the file after the annotator, or give --annotator")
    if fault := address_fault(name):
        raise UsageError(f"{path}: an annotator's name {fault}")
    return name.strip()


def _sheets_of(path: Path, base: str, key: Key, bad: BadCells) -> list[Sheet]:
    rows = read_rows(path)
    people = sorted({row.annotator for row in rows}) or [""]
    # An export of one person goes by the file's name; ids are added only where they tell people apart.
    several = len(people) > 1
    sheets = {one: Sheet(annotator=f"{base}-{one}" if several else base, file=path.name) for one in people}
    places: dict[tuple[str, str], str] = {}
    for row in rows:
        item = str(row.item or "").strip().casefold()
        if item not in key.items:
            bad.add(path, row, "item", f"{row.item!r} is not an item of this key" if item else "is empty")
        elif (row.annotator, item) in places:
            bad.add(path, row, "item", f"{item} is already in {places[row.annotator, item]}")
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
            bad.add(path, row, column, f"{cell!r} is none of {', '.join(offered)}")
        return answer

    sides = [read(column, _found, ERROR_LABELS) for column in ERROR_COLUMNS]
    # From here on labels are about sides, not letters: nothing after the import depends on which reply stood first.
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

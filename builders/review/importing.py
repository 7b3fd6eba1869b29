"""Takes filled sheets into a release: labels and their agreement stand in `review.json`, and the card shows them."""

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
from ._readers import ANSWERS, BadCells, RawRow, read_rows
from .forms import BETTER, BETTER_COLUMN, ERROR_COLUMNS, ERROR_LABELS
from .sample import Key, KeyItem, read_key, rows_by_id

# Filled sheets as labels: every cell is one of those offered or blank, and all others are reported together.


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


def _read_sheets(files: Sequence[Path], names: Sequence[str], key: Key) -> list[Sheet]:
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


# The annotator by the file's name: `review_anna.csv` and `anna.csv` are anna's.
def _name_of(path: Path) -> str:
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
            bad.cell(path, row, "item", f"{row.item!r} is not an item of this key" if item else "is empty")
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


class ImportedSheet(Frozen):
    """What became of one annotator's sheet."""

    annotator: str
    file: str
    pairs: int
    """Pairs that they labelled, in part at least."""
    blank: int
    """Blank cells in the rows that the file has."""
    missing: int
    """Items of the key that the file does not have."""
    replaced: int
    """Pairs with earlier labels of the same annotator, which are gone."""


class Imported(Frozen):
    """What an import did."""

    config: Config
    sheets: tuple[ImportedSheet, ...]
    review: ConfigReview


def import_review(root: Path, key_path: Path, files: Sequence[Path], annotators: Sequence[str] = ()) -> Imported:
    """Stores the labels of filled sheets in a release, and renews its card and manifest.

    Labels of other annotators, and of the same ones under other keys, stay; nothing is written where a cell is bad.

    Args:
        root: the release.
        key_path: the key of the export that the sheets come from.
        files: filled sheets.
        annotators: who filled each, in order; where it is empty, the files' names tell.

    Raises:
        UsageError: the key is another release's, cells cannot be read (each is named), or a sheet has no label at all.
    """
    release = Release(root)
    check_writable(root)
    key = read_key(key_path)
    check_table(release, key.config)
    rows = rows_by_id(release, key.config, {entry.row_id for entry in key.items.values()})
    for name, entry in key.items.items():
        if entry.row_id not in rows or rows[entry.row_id]["dialogue_id"] != entry.dialogue_id:
            what = f"{name} is {entry.row_id}, which {root} does not have in {key.config}"
            raise UsageError(f"{key_path}: {what}: give the key of an export of this release")
    sheets = _read_sheets(files, annotators, key)
    _refuse_empty(sheets, key)
    review = read_review(root) or Review(replicates=REPLICATES, configs={})
    earlier = review.configs.get(key.config)
    found = review_of(_joined(earlier, key, rows, sheets).values())
    configs = dict(sorted({**review.configs, key.config: found}.items()))
    review = review.model_copy(update={"replicates": REPLICATES, "configs": configs})
    refresh_views(release.root, {REVIEW_FILE: review_json(review)})
    told = tuple(_result_of(sheet, key, earlier) for sheet in sheets)
    return Imported(config=key.config, sheets=told, review=found)


# A sheet without a label would count an annotator who said nothing, and wipe out what they said before.
def _refuse_empty(sheets: Sequence[Sheet], key: Key) -> None:
    for sheet in sheets:
        if not any(label != BLANK for label in sheet.labels.values()):
            raise UsageError(
                f"{sheet.file}: {sheet.annotator} labelled none of {len(key.items)} pairs, so there is nothing to "
                f"store: fill in {', '.join(ANSWERS)}, or leave the file out"
            )


# Every pair that was given out, with its labels by all annotators.
def _joined(
    earlier: ConfigReview | None, key: Key, rows: Mapping[str, dict[str, Any]], sheets: Sequence[Sheet]
) -> dict[str, ReviewedPair]:
    pairs = {pair.row_id: pair for pair in (earlier.pairs if earlier else ())}
    for item, entry in key.items.items():
        known = pairs[entry.row_id].labels if entry.row_id in pairs else {}
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


# Whether a side of a pair was judged: by itself, or by a panel that compared it with the other.
#
# The word of the release on a kept pair is one and the same: no error in the chosen side, the pair's in the other.
def _is_judged(row: Mapping[str, Any], verdict: str) -> bool:
    return row.get("panel") is not None or row.get(verdict) is not None


def _result_of(sheet: Sheet, key: Key, earlier: ConfigReview | None) -> ImportedSheet:
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

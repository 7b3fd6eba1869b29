"""Takes filled sheets into a release: labels and their agreement stand in `review.json`, and the card shows them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...schemas.base import Frozen
from ...schemas.config import Config
from ...schemas.error_type import ErrorType
from ...schemas.errors import UsageError
from ...schemas.review import FILE_NAME, NO_ERROR, ConfigReview, Label, Review, ReviewedPair
from ..release.read import Release
from ..release.rules import check_table
from ..release.write import check_writable
from ..renewing import renew
from ..statistics.bootstrap import REPLICATES
from .figures import review_of
from .key import Key, read_key
from .readers import ANSWERS
from .sample import rows_by_id
from .sheets import BLANK, Sheet, read_sheets
from .store import read_review, review_json


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
    """Of that config, with all annotators so far."""


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
    sheets = read_sheets(files, annotators, key)
    _refuse_empty(sheets, key)
    review = read_review(root) or Review(replicates=REPLICATES, configs={})
    earlier = review.configs.get(key.config)
    found = review_of(_joined(earlier, key, rows, sheets).values())
    configs = dict(sorted({**review.configs, key.config: found}.items()))
    review = review.model_copy(update={"replicates": REPLICATES, "configs": configs})
    renew(release.root, {FILE_NAME: review_json(review)})
    told = tuple(_told(sheet, key, earlier) for sheet in sheets)
    return Imported(config=key.config, sheets=told, review=found)


def _refuse_empty(sheets: Sequence[Sheet], key: Key) -> None:
    """A sheet without a label would count an annotator who said nothing, and wipe out what they said before."""
    for sheet in sheets:
        if not any(label != BLANK for label in sheet.labels.values()):
            raise UsageError(
                f"{sheet.file}: {sheet.annotator} labelled none of {len(key.items)} pairs, so there is nothing to "
                f"store: fill in {', '.join(ANSWERS)}, or leave the file out"
            )


def _joined(
    earlier: ConfigReview | None, key: Key, rows: Mapping[str, dict[str, Any]], sheets: Sequence[Sheet]
) -> dict[str, ReviewedPair]:
    """Every pair that was given out, with its labels by all annotators."""
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


def _is_judged(row: Mapping[str, Any], verdict: str) -> bool:
    """Whether a side of a pair was judged: by itself, or by a panel that compared it with the other.

    The word of the release on a kept pair is one and the same: no error in the chosen side, the pair's in the other.
    """
    return row.get("panel") is not None or row.get(verdict) is not None


def _told(sheet: Sheet, key: Key, earlier: ConfigReview | None) -> ImportedSheet:
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

"""Takes decisions about signs of a crisis into a release. They are counted and shown; nothing leaves the holdout."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from ...schemas.base import Frozen
from ...schemas.errors import UsageError
from ...schemas.review import FILE_NAME, CrisisDecision, CrisisReview, ReadFinding, Review
from ..release.read import Release
from ..release.write import check_writable
from ..renewing import renew
from ..statistics.bootstrap import REPLICATES
from .bad_cells import BadCells
from .crisis_export import DECISION_COLUMN, READER_COLUMN
from .crisis_figures import crisis_review_of
from .crisis_items import CrisisItem, crisis_items
from .readers import RawRow, read_sheet
from .store import read_review, review_json

Decided = dict[tuple[str, str], CrisisDecision]
"""By id of the sign and reader."""


class ImportedCrisis(Frozen):
    """What an import did."""

    decisions: dict[str, int]
    """Decisions in the sheets, by reader."""
    replaced: int
    """Of them those that a reader had made before, and otherwise."""
    blank: int
    """Lines of the sheets without a decision."""
    review: CrisisReview
    """With all decisions so far."""


def import_crisis(root: Path, files: Sequence[Path]) -> ImportedCrisis:
    """Stores the decisions of filled sheets in a release, and renews its card and manifest.

    Decisions of other readers, and about other signs, stay; a line without a decision changes nothing. Comments are
    not stored, and nothing is stored at all where a cell is bad.

    Args:
        root: the release that the sheet was written for.
        files: filled sheets, of any number of readers.

    Raises:
        UsageError: the release has no holdout, cells cannot be read (each is named), or no line has a decision.
        DataError: nothing is held out.
    """
    release = Release(root)
    check_writable(root)
    items = {item.finding: item for item in crisis_items(release)}
    decided, blank = _read(files, items)
    if not decided:
        raise UsageError(
            f"{', '.join(path.name for path in files)}: no line has a decision, so there is nothing to store: fill in "
            f"{DECISION_COLUMN} and {READER_COLUMN}"
        )
    review = read_review(root) or Review(replicates=REPLICATES, configs={})
    earlier = _decided(review.crisis)
    found = crisis_review_of(list(items.values()), _joined(items, {**earlier, **decided}))
    review = review.model_copy(update={"replicates": REPLICATES, "crisis": found})
    renew(release.root, {FILE_NAME: review_json(review)})
    return ImportedCrisis(
        decisions=dict(sorted(Counter(reader for _, reader in decided).items())),
        replaced=sum(earlier.get(key, decision) != decision for key, decision in decided.items()),
        blank=blank,
        review=found,
    )


def _read(files: Sequence[Path], items: Mapping[str, CrisisItem]) -> tuple[Decided, int]:
    """Every decision in the sheets, and the number of lines without one."""
    bad, decided, places, blank = BadCells(), Decided(), dict[tuple[str, str], str](), 0
    for path in files:
        for row in read_sheet(path, "finding", (DECISION_COLUMN, READER_COLUMN)):
            if not row.cells[DECISION_COLUMN]:
                blank += 1
            elif (key := _key(path, row, items, bad)) is None:
                continue
            elif key in places:
                bad.cell(path, row, "finding", f"{key[1]} decided on {key[0]} in {places[key]} already")
            else:
                decided[key], places[key] = CrisisDecision(_folded(row)), f"{path.name}, {row.place}"
    bad.stop()
    return decided, blank


def _key(path: Path, row: RawRow, items: Mapping[str, CrisisItem], bad: BadCells) -> tuple[str, str] | None:
    """The sign and the reader of a line with a decision; None where one of its cells is bad."""
    finding, reader = str(row.item).casefold(), " ".join(row.cells[READER_COLUMN].split())
    wrong = {
        "finding": "" if finding in items else f"{row.item!r} is no finding of this release" if finding else "is empty",
        DECISION_COLUMN: "" if _folded(row) in tuple(CrisisDecision) else _none_of(row.cells[DECISION_COLUMN]),
        READER_COLUMN: "is empty: who decided?" if not reader else _address(reader),
    }
    for column, what in wrong.items():
        if what:
            bad.cell(path, row, column, what)
    return None if any(wrong.values()) else (finding, reader)


def _folded(row: RawRow) -> str:
    return "_".join(row.cells[DECISION_COLUMN].casefold().replace("_", " ").split())


def _none_of(cell: str) -> str:
    return f"{cell!r} is none of {', '.join(CrisisDecision)}"


def _address(reader: str) -> str:
    return "it is published with the release: give a pseudonym, not an address" if "@" in reader else ""


def _decided(review: CrisisReview | None) -> Decided:
    read = review.read if review else ()
    return {(one.finding, reader): decision for one in read for reader, decision in one.decisions.items()}


def _joined(items: Mapping[str, CrisisItem], decided: Decided) -> list[ReadFinding]:
    """Every sign that somebody read; decisions about signs that the release no longer has are let go."""
    by_finding: dict[str, dict[str, CrisisDecision]] = {}
    for (finding, reader), decision in sorted(decided.items()):
        if finding in items:
            by_finding.setdefault(finding, {})[reader] = decision
    return [
        ReadFinding(
            finding=finding,
            dialogue_id=items[finding].dialogue_id,
            turn=items[finding].turn,
            category=items[finding].category,
            seen_by=items[finding].seen_by,
            decisions=decisions,
        )
        for finding, decisions in by_finding.items()
    ]

"""Writes the sheet on which people sign off what a release holds out for a crisis: one line a sign."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from ...schemas.base import Frozen, digest_of
from ...schemas.config import Config
from ...schemas.errors import DataError, OutputExistsError, UsageError
from ...schemas.measures import Interval
from ...schemas.review import REVIEW_FILE, CrisisDecision, CrisisReview, ReaderKappa, ReadFinding, Review
from ...schemas.safety import CrisisCategory
from ..release.parts import read_review, review_json
from ..release.read import Release
from ..release.refresh import refresh_views
from ..release.rules import check_table
from ..release.write import check_writable, write_text
from ..statistics.agreement import Resampling, alpha, coincidences_of, confusions_of, kappa
from ..statistics.bootstrap import REPLICATES, weights_of
from ._readers import BadCells, RawRow, read_sheet
from .forms import fit_cell, sheet_text

# The signs of a crisis for which a release holds dialogues out, one by one, as readers see them.


# Turns before the sign that stand beside it.
_CONTEXT = 2

Row = dict[str, Any]


@dataclass(frozen=True)
class CrisisItem:
    """A sign of a crisis, and where it is."""

    finding: str
    """An id that is the same in every release that holds the dialogue out for this sign."""
    dialogue_id: str
    turn: int | None
    """Index of its turn, from 0; None where the sign is in the situation, or its place is unknown."""
    seen_by: str
    """`rule NAME` or `judge MODEL`."""
    category: CrisisCategory | None
    """What it was held to be about; None where a judge gave no answer that can be read."""
    form: str
    """How it is said, as the rules see it; empty where a judge saw it."""
    note: str
    """The judge's reason, or what else is known of it; may be empty."""
    words: str
    """The words of that turn, or of the situation; empty where its place is unknown."""
    context: str
    """The two turns before; the whole dialogue where the turn is unknown."""

    @property
    def unread(self) -> bool:
        """Whether it is an answer of a judge that could not be read, and no sign."""
        return self.category is None


def dialogues_unread(items: Sequence[CrisisItem]) -> int:
    """How many dialogues have no sign among their items: a judge gave no answer that can be read, and that is all."""
    return len({item.dialogue_id for item in items} - {item.dialogue_id for item in items if not item.unread})


def _crisis_items(release: Release) -> list[CrisisItem]:
    """Every sign in the holdout of a release, in its order.

    Raises:
        UsageError: a release of its kind has no holdout.
        DataError: nothing is held out.
    """
    if Config.CRISIS_HOLDOUT not in release.configs:
        version = release.manifest.version
        raise UsageError(f"{release.root}: release {version} holds no dialogues out; it has no config crisis_holdout")
    check_table(release, Config.CRISIS_HOLDOUT)
    items = [item for row in release.rows(Config.CRISIS_HOLDOUT) for item in _of_dialogue(row)]
    if not items:
        raise DataError(f"{release.root}: no dialogue is held out for a crisis; there is nothing to read")
    return items


def _of_dialogue(row: Row) -> Iterator[CrisisItem]:
    for found in row["findings"]:
        place = [row["dialogue_id"], found["turn"], found["rule"], found["request_key"]]
        yield CrisisItem(
            # A word before the digits, as spreadsheet programs take bare ones such as 12e45 for a number.
            finding=f"finding-{digest_of(place)[:12]}",
            dialogue_id=row["dialogue_id"],
            turn=found["turn"],
            seen_by=f"rule {found['rule']}" if found["judge"] is None else f"judge {found['judge']}",
            category=None if found["category"] is None else CrisisCategory(found["category"]),
            form=found["form"] or "",
            note=_note(found),
            words=_words(row, found),
            context=_context(row["turns"], found),
        )


def _note(found: Row) -> str:
    if found["judge"] is None:
        return "said to be past" if found["said_to_be_past"] else ""
    return found["rationale"] or "" if found["category"] else "the judge gave no answer that can be read"


def _words(row: Row, found: Row) -> str:
    if found["turn"] is not None and found["turn"] < len(row["turns"]):
        return fit_cell(str(row["turns"][found["turn"]]["text"]))
    return fit_cell(row["situation"] or "") if found["judge"] is None else ""


def _context(turns: Sequence[Row], found: Row) -> str:
    if not turns:
        return "(withheld by the licence of its source)"
    if found["turn"] is not None:
        turns = turns[max(0, found["turn"] - _CONTEXT) : found["turn"]]
    elif found["judge"] is None:
        turns = turns[:_CONTEXT]
    return fit_cell("\n".join(f"{turn['speaker']}: {turn['text']}" for turn in turns))


_DECISION_COLUMN = "decision"
_READER_COLUMN = "reader"

COLUMNS = (
    "finding",
    "dialogue_id",
    "turn",
    "seen_by",
    "category",
    "form",
    "note",
    "context",
    "words",
    _DECISION_COLUMN,
    _READER_COLUMN,
    "comment",
)
"""The columns of the sheet, in order; the last three are to be filled in."""


class ExportedCrisis(Frozen):
    """What the sheet holds."""

    findings: int
    """Signs, a line each."""
    dialogues: int
    """Dialogues that they are of."""
    findings_unread: int
    """Lines that are not signs, but answers of judges that could not be read."""
    dialogues_unread: int
    """Dialogues with such lines alone."""


def export_crisis(release: Release, out: Path) -> ExportedCrisis:
    """Writes the sheet; equal releases give equal bytes.

    Args:
        release: the release; nothing in it changes.
        out: a new .csv file outside the release. It holds words of people in distress: not for publication.

    Raises:
        UsageError: `out` is not a place for it, or the release has no holdout.
        DataError: nothing is held out.
    """
    _check_place(release.root, out)
    items = _crisis_items(release)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, sheet_text(COLUMNS, [_line(item) for item in items]))
    return ExportedCrisis(
        findings=len(items),
        dialogues=len({item.dialogue_id for item in items}),
        findings_unread=sum(item.unread for item in items),
        dialogues_unread=dialogues_unread(items),
    )


def _check_place(root: Path, out: Path) -> None:
    if out.suffix.lower() != ".csv":
        raise UsageError(f"{out} would be no .csv file; choose another --out")
    if out.resolve().is_relative_to(root.resolve()):
        raise UsageError(f"{out} is inside the release, where every file is published; choose another --out")
    if out.exists():
        raise OutputExistsError(f"{out} is there already; choose another --out")


def _line(item: CrisisItem) -> dict[str, str]:
    cells = {name: getattr(item, name, "") for name in COLUMNS}
    return {name: "" if cell is None else str(cell) for name, cell in cells.items()}


# All figures of what people decided about signs of a crisis, computed from their decisions and from nothing else.


_DECISIONS = tuple(CrisisDecision)


def _crisis_review_of(items: Sequence[CrisisItem], read: Sequence[ReadFinding]) -> CrisisReview:
    """The review that decisions make.

    Args:
        items: every sign in the holdout.
        read: those with a decision, in order of their ids.
    """
    ids = {one.finding for one in read}
    unread = {item.dialogue_id for item in items if item.finding not in ids}
    dialogues = {item.dialogue_id for item in items}
    given = Counter(decision for one in read for decision in one.decisions.values())
    readers = Counter(reader for one in read for reader in one.decisions)
    return CrisisReview(
        dialogues=len(dialogues),
        dialogues_read=len(dialogues - unread),
        findings=len(items),
        findings_read=len(read),
        decisions={decision: given[decision] for decision in CrisisDecision},
        readers=dict(sorted(readers.items())),
        alpha=_alpha(read) if read else Interval(value=None, low=None, high=None, n=0),
        pairwise=tuple(_pairwise(read, one, other) for one, other in combinations(sorted(readers), 2)),
        read=tuple(read),
        dialogues_unread=dialogues_unread(items),
        findings_unread=sum(item.unread for item in items),
    )


def _alpha(read: Sequence[ReadFinding]) -> Interval:
    units = [[_DECISIONS.index(decision) for decision in one.decisions.values()] for one in read]
    tables = np.array([coincidences_of([unit], len(_DECISIONS)) for unit in units])
    return _resampled(read).interval(alpha, tables, sum(len(unit) > 1 for unit in units))


def _pairwise(read: Sequence[ReadFinding], one: str, other: str) -> ReaderKappa:
    both = [
        [(_DECISIONS.index(found.decisions[one]), _DECISIONS.index(found.decisions[other]))]
        if {one, other} <= found.decisions.keys()
        else []
        for found in read
    ]
    tables = np.array([confusions_of(decisions, len(_DECISIONS)) for decisions in both])
    return ReaderKappa(readers=(one, other), kappa=_resampled(read).interval(kappa, tables, sum(map(len, both))))


def _resampled(read: Sequence[ReadFinding]) -> Resampling:
    dialogues = np.array([int(one.dialogue_id, 16) for one in read], dtype=np.uint64)
    return Resampling(dialogues, weights_of(dialogues))


# Takes decisions about signs of a crisis into a release. They are counted and shown; nothing leaves the holdout.


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
    items = {item.finding: item for item in _crisis_items(release)}
    decided, blank = _read(files, items)
    if not decided:
        raise UsageError(
            f"{', '.join(path.name for path in files)}: no line has a decision, so there is nothing to store: fill in "
            f"{_DECISION_COLUMN} and {_READER_COLUMN}"
        )
    review = read_review(root) or Review(replicates=REPLICATES, configs={})
    earlier = _decided(review.crisis)
    found = _crisis_review_of(list(items.values()), _joined(items, {**earlier, **decided}))
    review = review.model_copy(update={"replicates": REPLICATES, "crisis": found})
    refresh_views(release.root, {REVIEW_FILE: review_json(review)})
    return ImportedCrisis(
        decisions=dict(sorted(Counter(reader for _, reader in decided).items())),
        replaced=sum(earlier.get(key, decision) != decision for key, decision in decided.items()),
        blank=blank,
        review=found,
    )


# Every decision in the sheets, and the number of lines without one.
def _read(files: Sequence[Path], items: Mapping[str, CrisisItem]) -> tuple[Decided, int]:
    bad, decided, places, blank = BadCells(), Decided(), dict[tuple[str, str], str](), 0
    for path in files:
        for row in read_sheet(path, "finding", (_DECISION_COLUMN, _READER_COLUMN)):
            if not row.cells[_DECISION_COLUMN]:
                blank += 1
            elif (key := _key(path, row, items, bad)) is None:
                continue
            elif key in places:
                bad.cell(path, row, "finding", f"{key[1]} decided on {key[0]} in {places[key]} already")
            else:
                decided[key], places[key] = CrisisDecision(_folded(row)), f"{path.name}, {row.place}"
    bad.stop()
    return decided, blank


# The sign and the reader of a line with a decision; None where one of its cells is bad.
def _key(path: Path, row: RawRow, items: Mapping[str, CrisisItem], bad: BadCells) -> tuple[str, str] | None:
    finding, reader = str(row.item).casefold(), " ".join(row.cells[_READER_COLUMN].split())
    wrong = {
        "finding": ""
        if finding in items
        else f"{row.item!r} is not a finding of this release"
        if finding
        else "is empty",
        _DECISION_COLUMN: "" if _folded(row) in tuple(CrisisDecision) else _none_of(row.cells[_DECISION_COLUMN]),
        _READER_COLUMN: "is empty: who decided?" if not reader else _address(reader),
    }
    for column, what in wrong.items():
        if what:
            bad.cell(path, row, column, what)
    return None if any(wrong.values()) else (finding, reader)


def _folded(row: RawRow) -> str:
    return "_".join(row.cells[_DECISION_COLUMN].casefold().replace("_", " ").split())


def _none_of(cell: str) -> str:
    return f"{cell!r} is none of {', '.join(CrisisDecision)}"


def _address(reader: str) -> str:
    return "it is published with the release: give a pseudonym, not an address" if "@" in reader else ""


def _decided(review: CrisisReview | None) -> Decided:
    read = review.read if review else ()
    return {(one.finding, reader): decision for one in read for reader, decision in one.decisions.items()}


# Every sign with a decision; decisions about signs that the release no longer has are discarded.
def _joined(items: Mapping[str, CrisisItem], decided: Decided) -> list[ReadFinding]:
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

"""People review the dialogues that a release holds out for a crisis: one line of a sheet for every sign.

`export_crisis` writes the sheet, and `import_crisis` counts the decisions. Nothing leaves the holdout by them.
"""

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
from ...schemas.review import CrisisDecision, CrisisReview, ReaderKappa, ReadFinding
from ...schemas.safety import CrisisCategory
from ..release.read import Release
from ..release.rules import check_table
from ..release.write import check_writable, write_text
from ..statistics.bootstrap import Resampling, alpha, coincidences_of, confusions_of, kappa
from ._figures import resample_dialogues
from ._readers import BadCells, RawRow, address_fault, read_sheet
from .forms import check_outside, fit_cell, sheet_text
from .importing import review_so_far, store_review

# Turns shown before the sign.
_CONTEXT = 2

Row = dict[str, Any]


@dataclass(frozen=True)
class CrisisItem:
    """A sign of a crisis, and its place."""

    finding: str
    """An id that is the same in every release that holds the dialogue out for this sign."""
    dialogue_id: str
    turn: int | None
    """Index of its turn, from 0; None where the sign is in the situation, or its place is unknown."""
    seen_by: str
    """`rule NAME` or `judge MODEL`."""
    category: CrisisCategory | None
    """The kind of crisis; None if the judge's answer could not be read."""
    form: str
    """The grammatical form of the sign that the rule found; empty if a judge found it."""
    note: str
    """The judge's reason, or what else is known of it; may be empty."""
    words: str
    """The text of that turn, or of the situation; empty if its place is unknown."""
    context: str
    """The two turns before; the whole dialogue if the turn is unknown."""

    @property
    def unread(self) -> bool:
        """Whether this is a judge's unreadable answer instead of a sign."""
        return self.category is None


def dialogues_unread(items: Sequence[CrisisItem]) -> int:
    """The number of dialogues that are held out for unreadable answers alone."""
    return len({item.dialogue_id for item in items} - {item.dialogue_id for item in items if not item.unread})


def crisis_items(release: Release) -> list[CrisisItem]:
    """Every sign in the holdout of a release, in the order of its rows.

    Raises:
        UsageError: the release's layout has no holdout.
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
            # The prefix keeps spreadsheet programs from reading ids such as 12e45 as numbers.
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


DECISION_COLUMN = "decision"
READER_COLUMN = "reader"

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
    DECISION_COLUMN,
    READER_COLUMN,
    "comment",
)
"""The columns of the sheet, in order; readers fill in the last three."""


class ExportedCrisis(Frozen):
    """The counts of a sheet."""

    findings: int
    """Lines of the sheet."""
    dialogues: int
    findings_unread: int
    """Lines with a judge's unreadable answer instead of a sign."""
    dialogues_unread: int
    """Dialogues with such lines alone."""


def export_crisis(release: Release, out: Path) -> ExportedCrisis:
    """Writes the sheet; equal releases give equal bytes.

    Args:
        release: the release, which stays as it is.
        out: a new .csv file outside the release. It holds words of people in distress and must not be published.

    Raises:
        UsageError: `out` is inside the release or not a new .csv file, or the release has no holdout.
        DataError: nothing is held out.
    """
    if out.suffix.lower() != ".csv":
        raise UsageError(f"{out} is not a .csv file; choose another --out")
    check_outside(release.root, out)
    if out.exists():
        raise OutputExistsError(f"{out} already exists; choose another --out")
    items = crisis_items(release)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_text(out, sheet_text(COLUMNS, [_line(item) for item in items]))
    return ExportedCrisis(
        findings=len(items),
        dialogues=len({item.dialogue_id for item in items}),
        findings_unread=sum(item.unread for item in items),
        dialogues_unread=dialogues_unread(items),
    )


def _line(item: CrisisItem) -> dict[str, str]:
    cells = {name: getattr(item, name, "") for name in COLUMNS}
    return {name: "" if cell is None else str(cell) for name, cell in cells.items()}


_DECISIONS = tuple(CrisisDecision)


def crisis_review_of(items: Sequence[CrisisItem], read: Sequence[ReadFinding]) -> CrisisReview:
    """The counts and the agreement of decisions.

    Args:
        items: every sign in the holdout.
        read: the signs with a decision, in the order of their ids.
    """
    ids = {one.finding for one in read}
    # A dialogue counts as read only when every sign in it was decided on.
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
    return resample_dialogues([one.dialogue_id for one in read])


Decided = dict[tuple[str, str], CrisisDecision]
"""Decisions by the id of the sign and the reader."""


class ImportedCrisis(Frozen):
    """The result of an import."""

    decisions: dict[str, int]
    """The number of decisions in the sheets, by reader."""
    replaced: int
    """Decisions that differ from an earlier one of the same reader."""
    blank: int
    """Lines of the sheets without a decision."""
    review: CrisisReview
    """The review with all decisions so far."""


def import_crisis(root: Path, files: Sequence[Path]) -> ImportedCrisis:
    """Stores the decisions of filled sheets in a release, and refreshes its card and manifest.

    Decisions of other readers, and about other signs, stay; a line without a decision changes nothing. Comments are
    not stored. If any cell is bad, nothing is stored.

    Args:
        root: the release that the sheet was written for.
        files: the filled sheets, of any number of readers.

    Raises:
        UsageError: the release has no holdout, cells cannot be parsed (the message names each), or no line has a
            decision.
        DataError: nothing is held out.
    """
    release = Release(root)
    check_writable(root)
    items = {item.finding: item for item in crisis_items(release)}
    decided, blank = _read(files, items)
    if not decided:
        raise UsageError(
            f"{', '.join(path.name for path in files)}: no line has a decision, so there is nothing to store; fill in "
            f"{DECISION_COLUMN} and {READER_COLUMN}"
        )
    review = review_so_far(root)
    earlier = _decided(review.crisis)
    found = crisis_review_of(list(items.values()), _read_findings(items, {**earlier, **decided}))
    store_review(root, review, crisis=found)
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
        for row in read_sheet(path, "finding", (DECISION_COLUMN, READER_COLUMN)):
            if not row.cells[DECISION_COLUMN]:
                blank += 1
            elif (key := _key(path, row, items, bad)) is None:
                continue
            elif key in places:
                bad.add(path, row, "finding", f"{key[1]} already decided on {key[0]} in {places[key]}")
            else:
                decided[key], places[key] = CrisisDecision(_folded(row)), f"{path.name}, {row.place}"
    bad.raise_any()
    return decided, blank


# The sign and the reader of a line with a decision; None if one of its cells is bad.
def _key(path: Path, row: RawRow, items: Mapping[str, CrisisItem], bad: BadCells) -> tuple[str, str] | None:
    finding, reader = str(row.item).casefold(), " ".join(row.cells[READER_COLUMN].split())
    unknown = f"{row.item!r} is not a finding of this release" if finding else "is empty"
    wrong = {
        "finding": "" if finding in items else unknown,
        DECISION_COLUMN: "" if _folded(row) in tuple(CrisisDecision) else _none_of(row.cells[DECISION_COLUMN]),
        READER_COLUMN: address_fault(reader) if reader else "is empty: who decided?",
    }
    for column, what in wrong.items():
        if what:
            bad.add(path, row, column, what)
    return None if any(wrong.values()) else (finding, reader)


def _folded(row: RawRow) -> str:
    return "_".join(row.cells[DECISION_COLUMN].casefold().replace("_", " ").split())


def _none_of(cell: str) -> str:
    return f"{cell!r} is none of {', '.join(CrisisDecision)}"


def _decided(review: CrisisReview | None) -> Decided:
    read = review.read if review else ()
    return {(one.finding, reader): decision for one in read for reader, decision in one.decisions.items()}


# Every sign with a decision; decisions about signs that the release no longer has are discarded.
def _read_findings(items: Mapping[str, CrisisItem], decided: Decided) -> list[ReadFinding]:
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

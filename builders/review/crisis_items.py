"""The signs of a crisis for which a release holds dialogues out, one by one, as readers see them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ...schemas.base import digest_of
from ...schemas.config import Config
from ...schemas.errors import DataError, UsageError
from ...schemas.safety import CrisisCategory
from ..release.read import Release
from ..release.rules import check_table
from .items import fit_cell

_CONTEXT = 2
"""Turns before the sign that stand beside it."""

Row = dict[str, Any]


@dataclass(frozen=True)
class CrisisItem:
    """A sign of a crisis, and where it is."""

    finding: str
    """An id that is the same in every release that holds the dialogue out for this sign."""
    dialogue_id: str
    turn: int | None
    """Index of its turn, from 0; None where it is the situation's or nobody says where."""
    seen_by: str
    """`rule NAME` or `judge MODEL`."""
    category: CrisisCategory | None
    """What it was held to be about; None where a judge gave no answer that can be read."""
    form: str
    """How it is said, as the rules see it; empty where a judge saw it."""
    note: str
    """The judge's reason, or what else is known of it; may be empty."""
    words: str
    """The words of that turn, or of the situation; empty where nobody says which they are."""
    context: str
    """The two turns before; the whole dialogue where nobody says which turn it is."""

    @property
    def unread(self) -> bool:
        """Whether it is an answer of a judge that could not be read, and no sign."""
        return self.category is None


def dialogues_unread(items: Sequence[CrisisItem]) -> int:
    """How many dialogues have no sign among their items: a judge gave no answer that can be read, and that is all."""
    return len({item.dialogue_id for item in items} - {item.dialogue_id for item in items if not item.unread})


def crisis_items(release: Release) -> list[CrisisItem]:
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

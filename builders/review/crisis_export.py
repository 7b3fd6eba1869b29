"""Writes the sheet on which people sign off what a release holds out for a crisis: one line a sign."""

from pathlib import Path

from ...schemas.base import Frozen
from ...schemas.errors import OutputExistsError, UsageError
from ..release.read import Release
from ..release.write import write_text
from .crisis_items import CrisisItem, crisis_items, dialogues_unread
from .forms import sheet_text

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
"""The columns of the sheet, in order; the last three are to be filled in."""


class ExportedCrisis(Frozen):
    """What the sheet holds."""

    findings: int
    """Signs, a line each."""
    dialogues: int
    """Dialogues that they are of."""
    findings_unread: int
    """Lines that are no signs, but answers of judges that could not be read."""
    dialogues_unread: int
    """Dialogues with such lines alone."""


def export_crisis(release: Release, out: Path) -> ExportedCrisis:
    """Writes the sheet; equal releases give equal bytes.

    Args:
        release: the release; nothing in it changes.
        out: a new .csv file outside the release. It holds words of people in distress: not for publication.

    Raises:
        UsageError: `out` is no place for it, or the release has no holdout.
        DataError: nothing is held out.
    """
    _check_place(release.root, out)
    items = crisis_items(release)
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

"""Layout 4: what it changes in layout 3. No released spec uses it yet, so it may still change."""

from ..drops import DropReason
from . import reasoning


class DroppedRow(reasoning.DroppedRow):
    """A candidate that became no row; it may have a reason that layouts 1 to 3 do not know."""

    reason: DropReason
    """Why it was dropped."""

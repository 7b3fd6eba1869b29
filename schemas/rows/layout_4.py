"""Layout 4: what it changes in layout 3. No released spec uses it yet, so it may still change."""

from typing import Literal

from ..drops import DropReason
from . import layout_2, reasoning


class DroppedRow(reasoning.DroppedRow):
    """A candidate that became no row; it may have a reason that layouts 1 to 3 do not know."""

    reason: DropReason
    """Why it was dropped."""


class CrisisRow(layout_2.CrisisRow):
    """A dialogue whose seeker may be in a crisis, or whose judge gave no readable answer: held out of all training."""

    reason: Literal["crisis", "crisis_unread"]
    """`crisis` where a sign was seen; `crisis_unread` where none was and a judge gave no answer that can be read."""

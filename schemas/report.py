"""What a report shows beside the audit: single pairs, with what came before them and what the judge said."""

from .base import Frozen

FILE_NAME = "report.html"


class ReportTurn(Frozen):
    """One message of a dialogue."""

    speaker: str
    """Who speaks, as the data calls them."""
    text: str
    strategy: str | None
    """Of supporters, where it is known."""


class ReportVerdict(Frozen):
    """A judge's word on one side."""

    judge: str
    """Model and revision."""
    error: str | None
    """The error found; null where none was, and where the reply could not be read."""
    rationale: str | None
    """The judge's reason; null where the reply could not be read."""
    raw: str | None
    """The judge's reply as it came; null where the call failed."""


class ReportPair(Frozen):
    """A pair, or a candidate that became none."""

    id: str
    config: str
    split: str
    source: str
    dialogue_id: str
    turn: int | None
    """Index of the turn that both sides answer for, from 0."""
    reason: str | None
    """Why it was dropped; null for a pair that was kept."""
    detail: str
    """What exactly was wrong; may be empty."""
    strategy: str | None
    """The human's strategy."""
    rejected_strategy: str | None
    """The inferred side's own; null where it is unknown or not another one."""
    error: str | None
    """The error of the rejected side; null where it was dropped."""
    earlier: int
    """Turns before the first of `turns` that are left out."""
    turns: tuple[ReportTurn, ...]
    """What was said before; empty where the licence withholds it."""
    human: str | None
    """What the human said here, where the sides of the pair are no words."""
    chosen: str
    """The human's side."""
    rejected: str | None
    """The inferred side, harmful by design; null where there is none."""
    chosen_verdict: ReportVerdict | None
    rejected_verdict: ReportVerdict | None

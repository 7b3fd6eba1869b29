"""The pairs that a report shows beside the audit, with their dialogue and the judges' answers."""

from .base import Frozen
from .rows.layout_2 import Closeness, Panel

REPORT_FILE = "report.html"


class ReportTurn(Frozen):
    """One message of a dialogue."""

    speaker: str
    """The speaker, as the data names it."""
    text: str
    strategy: str | None
    """The supporter's strategy, if it is known."""


class ReportVerdict(Frozen):
    """A judge's answer about one side by itself."""

    judge: str
    """Model and revision."""
    error: str | None
    """The error found; null where none was, and where the reply could not be read."""
    rationale: str | None
    """The judge's reason; null where the reply could not be read."""
    raw: str | None
    """The judge's reply as it came; null where the call failed."""


class ReportAnswer(Frozen):
    """A judge's answer about both sides in one order."""

    order: str
    """`chosen_first` or `rejected_first`."""
    better: str | None
    """The side that it prefers, or `tie`; null where the reply could not be read."""
    chosen_error: str | None
    """The error found in the chosen side; null where none was, and where the reply could not be read."""
    rejected_error: str | None
    """The same of the rejected side."""
    rationale: str | None
    """The judge's reason, which calls the side that stood first A; null where the reply could not be read."""
    problem: str | None
    """Why the reply could not be read, or did not come; null where it could."""
    raw: str | None
    """The reply as it came; null where the call failed."""


class ReportJudge(Frozen):
    """One judge of a panel."""

    judge: str
    """Model and revision, and the draw where it is not the first."""
    vote: str | None
    """Its vote, such as `worse` or `flip`; null where a damaged release lacks one of the answers."""
    answers: tuple[ReportAnswer, ...]
    """One to either order."""


class ReportRewrite(Frozen):
    """The rewriting of the human's words for the chosen side, and its reason."""

    by: str
    """Model and revision."""
    error: str
    """The error that the judges found in the human's words."""
    original: str
    """The human's words."""
    request_key: str
    """Key of the rewriting call in `completions`."""


class HeldOut(Frozen):
    """The content of `crisis_holdout`, which a report leaves out."""

    dialogues: int
    """Dialogues in which a seeker may be in a crisis."""
    candidates: int
    """Dropped candidates of preference configs that are of these."""
    unread: int = 0
    """Dialogues without a sign of a crisis, where a judge gave no answer that can be read."""
    unread_candidates: int = 0
    """Dropped candidates of preference configs that are of these."""


class ReportPair(Frozen):
    """A pair, or a dropped candidate."""

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
    """Details of the drop; may be empty."""
    strategy: str | None
    """The human's strategy."""
    rejected_strategy: str | None
    """The inferred side's own; null where it is unknown or not another one."""
    error: str | None
    """The error of the rejected side; null where it was dropped."""
    earlier: int
    """Turns before the first of `turns` that are left out."""
    turns: tuple[ReportTurn, ...]
    """The turns before; empty if the licence withholds them."""
    human: str | None
    """The human's words here, if the sides of the pair are not words."""
    chosen: str
    """The human's side."""
    rejected: str | None
    """The inferred side, harmful by design; null if there is none."""
    chosen_verdict: ReportVerdict | None = None
    """The answer of a judge that saw the chosen side alone."""
    rejected_verdict: ReportVerdict | None = None
    """The same of the rejected side."""
    panel: Panel | None = None
    """The result of the panel, where the sides were compared."""
    judges: tuple[ReportJudge, ...] = ()
    """These judges, each with its answers."""
    closeness: Closeness | None = None
    """How close the sides are, where that was measured."""
    rewrite: ReportRewrite | None = None
    """Where the chosen side was rewritten; `chosen` of a dropped candidate still holds the human's words."""

"""A trace on its way to becoming rows or drops."""

from dataclasses import dataclass

from ...schemas.personality import Profile
from ...schemas.rows.reasoning import StepJudgement, StepPanel, TraceScore
from ...schemas.trace import Step, Trace
from ..mining.candidate import Candidate


@dataclass(frozen=True, slots=True)
class TraceCandidate(Candidate):
    """What is known of a draw of the reasoner, of a pair of two, or of a rewriting of one, so far."""

    trace: Trace | None = None
    """Once it was read."""
    step_judgements: tuple[StepJudgement, ...] = ()
    panels: tuple[StepPanel, ...] = ()
    """What is found of each step, once it was judged."""
    origin: "TraceCandidate | None" = None
    """Of a pair the chosen trace, this one being the rejected; of a rewriting the trace that was rewritten."""
    profile: Profile | None = None
    """Of a rewriting."""

    @property
    def said(self) -> Trace:
        """The trace of a candidate that was read."""
        assert self.trace is not None, "a candidate without a trace is dropped when it is read"
        return self.trace

    @property
    def labels(self) -> tuple[bool, ...]:
        """Whether each step is right; empty before it was judged."""
        return tuple(panel.label for panel in self.panels)

    @property
    def wrong_steps(self) -> list[Step]:
        """The steps that are wrong, in order."""
        return [panel.step for panel in self.panels if not panel.label]

    @property
    def score(self) -> TraceScore:
        """How right it is; see `TraceScore`."""
        *process, outcome = (0.0 if panel.rule else panel.votes_for / panel.votes for panel in self.panels)
        return TraceScore(process=round(sum(process) / len(process), 4), outcome=round(outcome, 4))

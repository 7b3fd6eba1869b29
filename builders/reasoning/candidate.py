"""A trace on its way to becoming rows or drops, and how the reasoner's replies are read."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...prompts.parsers.strategy import bracketed_strategy
from ...prompts.parsers.trace import format_trace
from ...schemas.config import Config
from ...schemas.drops import DropReason
from ...schemas.emotion import Profile
from ...schemas.inference import Completion, Task
from ...schemas.rows.reasoning import StepJudgement, StepPanel, TraceScore
from ...schemas.text import words_of
from ...schemas.trace import Step, Trace
from ...schemas.verdict import Unparsed
from ..mining.candidate import Candidate, Drop
from ..mining.checks import too_long, unanswered, unanswering
from ..mining.plan import MiningPlan
from ..mining.reply_rules import prompt_echo
from ..safety.personal_data import reachable_person


@dataclass(frozen=True, slots=True)
class TraceCandidate(Candidate):
    """A draw of the reasoner, a pair of two draws, or the rewriting of one, with what is known of it so far."""

    trace: Trace | None = None
    """Once it was read."""
    step_judgements: tuple[StepJudgement, ...] = ()
    panels: tuple[StepPanel, ...] = ()
    """The finding on each step, once it was judged."""
    origin: "TraceCandidate | None" = None
    """In a pair the chosen trace, this one being the rejected; in a rewriting the trace that was rewritten."""
    profile: Profile | None = None

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
        *process, outcome = (0.0 if panel.rule else panel.votes_for / panel.votes for panel in self.panels)
        return TraceScore(process=round(sum(process) / len(process), 4), outcome=round(outcome, 4))


TraceResult = TraceCandidate | Drop


def in_config(result: TraceResult, config: Config) -> TraceResult:
    """The same result as one of another config."""
    if isinstance(result, Drop):
        return Drop(result.candidate.with_(config=config), result.reason, result.detail)
    return result.with_(config=config)


def read_traces(candidates: Sequence[TraceCandidate], plan: MiningPlan) -> list[TraceResult]:
    """Every candidate with its trace, or dropped: unreadable, unfit for a row, or a repetition of another draw."""
    seen: set[str] = set()
    return [_once(_read(candidate, plan), seen) for candidate in candidates]


def unfit_reply(text: str, task: Task, plan: MiningPlan) -> tuple[DropReason, str] | None:
    """The reason that keeps a reply out of every row, right or wrong, with its detail; None where there is none."""
    if (detail := too_long(text, plan)) is not None:
        return DropReason.TOO_LONG, detail
    if (strategy := bracketed_strategy(text)) is not None:
        return DropReason.BRACKETED_STRATEGY, f"[{strategy}] in the reply"
    if (echo := prompt_echo(text, plan.prompts[task].instructions)) is not None:
        return DropReason.PROMPT_ECHO, echo
    kinds = reachable_person(text, plan.spec.safety.personal_data_rules)
    return (DropReason.PERSONAL_DATA, ", ".join(kinds)) if kinds else None


def _read(candidate: TraceCandidate, plan: MiningPlan) -> TraceResult:
    outcome = candidate.outcome
    assert outcome is not None, "the reasoner was asked"
    if (found := unanswered(outcome)) is not None:
        return Drop(candidate, *found)
    assert isinstance(outcome, Completion), "anything else is unanswered"
    if (detail := too_long(outcome.text, plan)) is not None:
        return Drop(candidate, DropReason.TOO_LONG, detail)
    trace = plan.prompts[Task.REASONER].read(Trace, outcome)
    if isinstance(trace, Unparsed):
        outside = trace.reason == "unknown_strategy"
        return Drop(candidate, DropReason.NOT_A_STRATEGY if outside else DropReason.NOT_A_TRACE, trace.reason)
    candidate = candidate.with_(trace=trace, strategy=trace.strategy.strategy, reply=trace.reply)
    unfit = unfit_reply(trace.reply, Task.REASONER, plan) or unanswering(trace.reply, plan)
    if unfit is None and (kinds := reachable_person(format_trace(trace), plan.spec.safety.personal_data_rules)):
        unfit = DropReason.PERSONAL_DATA, ", ".join(kinds)
    return candidate if unfit is None else Drop(candidate, *unfit)


def _once(result: TraceResult, seen: set[str]) -> TraceResult:
    if isinstance(result, Drop):
        return result
    words = " ".join(words_of(format_trace(result.said)))
    if words in seen:
        return Drop(result, DropReason.SAME_TRACE)
    seen.add(words)
    return result

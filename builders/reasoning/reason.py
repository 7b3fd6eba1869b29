"""Reasoning about one turn, as a conversation with whoever has the answers; see `mining.mine` for the form.

The reasoner draws traces; judges label their steps; the traces whose steps are all right become demonstrations, and are
rewritten where somebody plays the stylist; the best is held against the others.
"""

from collections.abc import Callable, Generator, Sequence

from ...schemas.config import REASONING_CONFIGS, Config
from ...schemas.drops import DropReason
from ...schemas.inference import Ask, Outcome, Request, Task
from ...schemas.spec import ReasoningRule
from ..mining.candidate import Drop
from ..mining.mine import barred_turn, blaming
from ..mining.plan import MiningPlan
from ..mining.steps import HumanCheck, TurnStep
from ..mining.turns import SupporterTurn
from .candidate import TraceCandidate, TraceResult, read_traces
from .labels import settle_labels, step_requests
from .rows import pair_traces
from .styling import kept_requests, read_style, settle_style, style_requests

Requests = tuple[Request, ...]
Outcomes = tuple[Outcome, ...]
Reasoning = Generator[Requests, Outcomes, tuple[TraceResult, ...]]


def reason(turn: SupporterTurn, plan: MiningPlan, steps: Sequence[TurnStep]) -> Reasoning:
    """The candidates of every reasoning config at one turn, each kept or dropped; none where the release has no traces.

    `steps` are the release's; those that look at the human's turn alone bar reasoning about it, too.
    """
    rule = plan.spec.reasoning
    if rule is None:
        return ()
    requests = tuple(plan.requests(Ask(task=Task.REASONER, history=turn.history)))
    if (barred := barred_turn(turn, [step for step in steps if isinstance(step, HumanCheck)])) is not None:
        return tuple(
            Drop(TraceCandidate(config, turn, request), *barred) for config in REASONING_CONFIGS for request in requests
        )
    with blaming("reasoning", turn.dialogue.dialogue_id, turn.index):
        return (yield from _reason(turn, plan, requests, rule))


def _reason(turn: SupporterTurn, plan: MiningPlan, requests: Requests, rule: ReasoningRule) -> Reasoning:
    outcomes = yield requests
    drawn = [TraceCandidate(Config.REASONING_STEPS, turn, *asked) for asked in zip(requests, outcomes, strict=True)]
    labelled = yield from _label(read_traces(drawn, plan), plan)
    shown = [_demonstrate(result) for result in labelled]
    rewritten = yield from _rewrite(shown, plan)
    return (*shown, *rewritten, *labelled, *pair_traces(labelled, rule))


def _label(results: Sequence[TraceResult], plan: MiningPlan) -> Generator[Requests, Outcomes, list[TraceResult]]:
    def settle(candidate: TraceCandidate, asked: Requests, outcomes: Outcomes) -> TraceResult:
        return settle_labels(candidate, plan, asked, outcomes)

    return (yield from _ask_of_each(results, lambda candidate: step_requests(candidate, plan), settle))


def _demonstrate(result: TraceResult) -> TraceResult:
    """The candidate of `reasoning` that a labelled trace is: kept where every step is right."""
    if isinstance(result, Drop):
        return Drop(result.candidate.with_(config=Config.REASONING), result.reason, result.detail)
    candidate = result.with_(config=Config.REASONING)
    wrong = candidate.wrong_steps
    return Drop(candidate, DropReason.STEP_WRONG, ", ".join(wrong)) if wrong else candidate


def _rewrite(shown: Sequence[TraceResult], plan: MiningPlan) -> Generator[Requests, Outcomes, list[TraceResult]]:
    """Every rewriting of every demonstration, kept or dropped."""
    asked = [
        (one, request) for one in shown if isinstance(one, TraceCandidate) for request in style_requests(one, plan)
    ]
    if not asked:
        return []
    outcomes = yield tuple(request for _, request in asked)
    answered = zip(asked, outcomes, strict=True)
    read = [read_style(origin, plan, request, outcome) for (origin, request), outcome in answered]
    return (
        yield from _ask_of_each(
            read,
            lambda candidate: kept_requests(candidate, plan),
            lambda candidate, _, answers: settle_style(candidate, plan, answers),
        )
    )


def _ask_of_each(
    results: Sequence[TraceResult],
    requests_of: Callable[[TraceCandidate], Requests],
    settle: Callable[[TraceCandidate, Requests, Outcomes], TraceResult],
) -> Generator[Requests, Outcomes, list[TraceResult]]:
    """Asks about every candidate that is left, of all at once, and settles each by its own answers."""
    asked = [requests_of(result) if isinstance(result, TraceCandidate) else () for result in results]
    requests = tuple(request for some in asked for request in some)
    outcomes = iter((yield requests) if requests else ())
    return [
        settle(result, some, tuple(next(outcomes) for _ in some)) if isinstance(result, TraceCandidate) else result
        for result, some in zip(results, asked, strict=True)
    ]

"""Reasons about one turn, as a conversation like that of `mining.mine`.

The reasoner draws traces and judges label their steps. Traces whose steps are all right become demonstrations, which a
stylist may rewrite; the best trace is paired with the others.
"""

from collections.abc import Generator, Sequence

from ...schemas.config import REASONING_CONFIGS, Config
from ...schemas.drops import DropReason
from ...schemas.inference import Ask, Task
from ...schemas.spec import ReasoningRule
from ..mining.candidate import Drop
from ..mining.mine import Outcomes, Requests, barred_turn, settle_each, step_errors
from ..mining.plan import MiningPlan
from ..mining.steps import HumanCheck, TurnStep
from ..mining.turns import SupporterTurn
from ._judging import kept_requests, read_style, settle_labels, settle_style, step_requests, style_requests
from .candidate import TraceCandidate, TraceResult, in_config, read_traces
from .rows import pair_traces

Reasoning = Generator[Requests, Outcomes, tuple[TraceResult, ...]]


def reason(turn: SupporterTurn, plan: MiningPlan, steps: Sequence[TurnStep]) -> Reasoning:
    """The candidates of every reasoning config at one turn, each kept or dropped; none for a release without traces.

    `steps` are the release's; those on the human's turn alone bar reasoning about it, too.
    """
    rule = plan.spec.reasoning
    if rule is None:
        return ()
    requests = tuple(plan.requests(Ask(task=Task.REASONER, history=turn.history)))
    if (barred := barred_turn(turn, [step for step in steps if isinstance(step, HumanCheck)])) is not None:
        return tuple(
            Drop(TraceCandidate(config, turn, request), *barred) for config in REASONING_CONFIGS for request in requests
        )
    with step_errors("reasoning", turn.dialogue.dialogue_id, turn.index):
        return (yield from _reason(turn, plan, requests, rule))


def _reason(turn: SupporterTurn, plan: MiningPlan, requests: Requests, rule: ReasoningRule) -> Reasoning:
    outcomes = yield requests
    drawn = [TraceCandidate(Config.REASONING_STEPS, turn, *asked) for asked in zip(requests, outcomes, strict=True)]
    labelled = yield from _label(read_traces(drawn, plan), plan)
    shown = [_demonstrate(result) for result in labelled]
    rewritten = yield from _rewrite(shown, plan)
    return (*shown, *rewritten, *labelled, *pair_traces(labelled, rule))


def _label(results: Sequence[TraceResult], plan: MiningPlan) -> Generator[Requests, Outcomes, list[TraceResult]]:
    return (
        yield from settle_each(
            results,
            lambda candidate: step_requests(candidate, plan),
            lambda candidate, asked, outcomes: settle_labels(candidate, plan, asked, outcomes),
        )
    )


# The candidate of `reasoning` from a labelled trace: kept where every step is right.
def _demonstrate(labelled: TraceResult) -> TraceResult:
    result = in_config(labelled, Config.REASONING)
    if isinstance(result, TraceCandidate) and result.wrong_steps:
        return Drop(result, DropReason.STEP_WRONG, ", ".join(result.wrong_steps))
    return result


# Every rewriting of every demonstration, kept or dropped.
def _rewrite(shown: Sequence[TraceResult], plan: MiningPlan) -> Generator[Requests, Outcomes, list[TraceResult]]:
    asked = [
        (one, request) for one in shown if isinstance(one, TraceCandidate) for request in style_requests(one, plan)
    ]
    if not asked:
        return []
    outcomes = yield tuple(request for _, request in asked)
    answered = zip(asked, outcomes, strict=True)
    read = [read_style(origin, plan, request, outcome) for (origin, request), outcome in answered]
    return (
        yield from settle_each(
            read,
            lambda candidate: kept_requests(candidate, plan),
            lambda candidate, _, answers: settle_style(candidate, plan, answers),
        )
    )

"""Pairs of traces at one turn: the best of all against each other one, where the difference is clear."""

from collections.abc import Sequence
from typing import Literal

from ...schemas.config import Config
from ...schemas.drops import DropReason
from ...schemas.rows.reasoning import TraceScore
from ...schemas.spec import ReasoningRule
from ..mining.candidate import Drop
from .candidate import TraceCandidate
from .reading import TraceResult

Differs = Literal["process", "outcome", "both"]


def pair_traces(labelled: Sequence[TraceResult], rule: ReasoningRule) -> list[TraceResult]:
    """The candidates of `reasoning_pairs` at a turn: every draw but the best, as the rejected side.

    The best has the highest sum of both scores; of equals it is the first. It is no candidate, unless it is alone.
    """
    results = [_as_pair(result) for result in labelled]
    left = [result for result in results if isinstance(result, TraceCandidate)]
    if not left:
        return results
    best = max(left, key=lambda one: one.score.process + one.score.outcome)  # the first of equals
    if len(left) == 1:
        return [Drop(one, DropReason.NO_OTHER_TRACE) if one is best else one for one in results]
    others = [one for one in results if one is not best]
    return [_held_against(best, one, rule) if isinstance(one, TraceCandidate) else one for one in others]


def difference(chosen: TraceScore, rejected: TraceScore, rule: ReasoningRule) -> Differs | None:
    """Where the chosen trace is clearly better; None where it is nowhere, or is worse in the other part."""
    # Scores have four places; a difference of two such numbers is none of exactly as many.
    process, outcome = (round(getattr(chosen, part) - getattr(rejected, part), 4) for part in ("process", "outcome"))
    if process < 0 or outcome < 0:
        return None
    by_process, by_outcome = process >= rule.process_gap, outcome >= rule.outcome_gap
    if by_process and by_outcome:
        return "both"
    return "process" if by_process else "outcome" if by_outcome else None


def _as_pair(result: TraceResult) -> TraceResult:
    if isinstance(result, Drop):
        return Drop(result.candidate.with_(config=Config.REASONING_PAIRS), result.reason, result.detail)
    return result.with_(config=Config.REASONING_PAIRS)


def _held_against(best: TraceCandidate, other: TraceCandidate, rule: ReasoningRule) -> TraceResult:
    pair = other.with_(origin=best)
    if best.wrong_steps:
        return Drop(pair, DropReason.STEP_WRONG, f"{', '.join(best.wrong_steps)} of the best trace")
    if difference(best.score, other.score, rule) is None:
        return Drop(pair, DropReason.UNCLEAR_DIFFERENCE)
    return pair

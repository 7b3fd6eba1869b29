"""Traces become rows here, as plain dictionaries with exactly the columns of `schemas.rows.reasoning`."""

from collections.abc import Callable, Mapping
from typing import Any

from ...prompts.parsers.trace import format_trace, step_texts
from ...schemas.config import Config
from ...schemas.inference import Ask, Message, Task
from ...schemas.rows import InferredBy
from ...schemas.rows.reasoning import PersonalityRewrite
from ...schemas.trace import Trace
from ..mining.candidate import call_of
from ..mining.plan import MiningPlan
from ..mining.rows import Row, place_columns
from .candidate import TraceCandidate
from .pairs import difference


def reasoning_row(candidate: TraceCandidate, plan: MiningPlan) -> Row:
    """The row of a candidate that was kept, with the weight of a row that nothing repeats."""
    ask = Ask(task=Task.REASONER, history=candidate.turn.history)
    assert plan.written is not None, "a release with traces has a prompt that asks for the text form"
    return {
        **place_columns(candidate.row_id, candidate.turn),
        "prompt": list(plan.written.messages(ask)),
        **_COLUMNS[candidate.config](candidate, plan),
        "human_strategy": candidate.turn.strategy,
        "weight": 1.0,
    }


def words_to_compare(candidate: TraceCandidate) -> str:
    """What two rows of a config have in common where they repeat each other.

    Of demonstrations the reply, since it is replies that grow alike; of labelled steps all that was reasoned; of pairs
    both replies.
    """
    trace = candidate.said
    if candidate.config is Config.REASONING_STEPS:
        return " ".join((trace.history, trace.emotion.cause, trace.strategy.why, trace.reply))
    if candidate.config is Config.REASONING_PAIRS and candidate.origin is not None:
        return f"{candidate.origin.said.reply} {trace.reply}"
    return trace.reply


def _demonstration(candidate: TraceCandidate, plan: MiningPlan) -> Row:
    trace = candidate.said
    rewritten, rewrite = candidate.profile is not None and candidate.origin is not None, None
    if rewritten:
        assert candidate.origin is not None and candidate.request is not None
        rewrite = PersonalityRewrite.model_validate(
            {**call_of(candidate.request), "profile": candidate.profile, "original": candidate.origin.said.reply}
        ).model_dump()
    reasoned = candidate.origin if rewritten else candidate
    return {
        "completion": _said(trace),
        "emotion": trace.emotion.emotion,
        "intensity": trace.emotion.intensity,
        "strategy": trace.strategy.strategy,
        "reasoner": _call(reasoned),
        "rewrite": rewrite,
    }


def _steps(candidate: TraceCandidate, plan: MiningPlan) -> Row:
    trace = candidate.said
    return {
        "completions": list(step_texts(trace)),
        "labels": list(candidate.labels),
        "rationales": [panel.rationale for panel in candidate.panels],
        "panels": [panel.model_dump() for panel in candidate.panels],
        "judgements": [
            one.model_dump() | {"labels": list(one.labels), "rationales": list(one.rationales)}
            for one in candidate.step_judgements
        ],
        "emotion": trace.emotion.emotion,
        "strategy": trace.strategy.strategy,
        "reasoner": _call(candidate),
    }


def _pair(candidate: TraceCandidate, plan: MiningPlan) -> Row:
    best, rule = candidate.origin, plan.spec.reasoning
    assert best is not None and rule is not None, "a pair has two sides, and a rule that tells them apart"
    return {
        "chosen": _said(best.said),
        "rejected": _said(candidate.said),
        "differs": difference(best.score, candidate.score, rule),
        "chosen_score": best.score.model_dump(),
        "rejected_score": candidate.score.model_dump(),
        "chosen_strategy": best.said.strategy.strategy,
        "rejected_strategy": candidate.said.strategy.strategy,
        "chosen_reasoner": _call(best),
        "rejected_reasoner": _call(candidate),
    }


_COLUMNS: Mapping[Config, Callable[[TraceCandidate, MiningPlan], Row]] = {
    Config.REASONING: _demonstration,
    Config.REASONING_STEPS: _steps,
    Config.REASONING_PAIRS: _pair,
}


def _said(trace: Trace) -> list[Message]:
    return [{"role": "assistant", "content": format_trace(trace)}]


def _call(candidate: TraceCandidate | None) -> dict[str, Any]:
    assert candidate is not None and candidate.request is not None, "a trace comes from a call"
    return InferredBy(**call_of(candidate.request)).model_dump()

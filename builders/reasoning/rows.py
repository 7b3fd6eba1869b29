"""Pairs of traces at one turn, the rows of traces, and the weights of rows that nearly repeat each other.

Rows are plain dictionaries with exactly the columns of `schemas.rows.reasoning`. Rows of one config and split that
repeat each other count as much as a single row: each weighs 1 over the size of their group, which may span rewritings,
dialogues and the whole release. PEER down-weights redundant outputs too, but does not say how; this is our own design.
"""

import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any, Literal

import numpy as np
import orjson

from ...prompts.parsers.trace import format_trace, step_texts
from ...schemas.config import REASONING_CONFIGS, Config
from ...schemas.dialogue import Split
from ...schemas.drops import DropReason
from ...schemas.inference import Ask, Message, Task
from ...schemas.rows import InferredBy
from ...schemas.rows.reasoning import PersonalityRewrite, TraceScore
from ...schemas.spec import ReasoningRule
from ...schemas.text import words_of
from ...schemas.trace import Trace
from ..mining.candidate import Drop, Row, call_of, place_columns
from ..mining.plan import MiningPlan
from ..statistics.near_duplicates import Sketches, sketch_of
from .candidate import TraceCandidate, TraceResult, in_config

Differs = Literal["process", "outcome", "both"]


def pair_traces(labelled: Sequence[TraceResult], rule: ReasoningRule) -> list[TraceResult]:
    """The candidates of `reasoning_pairs` at a turn: every draw but the best, as the rejected side.

    The best has the highest sum of both scores; of equals it is the first. It is a candidate only where it is alone.
    """
    results = [in_config(result, Config.REASONING_PAIRS) for result in labelled]
    left = [result for result in results if isinstance(result, TraceCandidate)]
    if not left:
        return results
    best = max(left, key=lambda one: one.score.process + one.score.outcome)  # the first of equals
    if len(left) == 1:
        return [Drop(one, DropReason.NO_OTHER_TRACE) if one is best else one for one in results]
    others = [one for one in results if one is not best]
    return [_compare(best, one, rule) if isinstance(one, TraceCandidate) else one for one in others]


def difference(chosen: TraceScore, rejected: TraceScore, rule: ReasoningRule) -> Differs | None:
    """The part in which the chosen trace is clearly better; None where there is none, or it is worse in the other."""
    # Scores have four decimals, but the difference of two such floats may not: 0.6 - 0.4 is below 0.2.
    process, outcome = (round(getattr(chosen, part) - getattr(rejected, part), 4) for part in ("process", "outcome"))
    if process < 0 or outcome < 0:
        return None
    by_process, by_outcome = process >= rule.process_gap, outcome >= rule.outcome_gap
    if by_process and by_outcome:
        return "both"
    return "process" if by_process else "outcome" if by_outcome else None


def _compare(best: TraceCandidate, other: TraceCandidate, rule: ReasoningRule) -> TraceResult:
    pair = other.with_(origin=best)
    if best.wrong_steps:
        return Drop(pair, DropReason.STEP_WRONG, f"{', '.join(best.wrong_steps)} of the best trace")
    if difference(best.score, other.score, rule) is None:
        return Drop(pair, DropReason.UNCLEAR_DIFFERENCE)
    return pair


# The row of a candidate that was kept, with the weight of a row that nothing repeats.
def _reasoning_row(candidate: TraceCandidate, plan: MiningPlan) -> Row:
    ask = Ask(task=Task.REASONER, history=candidate.turn.history)
    assert plan.written is not None, "a release with traces has a prompt that asks for the text form"
    return {
        **place_columns(candidate.row_id, candidate.turn),
        "prompt": list(plan.written.messages(ask)),
        **_COLUMNS[candidate.config](candidate, plan),
        "human_strategy": candidate.turn.strategy,
        "weight": 1.0,
    }


# The words by which two rows of a config repeat each other.
#
# For demonstrations the reply, since replies grow alike; for labelled steps all reasoning; for pairs both replies.
def _words_to_compare(candidate: TraceCandidate) -> str:
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


Add = Callable[[Config, Split, Row], None]


@dataclass
class Weighing:
    """The rows of the reasoning configs of one release, held back until `release` writes them with their weights.

    Rows lie on disk until every turn was reasoned about; memory holds a few numbers a row.
    """

    plan: MiningPlan
    similarity: float
    """Jaccard similarity of word triples from which two rows repeat each other."""
    _rows: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    _sketches: Sketches = field(default_factory=Sketches)
    _tables: list[tuple[Config, Split]] = field(default_factory=list)

    def add(self, candidate: TraceCandidate) -> None:
        """Adds a candidate that was kept."""
        self._rows.write(orjson.dumps(_reasoning_row(candidate, self.plan)) + b"\n")
        self._tables.append((candidate.config, candidate.turn.placed.split))
        self._sketches.add(sketch_of(words_of(_words_to_compare(candidate))))

    def release(self, add: Add) -> None:
        """Hands every row to `add`, with its weight, in the order in which they came."""
        weights = self._weights()
        self._rows.seek(0)
        for line, table, weight in zip(self._rows, self._tables, weights, strict=True):
            add(*table, orjson.loads(line) | {"weight": weight})
        self._rows.close()
        self._sketches.close()

    def _weights(self) -> list[float]:
        weights = [1.0] * len(self._tables)
        for table in ((config, split) for config in REASONING_CONFIGS for split in Split):
            mine = np.array([at for at, one in enumerate(self._tables) if one == table], dtype=np.int64)
            groups = self._sketches.groups(self.similarity, mine).tolist()
            sizes = Counter(groups)
            for at, group in zip(mine, groups, strict=True):
                weights[at] = round(1 / sizes[group], 6)
        return weights

"""The embedded models behind the seam that every model stands behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ....schemas.base import canonical_json
from ....schemas.dialogue import Turn
from ....schemas.emotion import Emotion
from ....schemas.error_type import ErrorType
from ....schemas.inference import Ask, Completion, Failed, FailureReason, Outcome, Request, Task
from ....schemas.strategy import Strategy
from ....schemas.trace import Step, Trace
from ....schemas.verdict import Comparison, StepVerdict, StyleVerdict
from ._reasoner import feelings, latest_words, reason
from ._rubric import RULES, judge
from .models import BaselineModels
from .planner import STRATEGIES, Planner
from .text import content_words

# The embedded judge before two sides: it looks at each by itself, so their order makes no difference to it.
#
# It never finds `strategy_mismatch` in a reply, since it cannot tell a reply's strategy from its words, nor
# `emotion_misread`. Of strategies it knows only how often supporters of the training dialogues chose them at such
# moments.


# A strategy that is less probable here than this part of what it usually is counts as a mismatch (our own choice).
#
# By how usual it is, and not by its probability alone: else every rare strategy would be a mismatch nearly
# everywhere, and the pairs would teach which strategies are frequent instead of which fit.
_RARE = 0.7

# How serious each error is; the most serious first in the rubric.
_WEIGHT = {None: 0} | {error: place for place, error in enumerate(reversed([error for error, _ in RULES]), 1)}


def compare_replies(rarity: Mapping[str, float], history: Sequence[Turn], reply: str, other: str) -> Comparison:
    """The rubric's verdict on both; the one with the less serious error is better."""
    one, two = (judge(history, words, rarity) for words in (reply, other))
    return Comparison(
        a=one.error,
        b=two.error,
        better=_lighter(_WEIGHT[one.error], _WEIGHT[two.error]),
        rationale=f"A: {one.rationale} B: {two.rationale}",
    )


def compare_strategies(planner: Planner, history: Sequence[Turn], strategy: Strategy, other: Strategy) -> Comparison:
    """A mismatch is what is much less probable here than it usually is; the less unusual of both is better."""
    fits = dict(zip(STRATEGIES, (planner.proba(history) / planner.usual).tolist(), strict=True))
    one, two = (round(fits[name], 2) for name in (strategy, other))
    return Comparison(
        a=_mismatch(one),
        b=_mismatch(two),
        better=_lighter(-one, -two),
        rationale=(
            f"At such moments of the training dialogues supporters follow A {one:g} times as often as usual, and B "
            f"{two:g} times; under {_RARE:g} counts as a mismatch."
        ),
    )


# Whether a strategy by itself is no mismatch, and why.
def _strategy_fit(planner: Planner, history: Sequence[Turn], strategy: Strategy) -> tuple[bool, str]:
    fit = round(float((planner.proba(history) / planner.usual)[STRATEGIES.index(strategy)]), 2)
    told = f"At such moments of the training dialogues supporters follow it {fit:g} times as often as usual."
    return _mismatch(fit) is None, told


def _mismatch(fit: float) -> ErrorType | None:
    return ErrorType.STRATEGY_MISMATCH if fit < _RARE else None


def _lighter(a: float, b: float) -> Literal["a", "b", "tie"]:
    if a == b:
        return "tie"
    return "a" if a < b else "b"


# The embedded judge before a trace and before a rewriting: rules over words, each step by itself.
#
# - **history** is right where it takes up a word of what the seeker said last; where that holds no telling word,
#   always.
# - **emotion** is right where the lexicon finds it in the seeker's words, weighing at least half of the weightiest;
#   or where it is neutral and the lexicon finds none.
# - **strategy** is right where supporters of the training dialogues follow it at such moments not much less than
#   usual.
# - **reply** is right where the rubric finds no error in it.
#
# A rewriting keeps the facts where it keeps half of the original's telling words and brings in few others; it keeps the
# strategy where it asks if and only if the original does. The thresholds are our own choice.


_NAMED_ENOUGH = 0.5
_KEPT = 0.5
_FEW_OTHERS = 3

Found = tuple[bool, str]


def judge_trace(planner: Planner, rarity: Mapping[str, float], history: Sequence[Turn], trace: Trace) -> StepVerdict:
    """Every step's label and the reason for it."""
    found = {
        Step.HISTORY: _history(history, trace),
        Step.EMOTION: _emotion(history, trace),
        Step.STRATEGY: _strategy_fit(planner, history, trace.strategy.strategy),
        Step.REPLY: _reply(rarity, history, trace),
    }
    labels, reasons = zip(*(found[step] for step in Step), strict=True)
    return StepVerdict(labels=labels, rationales=reasons)


def judge_style(original: str, rewritten: str) -> StyleVerdict:
    """Whether a rewriting keeps what the original says."""
    before, after = content_words(original).keys(), content_words(rewritten).keys()
    kept, new = len(before & after), len(after - before)
    return StyleVerdict(
        same_strategy=("?" in original) == ("?" in rewritten),
        same_facts=kept >= _KEPT * len(before) and new <= max(_FEW_OTHERS, len(before)),
        rationale=f"It keeps {kept} of {len(before)} telling words and brings in {new}.",
    )


def _history(history: Sequence[Turn], trace: Trace) -> Found:
    last = content_words(" ".join(turn.text for turn in latest_words(history))).keys()
    taken_up = sorted(last & content_words(trace.history).keys())
    if last and not taken_up:
        return False, "It takes up nothing of what the seeker said last."
    return True, "It takes up what the seeker said last."


def _emotion(history: Sequence[Turn], trace: Trace) -> Found:
    felt, named = feelings(history), trace.emotion.emotion
    if not felt:
        return named is Emotion.NEUTRAL, "The seeker names no feeling."
    weights = {one.emotion: one.weight for one in felt}
    if weights.get(named, 0.0) >= _NAMED_ENOUGH * felt[0].weight:
        return True, f"The seeker names {named}."
    return False, f"The seeker rather names {felt[0].emotion}."


def _reply(rarity: Mapping[str, float], history: Sequence[Turn], trace: Trace) -> Found:
    verdict = judge(history, trace.reply, rarity)
    return verdict.error is None, verdict.rationale


@dataclass(frozen=True)
class BaselineCompleter:
    """Answers each role's requests with the embedded model for it."""

    models: BaselineModels
    """As fitted on the training dialogues of the build."""

    async def complete(self, request: Request) -> Outcome:
        """The model's reply; a request without what its role needs is `bad_request`."""
        text = answer(self.models, request)
        if text is None:
            return Failed(
                key=request.key,
                reason=FailureReason.BAD_REQUEST,
                detail=f"the embedded {request.ask.role} needs what the request does not ask: a strategy or a reply",
            )
        return Completion(key=request.key, text=text, finish_reason="stop")


def answer(models: BaselineModels, request: Request) -> str | None:
    """What the embedded model of the request's role says; None where the request lacks what that role needs."""
    ask = request.ask
    rng = np.random.default_rng([request.seed, request.draw])
    match ask.task:
        case Task.PLANNER:
            return models.planner.sample(ask.history, request.sampling, rng).value
        case Task.RESPONDER:
            return None if ask.strategy is None else _retrieve(models, request, ask.strategy, rng)
        case Task.JOINT:
            strategy = models.planner.sample(ask.history, request.sampling, rng)
            return f"[{strategy}] {_retrieve(models, request, strategy, rng)}".strip()
        case Task.JUDGE if ask.reply is not None and ask.other_reply is not None:
            return _format(compare_replies(models.rarity, ask.history, ask.reply, ask.other_reply))
        case Task.JUDGE if ask.reply is not None:
            return _judgement(models, ask, ask.reply)
        case Task.STRATEGY_JUDGE if ask.strategy is not None and ask.other_strategy is not None:
            return _format(compare_strategies(models.planner, ask.history, ask.strategy, ask.other_strategy))
        case Task.REASONER:
            return reason(models, request, rng)
        case Task.STEP_JUDGE if ask.trace is not None:
            return _labels(judge_trace(models.planner, models.rarity, ask.history, ask.trace))
        case Task.STYLE_JUDGE if ask.reply is not None and ask.other_reply is not None:
            return canonical_json(judge_style(ask.reply, ask.other_reply).model_dump()).decode()
    return None


def _labels(verdict: StepVerdict) -> str:
    told = zip(Step, verdict.labels, verdict.rationales, strict=True)
    return canonical_json({step.value: {"correct": label, "why": why} for step, label, why in told}).decode()


def _retrieve(models: BaselineModels, request: Request, strategy: Strategy, rng: np.random.Generator) -> str:
    greedy = request.sampling.temperature == 0
    return models.responder.reply(request.ask.history, strategy, request.draw, None if greedy else rng)


def _judgement(models: BaselineModels, ask: Ask, reply: str) -> str:
    verdict = judge(ask.history, reply, models.rarity)
    label = "none" if verdict.error is None else verdict.error.value
    return canonical_json({"error": label, "rationale": verdict.rationale}).decode()


def _format(found: Comparison) -> str:
    sides = {side: "none" if error is None else error.value for side, error in (("a", found.a), ("b", found.b))}
    return canonical_json({**sides, "better": found.better, "rationale": found.rationale}).decode()

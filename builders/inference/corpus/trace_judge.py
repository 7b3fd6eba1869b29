"""The embedded judge before a trace and before a rewriting: rules over words, each step by itself.

- **history** is right where it takes up a word of what the seeker said last; where that holds no telling word, always.
- **emotion** is right where the lexicon finds it in the seeker's words, weighing at least half of the weightiest; or
  where it is neutral and the lexicon finds none.
- **strategy** is right where supporters of the training dialogues follow it at such moments not much less than usual.
- **reply** is right where the rubric finds no error in it.

A rewriting keeps the facts where it keeps half of the original's telling words and brings in few others; it keeps the
strategy where it asks if and only if the original does. The thresholds are our own choice.
"""

from collections.abc import Mapping, Sequence

from ....schemas.dialogue import Turn
from ....schemas.emotion import Emotion
from ....schemas.trace import Step, Trace
from ....schemas.verdict import StepVerdict, StyleVerdict
from .emotions import feelings, latest_words
from .pairwise import strategy_fit
from .planner import Planner
from .rubric import judge
from .stems import content_words

_NAMED_ENOUGH = 0.5
_KEPT = 0.5
_FEW_OTHERS = 3

Found = tuple[bool, str]


def judge_trace(planner: Planner, rarity: Mapping[str, float], history: Sequence[Turn], trace: Trace) -> StepVerdict:
    """Every step's label and the reason for it."""
    found = {
        Step.HISTORY: _history(history, trace),
        Step.EMOTION: _emotion(history, trace),
        Step.STRATEGY: strategy_fit(planner, history, trace.strategy.strategy),
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

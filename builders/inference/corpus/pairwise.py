"""The embedded judge before two sides: it looks at each by itself, so their order makes no difference to it.

It never finds `strategy_mismatch` in a reply, since it cannot tell a reply's strategy from its words, nor
`emotion_misread`. Of strategies it knows only how often supporters of the training dialogues chose them at such
moments.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from ....schemas.dialogue import Turn
from ....schemas.error_type import ErrorType
from ....schemas.strategy import Strategy
from ....schemas.verdict import Comparison
from .planner import STRATEGIES, Planner
from .rubric import RULES, judge

_RARE = 0.7
"""A strategy that is less probable here than this part of what it usually is counts as a mismatch (our own choice).

By how usual it is, and not by its probability alone: else every rare strategy would be a mismatch nearly everywhere,
and the pairs would teach which strategies are frequent instead of which fit.
"""

_WEIGHT = {None: 0} | {error: place for place, error in enumerate(reversed([error for error, _ in RULES]), 1)}
"""How serious each error is; the most serious first in the rubric."""


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


def strategy_fit(planner: Planner, history: Sequence[Turn], strategy: Strategy) -> tuple[bool, str]:
    """Whether a strategy by itself is no mismatch, and why."""
    fit = round(float((planner.proba(history) / planner.usual)[STRATEGIES.index(strategy)]), 2)
    told = f"At such moments of the training dialogues supporters follow it {fit:g} times as often as usual."
    return _mismatch(fit) is None, told


def _mismatch(fit: float) -> ErrorType | None:
    return ErrorType.STRATEGY_MISMATCH if fit < _RARE else None


def _lighter(a: float, b: float) -> Literal["a", "b", "tie"]:
    if a == b:
        return "tie"
    return "a" if a < b else "b"

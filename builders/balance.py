"""Stratified keeping: a filter that favours some strategies is cut back to where it hardly does (our own design).

A judge flags advice more often than questions, so what a filter keeps has other strategies than what it was given, and
a planner trained on it inherits the judge's taste. So every strategy is kept up to one common share of its pool, the
largest at which the shares kept spread no further than the rule allows. And where a pair sets one strategy over
another, what is kept of such pairs may exceed what is kept of the opposite ones only by a factor: else the pairs would
teach which strategy wins as a rule, whatever the moment.
"""

from collections.abc import Mapping

import numpy as np

from ..schemas.spec import BalanceRule
from ..schemas.strategy import Strategy

Duel = tuple[Strategy, Strategy]
"""The strategy that is chosen, and the one that it is chosen over."""

_HALVINGS = 60
_HALF = 0.5


def quotas(kept: Mapping[Strategy, int], pool: Mapping[Strategy, int], rule: BalanceRule) -> dict[Strategy, int]:
    """How many pairs of each strategy may stay.

    Args:
        kept: pairs that the filter would keep, by the human's strategy.
        pool: whole pairs that it chose from, the kept ones among them.
        rule: how far the shares kept may spread. Strategies of which nothing is kept are left out of the reckoning,
            since no cap can mend that.
    """
    strategies = [strategy for strategy in Strategy if kept.get(strategy)]
    if not strategies:
        return {}
    counts = np.array([kept[strategy] for strategy in strategies], dtype=np.float64)
    of = np.array([pool[strategy] for strategy in strategies], dtype=np.float64)
    share = max(_share(counts / of, rule.spread), rule.least * counts.sum() / of.sum())
    allowed = np.minimum(counts, np.rint(share * of))
    return {strategy: int(number) for strategy, number in zip(strategies, allowed, strict=True)}


def duel_quotas(kept: Mapping[Duel, int], pool: Mapping[Duel, int], rule: BalanceRule) -> dict[Duel, int]:
    """How many pairs of each duel may stay; those of one strategy on both sides all may.

    Args:
        kept: pairs that are kept so far.
        pool: whole pairs that the filter chose from.
        rule: by how much a duel's share may exceed its opposite's. Half a count is added everywhere, so that a duel
            whose opposite never came is cut to next to nothing, but not for a single missing pair.
    """
    return {duel: _duel_quota(duel, kept, pool, rule.duel) for duel in kept}


def _duel_quota(duel: Duel, kept: Mapping[Duel, int], pool: Mapping[Duel, int], most: float) -> int:
    opposite = (duel[1], duel[0])
    if duel == opposite:
        return kept[duel]
    share, other = ((kept.get(one, 0) + _HALF) / (pool.get(one, 0) + 2 * _HALF) for one in (duel, opposite))
    return min(kept[duel], round(min(share, most * other) * (pool[duel] + 2 * _HALF) - _HALF))


def spread_of(shares: np.ndarray) -> float:
    """The population standard deviation of shares over their mean: 0 where all are equal."""
    return float(shares.std() / shares.mean())


def _share(shares: np.ndarray, spread: float) -> float:
    """The largest cap under which the shares spread no further; found by halving, since the spread grows with it."""
    low, high = float(shares.min()), float(shares.max())
    if spread_of(shares) <= spread:
        return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if spread_of(np.minimum(shares, middle)) <= spread:
            low = middle
        else:
            high = middle
    return low

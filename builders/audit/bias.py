"""Measure: what choosing among pairs does to the strategies that a model would learn to prefer.

The estimators are ours (see `statistics.strengths`); here they count what the data prefers, not what a model predicts.
"""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from ...schemas.audit import FilterBias, Interval
from ...schemas.config import PAIR_CONFIGS, Config
from ...schemas.strategy import Strategy
from ..statistics.bootstrap import interval, ratio, sums_by_group
from ..statistics.strengths import PRIOR, bias_of, pair_strengths
from .batch import Pairs, codes_of
from .drops import Drops
from .labels import ordered
from .measure import Measure

_NAMES = [strategy.value for strategy in Strategy]
_SIZE = len(_NAMES)


def share_strengths(counts: np.ndarray) -> np.ndarray:
    """Smoothed shares of counts (… × n), summing to the number of strategies."""
    smoothed = counts + PRIOR
    return np.asarray(smoothed * counts.shape[-1] / smoothed.sum(axis=-1, keepdims=True))


def keeping_strengths(kept: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Smoothed shares kept, summing to the number of strategies: what a filter makes of equally frequent ones."""
    rates = (kept + PRIOR) / (np.maximum(kept, of) + 2 * PRIOR)
    return np.asarray(rates * kept.shape[-1] / rates.sum(axis=-1, keepdims=True))


def duel_strengths(kept: np.ndarray, of: np.ndarray) -> np.ndarray:
    """The same where one strategy is chosen over another: strengths of pairs of which all had met equally often.

    Args:
        kept: … × n × n, how often *i* was chosen over *j* among the kept pairs; the diagonal is unused.
        of: the same among all that the filter chose from.
    """
    apart = 1 - np.eye(kept.shape[-1])
    shares = (kept + PRIOR) / (np.maximum(kept, of) + 2 * PRIOR)
    usual = (of * apart).sum(axis=(-2, -1), keepdims=True) / apart.sum()
    return pair_strengths(shares * usual)


class Bias(Measure):
    """Keeps tables of chosen against rejected strategies, per bootstrap replicate, of rows and of filtered pairs."""

    def __init__(self) -> None:
        self._kept: dict[str, np.ndarray] = {}
        self._filtered: dict[str, np.ndarray] = {}
        self._dialogues: dict[str, np.ndarray] = {}

    def take_pairs(self, pairs: Pairs) -> None:
        """Counts the pairs that were kept."""
        if pairs.chosen_strategy is not None:
            rejected = pairs.chosen_strategy if pairs.rejected_strategy is None else pairs.rejected_strategy
            table = _tables(pairs.chosen_strategy, rejected, pairs.weights)
            self._kept[pairs.place.config] = self._kept.get(pairs.place.config, 0) + table
            self._note(pairs.place.config, pairs.dialogues)

    def take_drops(self, drops: Drops) -> None:
        """Counts the pairs that were not."""
        if drops.config in PAIR_CONFIGS and drops.by_filter.any():
            mask = pa.array(drops.by_filter)
            sides = (drops.chosen_strategy.filter(mask), drops.rejected_strategy.filter(mask))
            table = _tables(*sides, drops.weights[drops.by_filter])
            self._filtered[drops.config] = self._filtered.get(drops.config, 0) + table
            self._note(drops.config, drops.dialogues[drops.by_filter])

    def tell(self) -> dict[str, Any]:
        """`filter_bias`, of releases."""
        configs = [config for config in PAIR_CONFIGS if {config} & {*self._kept, *self._filtered}]
        return {"filter_bias": tuple(self._told(config) for config in configs)}

    def _note(self, config: str, dialogues: np.ndarray) -> None:
        known = self._dialogues.get(config, np.zeros(0, dtype=np.uint64))
        self._dialogues[config] = np.union1d(known, dialogues)

    def _told(self, config: Config) -> FilterBias:
        none = np.zeros_like(next(iter((self._kept or self._filtered).values())))
        kept = self._kept.get(config, none)
        pool = kept + self._filtered.get(config, none)
        alone = config is Config.RESPONSE
        strengths = (lambda table: share_strengths(table.sum(axis=-1))) if alone else pair_strengths
        before, after = bias_of(strengths(pool)), bias_of(strengths(kept))
        by_pool, by_kept = pool.sum(axis=-1), kept.sum(axis=-1)
        of_keeping = (by_kept, by_pool) if alone else (kept, pool)
        n, rows = round(by_pool[0].sum()), round(by_kept[0].sum())
        return FilterBias(
            config=config,
            estimator="share" if alone else "bradley_terry",
            before=interval(before, n),
            after=interval(after, rows),
            shift=interval(after - before, rows),
            keeping=interval(bias_of((keeping_strengths if alone else duel_strengths)(*of_keeping)), n),
            kept=_kept_shares(by_kept, by_pool),
            before_by_strategy=_counts(by_pool[0]),
            after_by_strategy=_counts(by_kept[0]),
            dialogues=len(self._dialogues[config]),
        )


def _kept_shares(kept: np.ndarray, pool: np.ndarray) -> dict[str, Interval]:
    shares = ratio(kept, pool)
    return {name: interval(shares[:, at], round(pool[0, at])) for at, name in enumerate(_NAMES)}


def _counts(numbers: np.ndarray) -> dict[str, int]:
    return ordered(Counter({name: round(number) for name, number in zip(_NAMES, numbers, strict=True)}))


def _tables(chosen: pa.Array, rejected: pa.Array, weights: np.ndarray) -> np.ndarray:
    """Replicates × strategies × strategies; pairs in which either strategy is not known are left out."""
    one, other = codes_of(chosen, _NAMES, len(chosen)), codes_of(rejected, _NAMES, len(chosen))
    groups = np.where((one < 0) | (other < 0), -1, one * _SIZE + other)
    return sums_by_group(weights, groups, _SIZE**2).reshape(-1, _SIZE, _SIZE)

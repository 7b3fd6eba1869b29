"""Measure: how the sides differ in length and style, overall and by strategy."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.audit import Histogram, StyleDifference
from ..statistics.bootstrap import interval, ratio
from ._measure import Measure, Pairs

# With more names than this in one config they are not strategies, and only the total is reported.
_MOST_STRATEGIES = 64
# Sums kept at most: strategies beyond are added to those without one.
_MOST_GROUPS = 500


def _pattern(pattern: str) -> Callable[[pa.Array], pa.Array]:
    return lambda texts: pc.count_substring_regex(texts, pattern)


def _matches(pattern: str) -> Callable[[pa.Array], pa.Array]:
    return lambda texts: pc.cast(pc.match_substring_regex(texts, pattern), pa.int8())


@dataclass(frozen=True)
class Feature:
    """One feature of a text."""

    about: str
    count: Callable[[pa.Array], pa.Array]
    edges: tuple[float, ...] | None = None
    """Of a histogram, where one is to be drawn."""


# Every feature; the audit reports each one's mean over texts.
_FEATURES: dict[str, Feature] = {
    "characters": Feature("characters", pc.utf8_length, tuple(map(float, range(0, 801, 20)))),
    "words": Feature("words", _pattern(r"[\p{L}\p{N}]+(?:['’][\p{L}]+)*"), tuple(map(float, range(0, 161, 4)))),
    "sentences": Feature("runs of . ! ?", _pattern(r"[.!?…]+")),
    "questions": Feature("question marks", _pattern(r"\?")),
    "exclamations": Feature("exclamation marks", _pattern("!")),
    "commas": Feature("commas", _pattern(",")),
    "first_person": Feature("I, me, my, we, us, our …", _pattern(r"(?i)\b(i|me|my|mine|myself|we|us|our|ours)\b")),
    "second_person": Feature("you, your …", _pattern(r"(?i)\b(you|your|yours|yourself)\b")),
    "capitalised": Feature("share that begin with a capital letter", _matches(r"^\P{L}*\p{Lu}")),
    "ends_with_stop": Feature("share that end with . ! ? or …", _matches(r"[.!?…][\"'”’)\s]*$")),
}

_NAMES = tuple(_FEATURES)


class Style(Measure):
    """Keeps sums per config and strategy, and per bootstrap replicate; never a text."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, str | None], np.ndarray] = {}
        self._sides: dict[tuple[str, str | None], np.ndarray] = {}
        self._bins: dict[tuple[str, str], np.ndarray] = {}

    def take_pairs(self, pairs: Pairs) -> None:
        """Adds up the features of a batch."""
        config = pairs.place.config
        chosen, rejected = _features_of(pairs.chosen.texts), _features_of(pairs.rejected.texts)
        for at, name in enumerate(_NAMES):
            self._count_bins(config, name, chosen[:, at], rejected[:, at])
        rest = np.ones(pairs.size, dtype=bool)
        for strategy, mask in _by_strategy(pairs.chosen_strategy):
            self._add((config, strategy), pairs, chosen, rejected, mask)
            rest &= ~mask
        self._add((config, None), pairs, chosen, rejected, rest)

    def result(self) -> dict[str, Any]:
        """`style` and what the features are."""
        by_config: dict[str, list[str | None]] = defaultdict(list)
        for config, strategy in self._sums:
            by_config[config].append(strategy)
        told: list[StyleDifference] = []
        for config, strategies in by_config.items():
            total = sum(self._sums[config, one] for one in strategies)
            sides = sum(self._sides[config, one] for one in strategies)
            told += self._result(config, None, np.asarray(total), np.asarray(sides))
            named = sorted(one for one in strategies if one is not None)
            for strategy in named if len(named) <= _MOST_STRATEGIES else ():
                told += self._result(config, strategy, self._sums[config, strategy], self._sides[config, strategy])
        return {"style": tuple(told), "style_features": {name: one.about for name, one in _FEATURES.items()}}

    def _add(
        self, key: tuple[str, str | None], pairs: Pairs, chosen: np.ndarray, rejected: np.ndarray, mask: np.ndarray
    ) -> None:
        if key not in self._sums and len(self._sums) > _MOST_GROUPS:
            key = (key[0], None)
        rows = np.column_stack([np.ones(int(mask.sum())), chosen[mask] - rejected[mask]]).astype(np.float32)
        sums = (pairs.weights[mask].T @ rows).astype(np.float64)
        sides = np.stack([chosen[mask].sum(axis=0), rejected[mask].sum(axis=0)])
        self._sums[key] = self._sums.get(key, 0) + sums
        self._sides[key] = self._sides.get(key, 0) + sides

    def _count_bins(self, config: str, name: str, chosen: np.ndarray, rejected: np.ndarray) -> None:
        edges = _FEATURES[name].edges
        if edges is not None:
            inner = np.array(edges[1:-1])
            places = (np.searchsorted(inner, side, side="right") for side in (chosen, rejected))
            bins = np.stack([np.bincount(place, minlength=len(edges) - 1) for place in places])
            self._bins[config, name] = self._bins.get((config, name), 0) + bins

    def _result(self, config: str, strategy: str | None, sums: np.ndarray, sides: np.ndarray) -> list[StyleDifference]:
        n = round(sums[0, 0])
        told = []
        for at, name in enumerate(_NAMES):
            bins = self._bins.get((config, name)) if strategy is None else None
            told.append(
                StyleDifference(
                    config=config,
                    strategy=strategy,
                    feature=name,
                    chosen=round(sides[0, at] / n, 6) if n else None,
                    rejected=round(sides[1, at] / n, 6) if n else None,
                    difference=interval(ratio(sums[:, at + 1], sums[:, 0]), n),
                    histogram=None if bins is None else _histogram(name, bins),
                )
            )
        return told


# Texts × features, in the order of `_FEATURES`.
def _features_of(texts: pa.Array) -> np.ndarray:
    return np.column_stack([np.asarray(one.count(texts), dtype=np.float64) for one in _FEATURES.values()])


def _histogram(name: str, bins: np.ndarray) -> Histogram:
    return Histogram(
        edges=_FEATURES[name].edges or (), chosen=tuple(bins[0].tolist()), rejected=tuple(bins[1].tolist())
    )


def _by_strategy(strategies: pa.Array | None) -> list[tuple[str, np.ndarray]]:
    if strategies is None:
        return []
    codes = pc.dictionary_encode(strategies)
    names, numbers = codes.dictionary.to_pylist(), np.asarray(codes.indices.fill_null(-1))
    return [(name, numbers == number) for number, name in enumerate(names)]

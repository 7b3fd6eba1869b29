"""Chance-corrected agreement from tables that add up, so that every resample is one sum of dialogues' tables.

A table holds, for two labellings, how often the first said `row` and the second `column`. Alpha's coincidences and
kappa's confusions are both such tables, and both stay what they are when labels are merged (`merged`).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from ...schemas.measures import Interval
from .bootstrap import interval

Statistic = Callable[[np.ndarray], np.ndarray]
"""From tables (replicates × labels × labels, or replicates × labels) to a number each; not a number is undefined."""


@dataclass(frozen=True)
class Resampling:
    """The pairs' dialogues, and how often each pair counts in every resample; the first column is the data itself."""

    dialogues: np.ndarray
    weights: np.ndarray

    def interval(self, statistic: Statistic, tables: np.ndarray, n: int) -> Interval:
        """A statistic on the data, with its interval.

        Args:
            statistic: what to compute.
            tables: one table a pair.
            n: what the value is made of, counted.
        """
        totals = np.tensordot(self.weights.T.astype(np.float64), tables, axes=1)
        found = interval(statistic(totals), n)
        told = np.unique(self.dialogues[tables.reshape(len(tables), -1).any(axis=1)])
        return found if len(told) > 1 else found.model_copy(update={"low": None, "high": None})


def alpha(coincidences: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha for nominal labels; undefined where there is no second label, or no two labels differ."""
    of_label = coincidences.sum(axis=-1)
    total = of_label.sum(axis=-1)
    observed = total - _diagonal(coincidences)
    expected = total**2 - (of_label**2).sum(axis=-1)
    return 1 - _divided(observed * (total - 1), expected)


def kappa(confusions: np.ndarray) -> np.ndarray:
    """Cohen's kappa; undefined where one of the two gave one label only, since it would say nothing of agreement."""
    rows, columns = confusions.sum(axis=-1), confusions.sum(axis=-2)
    total = rows.sum(axis=-1)
    observed = _divided(_diagonal(confusions), total)
    expected = _divided((rows * columns).sum(axis=-1), total**2)
    varied = ((rows > 0).sum(axis=-1) > 1) & ((columns > 0).sum(axis=-1) > 1)
    return np.where(varied, _divided(observed - expected, 1 - expected), np.nan)


def same_share(confusions: np.ndarray) -> np.ndarray:
    """The share of labels on which both agree."""
    return _divided(_diagonal(confusions), confusions.sum(axis=(-2, -1)))


def share_of(label: int) -> Statistic:
    """The share of one label among counts of all."""
    return lambda counts: _divided(counts[..., label], counts.sum(axis=-1))


def coincidences_of(units: Iterable[Sequence[int]], labels: int) -> np.ndarray:
    """The coincidences within each unit's labels; a unit with fewer than two has none.

    Every ordered pair of a unit's m labels counts 1 / (m - 1), as Krippendorff has it.
    """
    table = np.zeros((labels, labels))
    for unit in units:
        for (one, other), number in Counter(permutations(unit, 2)).items():
            table[one, other] += number / (len(unit) - 1)
    return table


def confusions_of(both: Iterable[tuple[int, int]], labels: int) -> np.ndarray:
    """How often the first of two said what and the second what."""
    table = np.zeros((labels, labels))
    for one, other in both:
        table[one, other] += 1
    return table


def merged(tables: np.ndarray, groups: Sequence[int]) -> np.ndarray:
    """The tables of fewer labels: label `i` becomes `groups[i]`."""
    into = np.eye(max(groups) + 1)[list(groups)]
    return np.asarray(into.T @ tables @ into)


def _diagonal(tables: np.ndarray) -> np.ndarray:
    return np.asarray(np.trace(tables, axis1=-2, axis2=-1))


def _divided(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    # Sums of thirds and the like miss zero by the noise of floating point.
    positive = under > 1e-9
    return np.asarray(np.divide(over, under, out=np.full(np.shape(over), np.nan), where=positive))

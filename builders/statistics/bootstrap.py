"""Bootstrap intervals over dialogues, and chance-corrected agreement; neither keeps a dialogue.

A Poisson bootstrap: in every replicate a dialogue counts as often as a Poisson(1) draw, and the draw comes from a hash
of the dialogue's id. So all rows of a dialogue are drawn together wherever they are, one pass over the rows is enough,
and memory does not grow with them.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import permutations
from math import e, factorial

import numpy as np

from ...schemas.measures import Interval

REPLICATES = 400
"""Bootstrap samples of every interval."""
SEED = 20250516
"""The seed of all draws and samples of an audit."""
# Per cent of the replicates beyond either end of a 95 % interval.
_TAIL_PERCENT = 2.5
# Published figures have so many digits, so that the last bits of a platform's arithmetic do not show.
_DIGITS = 6
_STEP = np.uint64(0x9E3779B97F4A7C15)
# Probability that a Poisson(1) draw is at most the index.
_CUMULATIVE = np.cumsum([1 / e / factorial(count) for count in range(12)])
# Dialogues whose weights are drawn at a time, which bounds the memory.
_BLOCK = 4_096
_COLUMNS = 50
"""Columns of weights that `weighted_auc` holds as floats at a time."""


def mix(values: np.ndarray, salt: int) -> np.ndarray:
    """64-bit hashes of values with a salt (SplitMix64's finisher): equal in every process, unrelated between salts."""
    with np.errstate(over="ignore"):
        mixed = values.astype(np.uint64) + _STEP * np.uint64(salt + 1)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


def weights_of(dialogues: np.ndarray, replicates: int = REPLICATES) -> np.ndarray:
    """The weight of each row in each replicate: rows × (1 + replicates); column 0 is the data itself, all ones."""
    unique, inverse = np.unique(dialogues, return_inverse=True)
    weights = np.ones((len(unique), replicates + 1), dtype=np.float32)
    salts = mix(np.arange(replicates, dtype=np.uint64), SEED)
    for start in range(0, len(unique), _BLOCK):
        with np.errstate(over="ignore"):
            seeds = unique[start : start + _BLOCK, None] + salts[None, :]
        uniform = (mix(seeds, SEED) >> np.uint64(11)) * 2.0**-53
        weights[start : start + _BLOCK, 1:] = np.searchsorted(_CUMULATIVE, uniform, side="right")
    return np.asarray(weights[inverse])


def sums_by_group(weights: np.ndarray, groups: np.ndarray, number: int) -> np.ndarray:
    """Weighted counts: replicates × groups, of the rows whose group is in `0 … number - 1`."""
    sums = np.zeros((number, weights.shape[1]))
    inside = np.flatnonzero((groups >= 0) & (groups < number))
    if len(inside):
        order = inside[np.argsort(groups[inside], kind="stable")]
        starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
        sums[groups[order[starts]]] = np.add.reduceat(weights[order], starts, axis=0, dtype=np.float64)
    return np.asarray(sums.T)


def interval(values: np.ndarray, n: int) -> Interval:
    """The interval of a statistic from its value on the data (the first) and on every replicate; NaN is undefined."""
    first, rest = float(values[0]), values[1:][np.isfinite(values[1:])]
    if not np.isfinite(first) or n == 0:
        return Interval(value=None, low=None, high=None, n=n)
    if len(rest) < 2 or n < 2:
        return Interval(value=_rounded(first), low=None, high=None, n=n)
    low, high = np.percentile(rest, (_TAIL_PERCENT, 100 - _TAIL_PERCENT))
    return Interval(value=_rounded(first), low=_rounded(low), high=_rounded(high), n=n)


def ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """`over / under`; NaN where `under` is not positive."""
    divided = np.divide(over, under, out=np.full(np.shape(over), np.nan), where=np.asarray(under) > 0)
    return np.asarray(divided)


# Shorter than the noise of floating point, so that an equal audit is equal on another machine.
def _rounded(value: float) -> float:
    return round(float(value), _DIGITS) + 0.0


def weighted_auc(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The area under the ROC curve under each column of weights: 0 to 1, ties count half; NaN without both labels.

    Args:
        scores: one a row; a higher one is evidence for label 1.
        labels: 0 or 1.
        weights: rows × columns.
    """
    _, rank = np.unique(scores, return_inverse=True)
    order = np.argsort(rank, kind="stable")
    starts = np.flatnonzero(np.diff(rank[order], prepend=-1))
    areas = []
    for first in range(0, weights.shape[1], _COLUMNS):
        some = weights[order, first : first + _COLUMNS].astype(np.float64)
        ones = np.add.reduceat(some * labels[order, None], starts, axis=0)
        zeros = np.add.reduceat(some * (1 - labels[order, None]), starts, axis=0)
        below = np.cumsum(zeros, axis=0) - zeros / 2
        areas.append(ratio((ones * below).sum(axis=0), ones.sum(axis=0) * zeros.sum(axis=0)))
    return np.concatenate(areas)


# Chance-corrected agreement, from tables that can be added, so that every resample is a sum of the dialogues' tables.
#
# A table holds, for two labellings, how often the first said `row` and the second `column`. Alpha's coincidences and
# kappa's confusions are both such tables, and merging labels (`merged`) gives tables of the same kind.


Statistic = Callable[[np.ndarray], np.ndarray]
"""From tables (replicates × labels × labels, or replicates × labels) to a number each; NaN is undefined."""


@dataclass(frozen=True)
class Resampling:
    """The pairs' dialogues, and the weight of each pair in every resample; the first column is the data itself."""

    dialogues: np.ndarray
    weights: np.ndarray

    def interval(self, statistic: Statistic, tables: np.ndarray, n: int) -> Interval:
        """A statistic on the data, with its interval; without bounds if all tables are of one dialogue.

        Args:
            statistic: computed from the sum of the tables.
            tables: one table a pair.
            n: the number of labels or units behind the value.
        """
        totals = np.tensordot(self.weights.T.astype(np.float64), tables, axes=1)
        found = interval(statistic(totals), n)
        dialogues = np.unique(self.dialogues[tables.reshape(len(tables), -1).any(axis=1)])
        return found if len(dialogues) > 1 else found.model_copy(update={"low": None, "high": None})


def alpha(coincidences: np.ndarray) -> np.ndarray:
    """Krippendorff's alpha for nominal labels; undefined without a second label, or if all labels are equal."""
    of_label = coincidences.sum(axis=-1)
    total = of_label.sum(axis=-1)
    observed = total - _diagonal(coincidences)
    expected = total**2 - (of_label**2).sum(axis=-1)
    return 1 - _divided(observed * (total - 1), expected)


def kappa(confusions: np.ndarray) -> np.ndarray:
    """Cohen's kappa; undefined if one of the two gave only one label, since it would not measure agreement."""
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

    Every ordered pair of a unit's m labels counts 1 / (m - 1), as in Krippendorff 2004.
    """
    table = np.zeros((labels, labels))
    for unit in units:
        for (one, other), number in Counter(permutations(unit, 2)).items():
            table[one, other] += number / (len(unit) - 1)
    return table


def confusions_of(both: Iterable[tuple[int, int]], labels: int) -> np.ndarray:
    """How often the first of two gave each label when the second gave each."""
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

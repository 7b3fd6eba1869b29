"""The value of a metric with its bootstrap samples over dialogues, and the comparison of two systems by them.

Every metric of every system is computed on the same bootstrap samples, so the samples of two systems can be subtracted
one by one: the interval and the p-value of a difference are then those of a paired bootstrap.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...builders.statistics.bootstrap import interval, ratio
from ...schemas.measures import Interval

Better = Literal["higher", "lower", "neither"]
"""Which direction is better; `neither` for values that are only observed."""

NO_REPLIES = "it gives no replies"
"""Why the metrics of replies are undefined for a planner alone."""

P_VALUE = (
    "two-sided p of a paired bootstrap over dialogues: the share of bootstrap samples whose difference is at least as "
    "far from the mean difference of all samples as the observed difference is from 0 (Riezler and Maxwell 2005, as in "
    "sacreBLEU), with one added to both counts; not adjusted for the number of comparisons"
)
"""The definition of `p_value`, for reports."""


@dataclass(frozen=True)
class Metric:
    """The description of a metric."""

    name: str
    """Its name in tables."""
    about: str
    """What it counts, its range, and its source, in one sentence without the final stop."""
    better: Better


@dataclass(frozen=True)
class MetricResult:
    """One metric of one system."""

    values: np.ndarray
    """The value on the data, then on every bootstrap sample; NaN where it is undefined."""
    n: int
    """The number of turns that it is computed from."""
    why: str = ""
    """Why there is no value, or a remark on it."""
    comparable: bool = True
    """Whether it may be tested against another system's."""

    @property
    def interval(self) -> Interval:
        """The value with its 95 % interval over dialogues."""
        return interval(self.values, self.n)


def undefined(why: str, replicates: int) -> MetricResult:
    """The result of a metric that is undefined on the data and on all `replicates` samples."""
    return MetricResult(np.full(replicates + 1, np.nan), 0, why)


def mean_of(values: np.ndarray, weights: np.ndarray, n: int | None = None, why: str = "") -> MetricResult:
    """The weighted mean of values (one for each row) under each column of weights (rows × columns)."""
    floats = weights.astype(np.float64)
    mean = ratio(floats.T @ values.astype(np.float64), floats.sum(axis=0))
    return MetricResult(mask_single_dialogue(mean, weights), len(values) if n is None else n, why)


def mask_single_dialogue(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The value with its bootstrap samples, which become undefined if all rows are of one dialogue.

    Every sample of one dialogue is that dialogue again. Its interval would have no width, and its p-value would be the
    smallest possible, although nothing is known about any other dialogue.

    Args:
        values: on the data, then on every sample.
        weights: of the rows behind the value, rows × (1 + replicates).
    """
    if len(weights) and not (weights == weights[0]).all():
        return values
    return np.concatenate([values[:1], np.full(len(values) - 1, np.nan)])


def recentre(values: np.ndarray) -> np.ndarray:
    """A value that is never below 0, with its bootstrap samples shifted so that their mean is the value.

    For measures of spread. Noise alone raises them, and a bootstrap sample is noisier than the data, so that the value
    of a system with little bias would lie below its own interval. The shift is our own solution.
    """
    samples = values[1:]
    if not np.isfinite(values[0]) or not np.isfinite(samples).any():
        return values
    return np.concatenate([values[:1], np.maximum(samples - np.nanmean(samples) + values[0], 0.0)])


def jackknife_samples(value: float, left_out: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """A value with approximate bootstrap samples, for a metric that a repeated dialogue distorts.

    A count of different things falls when a dialogue is drawn twice, although nothing was lost. So each sample is the
    value plus the influence of every dialogue, times how often it was drawn more or less than once. The influences are
    the jackknife's (Efron and Tibshirani 1993, chapter 11), so that the samples have the jackknife's variance; the
    combination is our own.

    Args:
        value: on all dialogues.
        left_out: the value without each dialogue in turn; if one is undefined, so are all samples.
        drawn: how often each dialogue counts, dialogues × (1 + replicates); column 0 is all ones.
    """
    if len(left_out) < 2 or not np.isfinite(left_out).all():
        return np.array([value, *np.full(drawn.shape[1] - 1, np.nan)])
    influence = (left_out.mean() - left_out) * np.sqrt((len(left_out) - 1) / len(left_out))
    return np.asarray(value + (drawn.astype(np.float64) - 1).T @ influence)


def difference_of(one: MetricResult, other: MetricResult) -> Interval:
    """`one - other` with its 95 % interval; null if either is undefined."""
    return interval(one.values - other.values, min(one.n, other.n))


def p_value(one: MetricResult, other: MetricResult) -> float | None:
    """See `P_VALUE`; None if either value is undefined, or if fewer than two samples define both."""
    found, *samples = one.values - other.values
    drawn = np.array(samples)[np.isfinite(samples)]
    if not np.isfinite(found) or len(drawn) < 2:
        return None
    # The tolerance counts differences that are equal but for rounding.
    as_far = np.abs(drawn - drawn.mean()) >= np.abs(found) - 1e-12
    return float((as_far.sum() + 1) / (len(drawn) + 1))

"""A measured value: on the data, and on every bootstrap sample of its dialogues."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from ...builders.statistics.bootstrap import interval, ratio
from ...schemas.measures import Interval

Better = Literal["higher", "lower", "neither"]
"""Which way is better; `neither` for what is only to be watched."""

NO_REPLIES = "it gives no replies"
"""Why a planner alone has no value of what is measured of replies."""


@dataclass(frozen=True)
class Metric:
    """What a metric is."""

    name: str
    """As tables call it."""
    about: str
    """One sentence: what is counted, its range, where it comes from."""
    better: Better


@dataclass(frozen=True)
class MetricResult:
    """One metric of one system."""

    values: np.ndarray
    """On the data, then on every bootstrap sample; not a number where it is undefined."""
    n: int
    """Turns that it is made of."""
    why: str = ""
    """Why there is no value, or what to know of it."""
    comparable: bool = True
    """Whether it may be tested against another system's."""

    @property
    def interval(self) -> Interval:
        """The value with its 95 % interval over dialogues."""
        return interval(self.values, self.n)


def mean_of(values: np.ndarray, weights: np.ndarray, n: int | None = None, why: str = "") -> MetricResult:
    """The mean of values (one a row) under each column of weights (rows × columns); of one dialogue without samples."""
    heavy = weights.astype(np.float64)
    mean = ratio(heavy.T @ values.astype(np.float64), heavy.sum(axis=0))
    return MetricResult(of_several(mean, weights), len(values) if n is None else n, why)


def of_several(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """A value with its bootstrap samples, which are undefined where all rows are of one dialogue.

    Every sample of one dialogue is that dialogue again, as often as it was drawn. An interval of no width and the
    smallest p-value would come of it, where nothing is known of any other dialogue.

    Args:
        values: on the data, then on every sample.
        weights: of the rows that it is made of, rows × (1 + replicates).
    """
    if len(weights) and not (weights == weights[0]).all():
        return values
    return np.concatenate([values[:1], np.full(len(values) - 1, np.nan)])


def undefined(why: str, replicates: int) -> MetricResult:
    """No value, and why; `replicates` as of the weights."""
    return MetricResult(np.full(replicates + 1, np.nan), 0, why)


def around(value: float, left_out: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """A value and its bootstrap samples, where a sample with repeated dialogues cannot be measured as it is.

    What counts different things falls when a dialogue is drawn twice, though nothing was lost. So a sample is taken to
    be the value plus the influence of every dialogue, as often as it was drawn more or less than once; the influences
    are the jackknife's, which gives the samples the jackknife's variance (our own combination of the two).

    Args:
        value: on all dialogues.
        left_out: the value without each dialogue in turn; where one is undefined, so are the samples.
        drawn: how often each dialogue counts, dialogues × (1 + replicates); column 0 is all ones.
    """
    if len(left_out) < 2 or not np.isfinite(left_out).all():
        return np.array([value, *np.full(drawn.shape[1] - 1, np.nan)])
    influence = (left_out.mean() - left_out) * np.sqrt((len(left_out) - 1) / len(left_out))
    return np.asarray(value + (drawn.astype(np.float64) - 1).T @ influence)


def recentred(values: np.ndarray) -> np.ndarray:
    """A value that is never below 0 with its bootstrap samples moved so that their mean is the value.

    For measures of spread: noise alone raises them, and a bootstrap sample is noisier than the data, so that the value
    of a system with little bias would lie below its own interval (our own way out).
    """
    rest = values[1:]
    if not np.isfinite(values[0]) or not np.isfinite(rest).any():
        return values
    return np.concatenate([values[:1], np.maximum(rest - np.nanmean(rest) + values[0], 0.0)])


# Whether two systems differ: on the same turns, under the same bootstrap samples of dialogues.


P_VALUE = (
    "two-sided p of a paired bootstrap over dialogues: the share of bootstrap samples in which the difference lies at "
    "least as far from its mean over all samples as the difference found lies from 0 (Riezler and Maxwell 2005, as in "
    "sacreBLEU), with one added above and below; not adjusted for the number of comparisons"
)
"""Which p-value is told."""


def difference_of(one: MetricResult, other: MetricResult) -> Interval:
    """`one - other` with its 95 % interval; null where either is undefined."""
    return interval(one.values - other.values, min(one.n, other.n))


def p_value(one: MetricResult, other: MetricResult) -> float | None:
    """See `P_VALUE`; None where either value is undefined, or fewer than two samples define both."""
    found, *samples = one.values - other.values
    drawn = np.array(samples)[np.isfinite(samples)]
    if not np.isfinite(found) or len(drawn) < 2:
        return None
    as_far = np.abs(drawn - drawn.mean()) >= np.abs(found) - 1e-12
    return float((as_far.sum() + 1) / (len(drawn) + 1))

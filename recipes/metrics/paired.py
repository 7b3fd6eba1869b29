"""Whether two systems differ: on the same turns, under the same bootstrap samples of dialogues."""

import numpy as np

from ...builders.statistics.bootstrap import interval
from ...schemas.measures import Interval
from .measured import Measured

P_VALUE = (
    "two-sided p of a paired bootstrap over dialogues: the share of bootstrap samples in which the difference lies at "
    "least as far from its mean over all samples as the difference found lies from 0 (Riezler and Maxwell 2005, as in "
    "sacreBLEU), with one added above and below; not adjusted for the number of comparisons"
)
"""Which p-value is told."""


def difference_of(one: Measured, other: Measured) -> Interval:
    """`one - other` with its 95 % interval; null where either is undefined."""
    return interval(one.values - other.values, min(one.n, other.n))


def p_value(one: Measured, other: Measured) -> float | None:
    """See `P_VALUE`; None where either value is undefined, or fewer than two samples define both."""
    found, *samples = one.values - other.values
    drawn = np.array(samples)[np.isfinite(samples)]
    if not np.isfinite(found) or len(drawn) < 2:
        return None
    as_far = np.abs(drawn - drawn.mean()) >= np.abs(found) - 1e-12
    return float((as_far.sum() + 1) / (len(drawn) + 1))

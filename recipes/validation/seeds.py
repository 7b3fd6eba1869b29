"""Figures over several trainings that differ in their seed alone, and the correction for asking several questions.

A model that is trained once is one draw of all that the same data could have given. So every training is done with
several seeds, and an interval is a hierarchical bootstrap: a sample draws dialogues, the same ones for every system and
seed, and then seeds. It draws one seed less than there are, with replacement, which gives the mean over seeds its
unbiased variance (Rao and Wu 1988); as many as there are would make it too small by a third where there are three. Two
draws out of three seeds are the same one in a ninth of the samples, so that with three a 95 % interval reaches about as
far as the intervals of the worst and of the best seed together.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ...builders.statistics.bootstrap import SEED
from ..metrics.measured import Measured, undefined

LEVEL = 0.05
"""Of all comparative questions together."""


def over_seeds(found: Sequence[Measured]) -> Measured:
    """The mean over seeds, with its hierarchical samples; undefined where it is for any seed.

    Args:
        found: the same figure of every seed, under the same bootstrap samples of dialogues.
    """
    if not found:
        return undefined("nothing was trained", 0)
    n = min(one.n for one in found)
    width = max(len(one.values) for one in found)
    if nothing := next((one for one in found if not np.isfinite(one.values[0])), None):
        return undefined(nothing.why, width - 1)
    why, comparable = found[0].why, all(one.comparable for one in found)
    values = np.stack([one.values for one in found])
    number, samples = values.shape
    if number == 1:
        return Measured(values[0], n, why, comparable)
    drawn = np.random.default_rng(SEED).integers(0, number, (number - 1, samples))
    mixed = np.take_along_axis(values, drawn, axis=0).mean(axis=0)
    return Measured(np.concatenate([[values[:, 0].mean()], mixed[1:]]), n, why, comparable)


def tail_p(found: Measured, where: tuple[float, float]) -> float:
    """Two-sided p-value against that a figure lies outside of a range; 1 where nothing is known.

    The smallest level at which the percentile interval lies inside the range as a whole: twice the larger share of
    samples that lie beyond either end, with one added above and below.
    """
    samples = found.values[1:][np.isfinite(found.values[1:])]
    if not np.isfinite(found.values[0]) or len(samples) < 2:
        return 1.0
    beyond = max(int((samples <= where[0]).sum()), int((samples >= where[1]).sum()))
    return min(1.0, 2 * (beyond + 1) / (len(samples) + 1))


def holm(values: Mapping[str, float]) -> dict[str, float]:
    """P-values adjusted so that they can all be held against one level (Holm 1979)."""
    adjusted: dict[str, float] = {}
    highest = 0.0
    for rank, (name, value) in enumerate(sorted(values.items(), key=lambda one: one[1])):
        highest = max(highest, min(1.0, (len(values) - rank) * value))
        adjusted[name] = highest
    return adjusted

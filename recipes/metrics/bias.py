"""Preference bias: how much more readily a system names some strategies than others, whatever the human did.

Twice. **Published**: the recurrence of Kang et al. 2024 (arXiv 2402.13211), as the published code computes it, where it
is defined: a table in which a strategy is never mistaken for another divides by zero (perfect answers, one constant
answer, a strategy that the test data lack). **Smoothed**: the estimator that audits use, finite for every table, under
its own name; the two are not to be compared with each other. Invalid answers stand in no cell of either table.
"""

import numpy as np

from ...builders.statistics.bootstrap import ratio
from ...builders.statistics.strengths import bias_of, pair_strengths
from .measured import Measured, Metric, recentred
from .sample import INVALID, STRATEGIES, Sample
from .strategies import confusion, f1_by_strategy

METRICS = {
    "bias": Metric(
        "bias B",
        "preference bias as published (Kang et al. 2024): population standard deviation of eight Bradley-Terry "
        "strengths that sum to 8, from strategies named in place of the human's; 0 is unbiased, the most is 2.65; "
        "invalid answers are left out, as there; noise alone raises it, and so its interval is the bootstrap's spread "
        "around the value",
        "lower",
    ),
    "bias_smoothed": Metric(
        "bias, smoothed",
        "the same with half a count added to every cell (ours): finite for every table, not to be compared with B",
        "lower",
    ),
    "proficiency": Metric(
        "proficiency Q",
        "macro F1 as published beside B: over the strategies that occur, invalid answers left out, 0 to 1; to be read "
        "with the share of invalid answers",
        "higher",
    ),
}

SWEEPS = 20
"""Of the published recurrence."""


def preference_counts(tables: np.ndarray) -> np.ndarray:
    """`w[i][j]`, how often *i* was named where *j* is the human's (… × 8 × 8), from tables of gold by named."""
    return np.swapaxes(tables[..., :INVALID], -1, -2)


def published_strengths(wins: np.ndarray) -> np.ndarray:
    """The strengths of the published recurrence (… × 8), summing to 8; not a number where it divides by zero.

    Twenty sweeps from 1, each in place: a strategy's new strength is used for the next one's. After each sweep the
    strengths are divided by the geometric mean of those above zero.

    Args:
        wins: tables of `w[i][j]` (… × 8 × 8); the diagonal is unused.
    """
    size = wins.shape[-1]
    wins = wins * (1.0 - np.eye(size))
    strengths = np.ones(wins.shape[:-1])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(SWEEPS):
            for one in range(size):
                others = [other for other in range(size) if other != one]
                sums = strengths[..., one, None] + strengths[..., others]
                won = (wins[..., one, others] * (strengths[..., others] / sums)).sum(axis=-1)
                lost = (wins[..., others, one] * (1 / sums)).sum(axis=-1)
                strengths[..., one] = won / lost
            strengths = strengths / _geometric_mean(strengths)[..., None]
        strengths = strengths * size / strengths.sum(axis=-1, keepdims=True)
    defined = np.isfinite(strengths).all(axis=-1, keepdims=True)
    return np.where(defined, strengths, np.nan)


def _geometric_mean(strengths: np.ndarray) -> np.ndarray:
    """Of the strengths above zero."""
    above = strengths > 0
    product = np.where(above, strengths, 1.0).prod(axis=-1)
    return np.asarray(product ** (1 / above.sum(axis=-1)))


def why_undefined(wins: np.ndarray) -> str:
    """Why one table (8 × 8) has no published strengths, in words; empty where it has."""
    if np.isfinite(published_strengths(wins)).all():
        return ""
    wins = wins * (1.0 - np.eye(len(wins)))
    if not wins.any():
        return "undefined: no strategy is ever named in another's place"
    if never := _names(wins.sum(axis=0) == 0):
        return f"undefined: nothing is ever named in the place of {never}"
    if never := _names(wins.sum(axis=1) == 0):
        return f"undefined: never named in another's place: {never}"
    return "undefined: the recurrence divides by zero"


def _names(mask: np.ndarray) -> str:
    return ", ".join(strategy.value for strategy, there in zip(STRATEGIES, mask, strict=True) if there)


def measure_bias(sample: Sample) -> dict[str, Measured]:
    """Every metric of `METRICS`."""
    tables = confusion(sample)
    wins = preference_counts(tables)
    published = bias_of(published_strengths(wins))
    return {
        "bias": Measured(recentred(published), sample.size, why_undefined(wins[0]) or _partly(published)),
        "bias_smoothed": Measured(recentred(bias_of(pair_strengths(wins))), sample.size),
        "proficiency": Measured(_proficiency(tables), int((sample.named != INVALID).sum())),
    }


def _partly(published: np.ndarray) -> str:
    """What to know of an interval that some bootstrap samples have no part in."""
    defined = int(np.isfinite(published[1:]).sum())
    of = len(published) - 1
    return "" if defined == of else f"its interval is of the {defined} in {of} bootstrap samples that define it"


def _proficiency(tables: np.ndarray) -> np.ndarray:
    """Macro F1 over the valid answers and the strategies that the human or the system names."""
    valid = tables[..., :INVALID]
    occurs = (valid.sum(axis=-1) + valid.sum(axis=-2)) > 0
    return ratio(f1_by_strategy(valid).sum(axis=-1), occurs.sum(axis=-1).astype(float))

"""Preference bias: how much more readily a system names some strategies than others, whatever the human did.

Twice. **Published**: the recurrence of Kang et al. 2024 (arXiv 2402.13211), as the published code computes it, where it
is defined: a table in which a strategy is never mistaken for another divides by zero (perfect answers, one constant
answer, a strategy that the test data lack). **Smoothed**: the estimator that audits use, finite for every table, under
its own name; the two are not to be compared with each other.

Invalid answers stand in no cell of either table, so a system gains by them: answers that would be wrong go uncounted.
Where more than `MOST_INVALID` of the answers are invalid the published figures are still told, with the number of valid
answers, and are not tested against others'; the smoothed bias, which would fall towards 0 for want of mistakes, is
undefined. Where none is valid all of them are.

The published B is biased by itself: few mistakes make strengths uneven by chance, so it grows with accuracy (see
`GROWS`). The smoothed one stays where it is in the same simulation.
"""

import numpy as np

from ...builders.statistics.bootstrap import ratio
from ...builders.statistics.bounds import bias_of, pair_strengths
from .measured import Metric, MetricResult, of_several, recentred, undefined
from .sample import INVALID, STRATEGIES, AnswerSample
from .strategies import confusion, f1_by_strategy

MOST_INVALID = 0.1
"""Share of invalid answers up to which systems are compared by what an invalid answer helps (our own choice).

A system that falls silent where it would be wrong raises its Q without end, and even its macro F1 with invalid answers
wrong, since F1 is twice the hits over what is due and what is named: with a tenth of the answers invalid, evenly over
the strategies, by a 19th, such as from 0.375 to 0.395; with a half of them by a third.
"""
GROWS = (
    "at few turns B grows with accuracy, since fewer mistakes are more uneven by chance: where it is truly 0.450, the "
    "mean of 2,000 simulations of 30 dialogues of 10 turns is 0.526 at accuracy 0.25, 0.601 at 0.60 and 0.741 at 0.80 "
    "(the smoothed bias: 0.455, 0.454 and 0.433)"
)
"""Said wherever B is shown. Simulated mistakes are spread evenly over the 28 pairs of strategies, and follow
Bradley-Terry strengths within each; `tests/recipes/metrics/test_bias.py` does it again."""

METRICS = {
    "bias": Metric(
        "bias B",
        "preference bias as published (Kang et al. 2024): population standard deviation of eight Bradley-Terry "
        "strengths that sum to 8, from strategies named in place of the human's; 0 is unbiased, the most is 2.65; "
        "invalid answers are left out, as there; noise alone raises it, and so its interval is the bootstrap's spread "
        f"around the value; {GROWS}",
        "lower",
    ),
    "bias_smoothed": Metric(
        "bias, smoothed",
        "the same with half a count added to every cell (ours): finite for every table, not to be compared with B; "
        f"undefined where more than {MOST_INVALID:.0%} of the answers are invalid",
        "lower",
    ),
    "proficiency": Metric(
        "proficiency Q",
        "macro F1 as published beside B: over the strategies that occur, invalid answers left out, 0 to 1: wrong "
        f"answers made invalid raise it, so it is not tested where more than {MOST_INVALID:.0%} are",
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


def measure_bias(sample: AnswerSample) -> dict[str, MetricResult]:
    """Every metric of `METRICS`; undefined where no answer is valid, and the smoothed bias where too few are."""
    replicates = sample.weights.shape[1] - 1
    if sample.without_valid:
        return dict.fromkeys(METRICS, undefined(sample.without_valid, replicates))
    tables = confusion(sample)
    wins = preference_counts(tables)
    published = bias_of(published_strengths(wins))
    number, weights = int(sample.valid.sum()), sample.weights[sample.valid]
    enough = number >= (1 - MOST_INVALID) * sample.size
    told = "" if number == sample.size else f"of the {number} of {sample.size} answers that are valid"

    def measured(values: np.ndarray, *why: str) -> MetricResult:
        return MetricResult(of_several(values, weights), number, "; ".join(filter(None, why)), comparable=enough)

    return {
        "bias": measured(recentred(published), why_undefined(wins[0]) or _partly(published), told),
        "bias_smoothed": measured(recentred(bias_of(pair_strengths(wins))), told)
        if enough
        else undefined(f"undefined: too few answers are valid, {number} of {sample.size}", replicates),
        "proficiency": measured(_proficiency(tables), told),
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

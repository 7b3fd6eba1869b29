"""Agreement with the human in strategies and emotions, and preference bias towards some strategies.

An answer that is none of the eight strategies is wrong, never left out. If no answer is valid, there is nothing to
compare, and only the share of invalid answers is defined.
"""

import numpy as np

from ...builders.statistics.bootstrap import ratio, sums_by_group
from ...builders.statistics.bounds import bias_of, pair_strengths
from .measured import Metric, MetricResult, mask_single_dialogue, mean_of, recentre, undefined
from .sample import INVALID, STRATEGIES, AnswerSample

STRATEGY_METRICS = {
    "accuracy": Metric(
        "accuracy", "share of turns with the human's strategy, 0 to 1; an invalid answer is wrong", "higher"
    ),
    "macro_f1": Metric(
        "macro F1",
        "mean F1 over all eight strategies, 0 to 1; an invalid answer is wrong, a strategy that neither names counts 0",
        "higher",
    ),
    "weighted_f1": Metric(
        "weighted F1",
        "mean F1 weighted by how often the human uses a strategy, 0 to 1; an invalid answer is wrong",
        "higher",
    ),
    "invalid": Metric("invalid", "share of answers that are none of the eight strategies, 0 to 1", "lower"),
}

REASONING_METRICS = {
    "whole_traces": Metric("whole traces", "share of turns with a reasoning trace that can be read, 0 to 1", "higher"),
    "emotion_accuracy": Metric(
        "emotion accuracy",
        "share of turns whose trace names the dialogue's main emotion, 0 to 1, among turns whose source gives one of "
        "the list; a turn without a trace is wrong. The source labels whole dialogues, so 1 cannot be reached",
        "higher",
    ),
}
NO_TRACES = "it writes no reasoning traces that can be read"


def confusion(sample: AnswerSample) -> np.ndarray:
    """Tables of counts, (1 + replicates) × 8 × 9: gold by named strategies; the last column counts invalid answers."""
    width = len(STRATEGIES) + 1
    counts = sums_by_group(sample.weights, sample.gold * width + sample.named, len(STRATEGIES) * width)
    return np.asarray(counts.reshape(-1, len(STRATEGIES), width))


def f1_by_strategy(tables: np.ndarray) -> np.ndarray:
    """F1 of each strategy under each table (… × 8 × 9); 0 if neither the human nor the system names it."""
    hits = np.diagonal(tables, axis1=-2, axis2=-1)
    named = tables.sum(axis=-1) + tables[..., :INVALID].sum(axis=-2)
    return np.asarray(np.nan_to_num(ratio(2 * hits, named)))


def measure_strategies(sample: AnswerSample) -> dict[str, MetricResult]:
    """Every metric of `STRATEGY_METRICS`; all but `invalid` are undefined if no answer is valid."""
    invalid = mean_of(~sample.valid, sample.weights)
    if sample.without_valid:
        nothing = undefined(sample.without_valid, sample.weights.shape[1] - 1)
        return {**dict.fromkeys(STRATEGY_METRICS, nothing), "invalid": invalid}
    tables = confusion(sample)
    f1, support = f1_by_strategy(tables), tables.sum(axis=-1)
    found = {
        "macro_f1": f1.mean(axis=-1),
        "weighted_f1": ratio((f1 * support).sum(axis=-1), support.sum(axis=-1)),
    }
    # The formula computes all samples at once; the value itself is scikit-learn's, the standard implementation.
    for name, value in _by_scikit_learn(sample).items():
        found[name][0] = value
    return {
        "accuracy": mean_of(sample.named == sample.gold, sample.weights),
        **{
            name: MetricResult(mask_single_dialogue(values, sample.weights), sample.size)
            for name, values in found.items()
        },
        "invalid": invalid,
    }


def _by_scikit_learn(sample: AnswerSample) -> dict[str, float]:
    from sklearn.metrics import f1_score

    labels = list(range(len(STRATEGIES)))
    return {
        f"{average}_f1": float(f1_score(sample.gold, sample.named, labels=labels, average=average, zero_division=0))
        for average in ("macro", "weighted")
    }


def measure_reasoning(sample: AnswerSample) -> dict[str, MetricResult]:
    """Every metric of `REASONING_METRICS`; undefined if no trace can be parsed."""
    whole = np.array([one.emotion is not None for one in sample.answers], dtype=bool)
    if not whole.any():
        return dict.fromkeys(REASONING_METRICS, undefined(NO_TRACES, sample.weights.shape[1] - 1))
    labelled = np.flatnonzero([one.gold_emotion is not None for one in sample.answers])
    right = np.array([one.emotion is one.gold_emotion for one in sample.answers], dtype=bool)
    by_emotion = (
        mean_of(
            right[labelled],
            sample.weights[labelled],
            why=f"{len(labelled)} of {sample.size} turns have an emotion to compare",
        )
        if len(labelled)
        else undefined("no source gives an emotion", sample.weights.shape[1] - 1)
    )
    return {"whole_traces": mean_of(whole, sample.weights), "emotion_accuracy": by_emotion}


# Preference bias: how much a system prefers some strategies over others, whatever the human did. Two estimators.
#
# **Published**: the recurrence of Kang et al. 2024 (arXiv 2402.13211), as their code computes it. It divides by zero
# for a table in which a strategy is never mistaken for another: perfect answers, one constant answer, a strategy that
# the test data lack. **Smoothed**: the estimator of our audits, finite for every table, under a name of its own. The
# two must not be compared with each other.
#
# Neither table counts invalid answers, so a system gains by them: answers that would be wrong are left out. If more
# than `MOST_INVALID` of the answers are invalid, the published figures are reported with the number of valid answers,
# but not tested against those of others; the smoothed bias, which would fall towards 0 for lack of mistakes, is
# undefined. If no answer is valid, all of them are undefined.
#
# The published B has a bias of its own: few mistakes make strengths uneven by chance, so it grows with accuracy (see
# `GROWS`). The smoothed one does not, in the same simulation.


MOST_INVALID = 0.1
"""The largest share of invalid answers with which metrics that leave these out are tested (our own choice).

A system that gives no valid answer where it would be wrong raises its Q without limit, and even a macro F1 that counts
invalid answers as wrong, since F1 is twice the hits divided by gold plus named: with a tenth of the answers invalid,
evenly over the strategies, by a 19th, such as from 0.375 to 0.395; with half of them by a third.
"""
GROWS = (
    "at few turns B grows with accuracy, since fewer mistakes are more uneven by chance: where it is truly 0.450, the "
    "mean of 2,000 simulations of 30 dialogues of 10 turns is 0.526 at accuracy 0.25, 0.601 at 0.60 and 0.741 at 0.80 "
    "(the smoothed bias: 0.455, 0.454 and 0.433)"
)
"""Shown with every B. The simulated mistakes are spread evenly over the 28 pairs of strategies, and follow
Bradley-Terry strengths within each; `tests/recipes/metrics/test_bias.py` repeats the simulation."""

METRICS = {
    "bias": Metric(
        "bias B",
        "preference bias as published (Kang et al. 2024): population standard deviation of eight Bradley-Terry "
        "strengths that sum to 8, from strategies named in place of the human's; 0 is unbiased, the most is 2.65; "
        "invalid answers are left out, as in the publication; noise alone raises it, so its interval is the "
        f"bootstrap's spread around the value; {GROWS}",
        "lower",
    ),
    "bias_smoothed": Metric(
        "bias, smoothed",
        "the same with half a count added to every cell (our own): finite for every table, not comparable with B; "
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

# Iterations of the published recurrence.
_SWEEPS = 20


def preference_counts(tables: np.ndarray) -> np.ndarray:
    """`w[i][j]`, how often *i* was named when *j* is the human's (… × 8 × 8), from tables of gold by named."""
    return np.swapaxes(tables[..., :INVALID], -1, -2)


def published_strengths(wins: np.ndarray) -> np.ndarray:
    """The strengths of the published recurrence (… × 8), which sum to 8; NaN if it divides by zero.

    It makes twenty sweeps from strengths of 1, each in place: a strategy's new strength is used for the next one's.
    After each sweep the strengths are divided by the geometric mean of those above zero.

    Args:
        wins: tables of `preference_counts` (… × 8 × 8); the diagonal is unused.
    """
    size = wins.shape[-1]
    wins = wins * (1.0 - np.eye(size))
    strengths = np.ones(wins.shape[:-1])
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        for _ in range(_SWEEPS):
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


# The geometric mean of the strengths above zero.
def _geometric_mean(strengths: np.ndarray) -> np.ndarray:
    above = strengths > 0
    product = np.where(above, strengths, 1.0).prod(axis=-1)
    return np.asarray(product ** (1 / above.sum(axis=-1)))


def why_undefined(wins: np.ndarray) -> str:
    """Why one table (8 × 8) has no published strengths; empty if it has."""
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
    """Every metric of `METRICS`; all are undefined if no answer is valid, the smoothed bias if too few are."""
    replicates = sample.weights.shape[1] - 1
    if sample.without_valid:
        return dict.fromkeys(METRICS, undefined(sample.without_valid, replicates))
    tables = confusion(sample)
    wins = preference_counts(tables)
    published = bias_of(published_strengths(wins))
    number, weights = int(sample.valid.sum()), sample.weights[sample.valid]
    enough = number >= (1 - MOST_INVALID) * sample.size
    remark = "" if number == sample.size else f"of the {number} of {sample.size} answers that are valid"

    def result(values: np.ndarray, *why: str) -> MetricResult:
        return MetricResult(
            mask_single_dialogue(values, weights), number, "; ".join(filter(None, why)), comparable=enough
        )

    return {
        "bias": result(recentre(published), why_undefined(wins[0]) or _undefined_samples(published), remark),
        "bias_smoothed": result(recentre(bias_of(pair_strengths(wins))), remark)
        if enough
        else undefined(f"undefined: too few answers are valid, {number} of {sample.size}", replicates),
        "proficiency": result(_proficiency(tables), remark),
    }


# The remark on an interval over fewer than all bootstrap samples.
def _undefined_samples(published: np.ndarray) -> str:
    defined = int(np.isfinite(published[1:]).sum())
    drawn = len(published) - 1
    return "" if defined == drawn else f"its interval is of the {defined} in {drawn} bootstrap samples that define it"


# Macro F1 over the valid answers and the strategies that the human or the system names.
def _proficiency(tables: np.ndarray) -> np.ndarray:
    valid = tables[..., :INVALID]
    occurs = (valid.sum(axis=-1) + valid.sum(axis=-2)) > 0
    return ratio(f1_by_strategy(valid).sum(axis=-1), occurs.sum(axis=-1).astype(float))

"""Agreement with the human: in strategies, and in the emotions of a system that writes reasoning traces.

An answer that is none of the eight strategies is wrong, never left out. If no answer is valid, there is nothing to
compare, and only the share of invalid answers is defined.
"""

import numpy as np

from ...builders.statistics.bootstrap import ratio, sums_by_group
from .measured import Metric, MetricResult, mask_single_dialogue, mean_of, undefined
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

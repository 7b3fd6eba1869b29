"""How a system that reasons does before it replies: whether its traces can be read, and which emotion they see."""

import numpy as np

from .measured import Measured, Metric, mean_of, undefined
from .sample import Sample

METRICS = {
    "whole_traces": Metric("whole traces", "share of turns with a reasoning trace that can be read, 0 to 1", "higher"),
    "emotion_accuracy": Metric(
        "emotion accuracy",
        "share of turns whose trace names the dialogue's main emotion, 0 to 1, among turns whose source tells one of "
        "the list; a turn without a trace is wrong. The source's word is for the whole dialogue, so 1 is not to be had",
        "higher",
    ),
}
NO_TRACES = "it writes no reasoning traces that can be read"


def measure_reasoning(sample: Sample) -> dict[str, Measured]:
    """Every metric of `METRICS`; undefined where no trace at all can be read."""
    whole = np.array([one.emotion is not None for one in sample.answers], dtype=bool)
    if not whole.any():
        return dict.fromkeys(METRICS, undefined(NO_TRACES, sample.weights.shape[1] - 1))
    told = np.flatnonzero([one.gold_emotion is not None for one in sample.answers])
    right = np.array([one.emotion is one.gold_emotion for one in sample.answers], dtype=bool)
    by_emotion = (
        mean_of(right[told], sample.weights[told], why=f"{len(told)} of {sample.size} turns have an emotion to compare")
        if len(told)
        else undefined("no source tells an emotion", sample.weights.shape[1] - 1)
    )
    return {"whole_traces": mean_of(whole, sample.weights), "emotion_accuracy": by_emotion}

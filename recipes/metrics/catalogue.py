"""All metrics, in the order of tables."""

from pathlib import Path

from . import bias, diversity, overlap, strategies
from .measured import Metric, MetricResult
from .sample import AnswerSample

METRICS: dict[str, Metric] = {
    **strategies.STRATEGY_METRICS,
    **bias.METRICS,
    **strategies.REASONING_METRICS,
    **overlap.OVERLAP_METRICS,
    **overlap.LIKENESS_METRICS,
    **diversity.DIVERSITY_METRICS,
    **diversity.REPETITION_METRICS,
}
"""By id, as in files of results."""


def measure(sample: AnswerSample, similarity_model: Path | None = None) -> dict[str, MetricResult]:
    """Every metric of one system; `likeness` only if `similarity_model`, a model's folder, is given.

    Raises:
        UsageError: the folder holds no model.
    """
    return {
        **strategies.measure_strategies(sample),
        **bias.measure_bias(sample),
        **strategies.measure_reasoning(sample),
        **overlap.measure_overlap(sample),
        **(overlap.measure_likeness(sample, similarity_model) if similarity_model is not None else {}),
        **diversity.measure_diversity(sample),
        **diversity.measure_repetition(sample),
    }


def measure_human(sample: AnswerSample) -> dict[str, MetricResult]:
    """The metrics that need no reference, of the human's own replies: a yardstick for the systems."""
    found = {**diversity.measure_diversity(sample), **diversity.measure_repetition(sample)}
    return {name: one for name, one in found.items() if name != "replied"}

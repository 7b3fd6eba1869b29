"""Every metric there is; a new family of them is one file and two lines here."""

from pathlib import Path

from . import bias, diversity, likeness, overlap, strategies
from .measured import Metric, MetricResult
from .sample import AnswerSample

METRICS: dict[str, Metric] = {
    **strategies.STRATEGY_METRICS,
    **bias.METRICS,
    **strategies.REASONING_METRICS,
    **overlap.METRICS,
    **likeness.METRICS,
    **diversity.DIVERSITY_METRICS,
    **diversity.REPETITION_METRICS,
}
"""By id, in the order of tables."""


def measure(sample: AnswerSample, similarity_model: Path | None = None) -> dict[str, MetricResult]:
    """Every metric of one system; `likeness` only where a model's folder is given.

    Raises:
        UsageError: the folder holds no model.
    """
    return {
        **strategies.measure_strategies(sample),
        **bias.measure_bias(sample),
        **strategies.measure_reasoning(sample),
        **overlap.measure_overlap(sample),
        **(likeness.measure_likeness(sample, similarity_model) if similarity_model is not None else {}),
        **diversity.measure_diversity(sample),
        **diversity.measure_repetition(sample),
    }


def measure_human(sample: AnswerSample) -> dict[str, MetricResult]:
    """What can be said of the human's replies, too: a yardstick for the systems'."""
    found = {**diversity.measure_diversity(sample), **diversity.measure_repetition(sample)}
    return {name: one for name, one in found.items() if name != "replied"}

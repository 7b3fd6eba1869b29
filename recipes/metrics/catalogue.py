"""Every metric there is; a new family of them is one file and two lines here."""

from pathlib import Path

from . import bias, diversity, likeness, overlap, reasoning, repetition, strategies
from .measured import Measured, Metric
from .sample import Sample

METRICS: dict[str, Metric] = {
    **strategies.METRICS,
    **bias.METRICS,
    **reasoning.METRICS,
    **overlap.METRICS,
    **likeness.METRICS,
    **diversity.METRICS,
    **repetition.METRICS,
}
"""By id, in the order of tables."""


def measure(sample: Sample, similarity_model: Path | None = None) -> dict[str, Measured]:
    """Every metric of one system; `likeness` only where a model's folder is given.

    Raises:
        UsageError: the folder holds no model.
    """
    return {
        **strategies.measure_strategies(sample),
        **bias.measure_bias(sample),
        **reasoning.measure_reasoning(sample),
        **overlap.measure_overlap(sample),
        **(likeness.measure_likeness(sample, similarity_model) if similarity_model is not None else {}),
        **diversity.measure_diversity(sample),
        **repetition.measure_repetition(sample),
    }


def measure_human(sample: Sample) -> dict[str, Measured]:
    """What can be said of the human's replies, too: a yardstick for the systems'."""
    found = {**diversity.measure_diversity(sample), **repetition.measure_repetition(sample)}
    return {name: one for name, one in found.items() if name != "replied"}

"""Every metric there is; a new family of them is one file and two lines here."""

from pathlib import Path

from . import bias, diversity, likeness, overlap, reasoning, strategies
from .measured import Measured, Metric
from .sample import Sample

METRICS: dict[str, Metric] = {
    **strategies.METRICS,
    **bias.METRICS,
    **reasoning.METRICS,
    **overlap.METRICS,
    **likeness.METRICS,
    **diversity.METRICS,
}
"""By id, in the order of tables."""

HUMAN_METRICS = tuple(one for one in diversity.METRICS if one != "replied")
"""What can be said of the human's replies, too: a yardstick for the systems'."""


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
    }

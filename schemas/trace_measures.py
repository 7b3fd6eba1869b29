"""What an audit says of reasoning traces: part of `audit.json`. The measures are our own choice."""

from typing import Literal

from .base import Frozen
from .measures import Interval
from .trace import Step


class StepMeasure(Frozen):
    """One step over all labelled traces."""

    step: Step
    right: Interval
    """Share of traces in which it is right."""
    contradicted: Interval
    """Share in which a written rule contradicts it."""
    alpha: Interval
    """Krippendorff's over the judges' labels, nominal; null where one judge labelled, or no two labels differ. `n`
    counts traces that two answers labelled."""


class Diversity(Frozen):
    """How varied some replies are; each number falls or rises with their count, so compare only equal counts."""

    of: Literal["demonstrations", "before rewriting", "after rewriting"]
    """The replies of all demonstrations; of those that were rewritten, the originals; what they were rewritten as."""
    replies: int
    """How many were looked at: the first of the release, up to a fixed number."""
    distinct_1: float | None
    """Share of different words among all."""
    distinct_2: float | None
    """Share of different word pairs among all."""
    shared_4: float | None
    """Share of runs of four words that stand in another of these replies, too: overlap with the rest, as self-BLEU."""


class Redundancy(Frozen):
    """How far the rows of a config repeat each other."""

    config: str
    rows: int
    effective: float
    """The sum of their weights: as many rows as training counts."""


class TraceMeasures(Frozen):
    """Everything about traces."""

    traces: int
    """Labelled ones."""
    words: float | None
    """Mean words of a trace, tags and all."""
    steps: tuple[StepMeasure, ...]
    diversity: tuple[Diversity, ...]
    redundancy: tuple[Redundancy, ...]

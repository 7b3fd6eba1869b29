"""The parts of an audit, one model for each measure (see `audit`); those on reasoning traces are our own choice."""

from typing import ClassVar, Literal

from pydantic import Field

from .base import Frozen, Grown
from .trace import Step

Counts = dict[str, int]
"""Rows by the name of what they are."""


class Interval(Frozen):
    """A measured value with the interval that 95 of 100 bootstrap samples of dialogues fall in."""

    value: float | None
    """The value on all rows; null where it is undefined, as a mean of nothing is."""
    low: float | None
    """The 2.5th percentile; null where the value is, or if there are fewer than two dialogues."""
    high: float | None
    """The 97.5th percentile; null as `low`."""
    n: int = Field(ge=0)
    """Rows that the value is made of."""


class FaultCount(Frozen):
    """Pairs that break one rule of what a pair is."""

    kind: str
    """Id of the fault, as in `Audit.fault_kinds`."""
    config: str
    count: int | None = Field(ge=0)
    """Pairs with it; null if the data cannot tell."""
    places: tuple[str, ...]
    """The first of them, as `file: row N` with rows from 0."""


class TellingWord(Frozen):
    """A word that gives a side away."""

    word: str
    weight: float
    """The weight in the fitted model: positive for the chosen side, negative for the rejected."""


class Artefact(Grown):
    """How well a simple model separates chosen from rejected without the prompt: 0.5 is chance."""

    gained: ClassVar[tuple[str, ...]] = ("dialogues", "error", "dimension")

    config: str
    features: Literal["words", "words_case_punctuation", "length", "first_word"]
    """The features of the model: words alone; words, case and punctuation; its length; its first word."""
    auc: Interval
    """Area under the ROC curve over single sides, out-of-fold, folds grouped by dialogue; `n` counts pairs.

    The interval is that of the models as they were fitted, too narrow for few dialogues: gates decide by bounds that
    `error` and `dimension` give (see `builders.statistics.bounds`).
    """
    paired: Interval
    """Share of pairs whose chosen side scores higher, ties half; out-of-fold as `auc`."""
    of: int
    """Pairs of the config that the `n` are a sample of (whole dialogues, by hash)."""
    telling: tuple[TellingWord, ...]
    """The strongest words, in order of weight; empty for `length`."""
    dialogues: int | None = None
    """Dialogues that the `n` pairs are of; null in audits that were written before gates decided by bounds."""
    error: float | None = None
    """Standard error of the AUC, over dialogues and fits; null where the AUC is, or as `dialogues`."""
    dimension: float | None = None
    """Directions that the features vary in: how much a model of few pairs misses; null as `error`."""


class Histogram(Frozen):
    """How many replies of either side have which length; bins are `edges[i] <= value < edges[i + 1]`."""

    edges: tuple[float, ...]
    """One more than there are bins; the last bin takes in all that is longer."""
    chosen: tuple[int, ...]
    rejected: tuple[int, ...]


class StyleDifference(Frozen):
    """How the sides differ in one feature of style."""

    config: str
    strategy: str | None
    """The chosen side's strategy; null for all together."""
    feature: str
    """Such as `characters`, `words`, `questions`; see `Audit.style_features`."""
    chosen: float | None
    """Mean over chosen sides."""
    rejected: float | None
    """Mean over rejected sides."""
    difference: Interval
    """Mean of chosen minus rejected over pairs."""
    histogram: Histogram | None
    """The histogram of lengths, if `strategy` is null."""


class LabelCounts(Frozen):
    """How often each label occurs in a split."""

    config: str
    split: str
    label: Literal["chosen_strategy", "rejected_strategy", "error"]
    counts: Counts


class CrossTable(Frozen):
    """How often two labels occur together, over all splits."""

    config: str
    rows_are: str
    """`chosen_strategy`, or `rejected_strategy`."""
    columns_are: str
    """`error`, or `rejected_strategy`."""
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    """`counts[row][column]`."""


class FlagRate(Frozen):
    """How often the judge finds an error under a strategy, over rows and drops with a verdict that could be read."""

    config: str
    side: Literal["human", "inferred"]
    strategy: str | None
    """The side's own strategy; null for all together."""
    flagged: int
    rate: Interval
    """Share of judged sides; `n` counts them."""
    errors: Counts
    """The flagged by error."""


class FlowStep(Frozen):
    """One way out on a config's way from candidates to rows."""

    reason: str
    """The drop reason, in the order in which candidates meet them."""
    dropped: int
    dropped_by_strategy: Counts
    """By the human's strategy."""
    left: int
    """Candidates that go on."""
    left_by_strategy: Counts


class Flow(Frozen):
    """From candidates to rows."""

    config: str
    candidates: int
    by_strategy: Counts
    """By the human's strategy, before any drop."""
    steps: tuple[FlowStep, ...]
    rows: int
    rows_by_strategy: Counts


class FilterBias(Grown):
    """The effect on strategies of filtering whole pairs (judging and all later steps).

    The estimators are ours; 0 is unbiased.
    """

    gained: ClassVar[tuple[str, ...]] = ("dialogues",)

    config: str
    estimator: Literal["bradley_terry", "share"]
    """`bradley_terry` over chosen against rejected strategies; `share` where both sides have one strategy."""
    before: Interval
    """Bias of the pairs that the filter chose from."""
    after: Interval
    """Bias of the rows."""
    shift: Interval
    """`after - before`."""
    keeping: Interval
    """Bias that the filter alone would put into strategies that were equally frequent: 0 where it keeps all alike."""
    kept: dict[str, Interval]
    """Share of pairs kept, by the human's strategy."""
    before_by_strategy: Counts
    after_by_strategy: Counts
    dialogues: int | None = None
    """Dialogues of the pairs that the filter chose from; null in audits that were written before gates used bounds."""


class NearDuplicates(Frozen):
    """Dialogues (or pairs, if there are no dialogues) that share most of their word triples, found by MinHash."""

    unit: Literal["dialogue", "pair"]
    looked_at: int
    """Units compared."""
    of: int
    """Units there are; more than `looked_at` where those are a sample by hash."""
    similarity: float
    """Estimated Jaccard similarity from which two count."""
    groups: int
    """Groups of near-duplicates."""
    units: int
    """Units in them."""
    across_splits: int
    """Groups that lie in more than one split: leakage."""
    across_sources: int | None
    """Groups from more than one source; null where rows name none."""
    examples: tuple[tuple[str, ...], ...]
    """Ids of the first groups across splits, or within one split if no group crosses."""


class Leakage(Frozen):
    """Texts that are in more than one split, word for word."""

    config: str
    dialogues: int | None
    """Dialogues with rows in more than one split; null where rows name no dialogue."""
    pairs: int
    """Held-out pairs that are also in another split."""
    prompts: int
    """Held-out rows whose prompt is also in `train`; openings such as a greeting repeat naturally."""
    replies: int
    """Held-out rows whose chosen reply, of eight words or more, is one of `train`'s."""
    held_out: int
    """Rows outside `train`."""


class VerdictCount(Frozen):
    """The answers of one judge, over rows and drops."""

    config: str
    side: Literal["human", "inferred"]
    judge: str
    """Model and revision."""
    parsed: int
    unparsed: int
    """Replies that are none of what was offered."""
    failed: int
    """Calls without a reply."""


class Conservation(Frozen):
    """Whether every candidate of a config is a row or a drop."""

    config: str
    candidates: int
    """As the manifest counts them."""
    rows: int
    """Counted in the tables."""
    dropped: int
    """Counted in the tables."""
    lost: int
    """Candidates that are neither, or rows and drops that were not candidates: 0 where all is well."""


class OrderCheck(Grown):
    """Whether a judge that was asked in both orders minds which side stands first."""

    gained: ClassVar[tuple[str, ...]] = ("dialogues",)

    config: str
    judge: str
    """Model, revision, and the draw where there are several."""
    flips: Interval
    """Share of candidates on which its two answers disagree: on the better side, or on whether a side has an error."""
    first: Interval
    """Share of its answers that prefer the side that stands first, of those that prefer one: 0.5 is not a habit."""
    dialogues: int | None = None
    """Dialogues of the candidates; null in audits that were written before gates decided by bounds."""


class JudgePair(Frozen):
    """Two judges of a panel."""

    one: str
    other: str
    same: Interval
    """Share of candidates that they label alike."""
    kappa: Interval
    """Cohen's, nominal: 1 where they agree, 0 where as often as chance; null where one of them gives one label only."""


class PanelAgreement(Frozen):
    """Agreement of the judges of a panel, over kept pairs and dropped candidates."""

    config: str
    label: Literal["vote", "worse", "chosen_error", "rejected_error"]
    """The compared answer: the vote; whether it is for the pair; the error of a side in the first order."""
    judges: tuple[str, ...]
    alpha: Interval
    """Krippendorff's, nominal; null where no two labels differ. `n` counts candidates that two judges labelled."""
    pairs: tuple[JudgePair, ...]


class Chatter(Frozen):
    """Chosen replies that talk of the crowd task in which a corpus was made."""

    config: str
    found: int
    kinds: Counts
    share: Interval
    """Diversity of all chosen replies that are words."""


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
    """Share of runs of four words that also occur in another of these replies: an overlap like self-BLEU."""


class Redundancy(Frozen):
    """Repetition among the rows of a config."""

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

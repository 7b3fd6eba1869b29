"""What people said of a release's pairs: the contents of `review.json`.

A reply has no error, or one of the five; a cell that nobody filled in is null. In every interval `n` counts what the
field's docstring says, and resampling is over dialogues. Free comments are never stored.
"""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from .base import Frozen
from .config import Config
from .error_type import ErrorType
from .measures import Interval

FILE_NAME = "review.json"

NO_ERROR: Literal["none"] = "none"
"""What stands where somebody looked for an error and found none."""

Found = ErrorType | Literal["none"]
"""What somebody found in a reply."""


class Better(StrEnum):
    """The side that an annotator thinks better."""

    CHOSEN = "chosen"
    REJECTED = "rejected"
    TIE = "tie"


class Label(Frozen):
    """One annotator on one pair; annotators see neither side's name."""

    chosen_error: Found | None
    """What they found in the chosen reply; null where the cell was blank or the row missing."""
    rejected_error: Found | None
    """What they found in the rejected reply; null as above."""
    better: Better | None
    """The side they prefer; null as above."""


class ReviewedPair(Frozen):
    """A pair that was given to annotators."""

    row_id: str
    """Of the pair in its config."""
    dialogue_id: str
    """The dialogue that it is of."""
    judge_chosen: Found | None
    """What the release's judge found in the chosen reply; null where the build asked no judge."""
    judge_rejected: Found | None
    """What it found in the rejected reply; null as above."""
    labels: dict[str, Label]
    """By annotator."""


class AnnotatorCounts(Frozen):
    """What an annotator did."""

    pairs: int = Field(ge=0)
    """Pairs that they labelled, in part at least."""
    cells: int = Field(ge=0)
    """Cells that they filled in, of three a pair."""
    blank: int = Field(ge=0)
    """Cells of the pairs given to them that they did not."""


class PairwiseKappa(Frozen):
    """Cohen's kappa of two annotators; null where they share nothing, or one of them used one label only."""

    annotators: tuple[str, str]
    flagged: Interval
    """Error or none; `n` counts replies that both labelled."""
    error: Interval
    """Which error, or none; `n` as above."""
    better: Interval
    """Which side is better, or a tie; `n` counts pairs that both labelled."""


class AmongPeople(Frozen):
    """Krippendorff's alpha (nominal) of all; null where nothing was labelled twice, or all labels are one."""

    flagged: Interval
    """Error or none; `n` counts replies with two labels or more."""
    error: Interval
    """Which error, or none; `n` as above."""
    by_error: dict[ErrorType, Interval]
    """Each error against all else; `n` as above."""
    better: Interval
    """Which side is better, or a tie; `n` counts pairs with two labels or more."""
    pairwise: tuple[PairwiseKappa, ...]
    """Every two annotators."""


class SideAgreement(Frozen):
    """People and judge on one side of the pairs; the judge of a kept pair says the same of every such side."""

    same: Interval
    """Share of labels that say error, or none, as the judge does; `n` counts labels."""
    kappa: Interval
    """Cohen's kappa of the same; null where judge or people used one label only."""


class WithJudge(Frozen):
    """Cohen's kappa of people against the release's judge: every annotator's label of a judged reply counts as one."""

    flagged: Interval
    """Error or none, over both sides; `n` counts labels."""
    error: Interval
    """Which error, or none, over both sides; `n` as above."""
    by_error: dict[ErrorType, Interval]
    """Each error against all else; `n` as above."""
    chosen: SideAgreement
    """On the chosen side alone."""
    rejected: SideAgreement
    """On the rejected side alone."""


class Preference(Frozen):
    """Which side people prefer, as shares of all labels; `n` counts labels."""

    chosen: Interval
    rejected: Interval
    tie: Interval


class ConfigReview(Frozen):
    """The review of one config's pairs."""

    annotators: dict[str, AnnotatorCounts]
    """By name, as it was given with the sheets."""
    among: AmongPeople
    judge: WithJudge
    preference: Preference
    pairs: tuple[ReviewedPair, ...]
    """Every pair that was given out, by row id: all figures come from these."""


class Review(Frozen):
    """The review of a release."""

    format: Literal[1] = 1
    replicates: int
    """Bootstrap samples that every interval is made of."""
    configs: dict[Config, ConfigReview]
    """By the config that pairs were sampled from."""

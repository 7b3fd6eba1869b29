"""Annotators' labels of a release's pairs: the contents of `review.json`.

A reply has no error, or one of the five; an empty cell is null. In every interval `n` counts what the
field's docstring says, and resampling is over dialogues. Free comments are never stored, nor are words of dialogues.
"""

from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field

from .base import Frozen, Grown
from .config import Config
from .error_type import ErrorType
from .measures import Interval
from .safety import CrisisCategory

REVIEW_FILE = "review.json"

NO_ERROR: Literal["none"] = "none"
"""The label of a reply in which an annotator or judge found no error."""

Found = ErrorType | Literal["none"]
"""The finding of an annotator or judge on a reply."""


class Better(StrEnum):
    """The side that an annotator thinks better."""

    CHOSEN = "chosen"
    REJECTED = "rejected"
    TIE = "tie"


class Label(Frozen):
    """One annotator on one pair; annotators see neither side's name."""

    chosen_error: Found | None
    """The error of the chosen reply; null if the cell was blank or the row missing."""
    rejected_error: Found | None
    """The error of the rejected reply; null as above."""
    better: Better | None
    """The side they prefer; null as above."""


class ReviewedPair(Frozen):
    """A pair that was given to annotators."""

    row_id: str
    """The id of the pair in its config."""
    dialogue_id: str
    """The dialogue that it is of."""
    judge_chosen: Found | None
    """The judge's finding on the chosen reply; null if the build asked no judge."""
    judge_rejected: Found | None
    """The judge's finding on the rejected reply; null as above."""
    labels: dict[str, Label]
    """By annotator."""


class AnnotatorCounts(Frozen):
    """The work of an annotator, counted."""

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


class CrisisDecision(StrEnum):
    """A reader's decision about a sign of a crisis."""

    CRISIS = "crisis"
    """The seeker, or a person they mention, may be in one."""
    NO_CRISIS = "no_crisis"
    """The words mean something else."""
    UNSURE = "unsure"
    """The words do not show it either way."""


class ReadFinding(Frozen):
    """A sign of a crisis that a reader decided on; its words are in `crisis_holdout` only."""

    finding: str
    """Id of the sign, as on the sheet."""
    dialogue_id: str
    """The dialogue that it is in."""
    turn: int | None
    """Index of its turn, from 0; null where it is the situation's or its turn is unknown."""
    category: CrisisCategory | None
    """The presumed kind of crisis; null if a judge's answer could not be read."""
    seen_by: str
    """`rule NAME` or `judge MODEL`."""
    decisions: dict[str, CrisisDecision]
    """By reader."""


class ReaderKappa(Frozen):
    """Cohen's kappa of two readers; null where they share nothing, or one of them used one decision only."""

    readers: tuple[str, str]
    kappa: Interval
    """`n` counts signs that both read."""


class CrisisReview(Grown):
    """Decisions about the signs for which dialogues are held out. They release nothing from the holdout."""

    gained: ClassVar[tuple[str, ...]] = ("dialogues_unread", "findings_unread")

    dialogues: int = Field(ge=0)
    """Dialogues in the holdout."""
    dialogues_read: int = Field(ge=0)
    """Those with a decision on every sign."""
    findings: int = Field(ge=0)
    """Signs in the holdout, answers of judges that could not be read among them."""
    findings_read: int = Field(ge=0)
    """Those with a decision."""
    decisions: dict[CrisisDecision, int]
    """How often each decision was made, over all readers."""
    readers: dict[str, int]
    """Signs that each reader decided on."""
    alpha: Interval
    """Krippendorff's (nominal) of all readers; null where nothing was read twice, or all decisions are one."""
    pairwise: tuple[ReaderKappa, ...]
    """Every two readers."""
    read: tuple[ReadFinding, ...]
    """Every sign with a decision, by id: all figures come from these."""
    dialogues_unread: int = Field(default=0, ge=0)
    """Dialogues in the holdout without a sign, where a judge gave no answer that can be read."""
    findings_unread: int = Field(default=0, ge=0)
    """Findings that are unreadable answers instead of signs."""


class Review(Grown):
    """The review of a release."""

    gained: ClassVar[tuple[str, ...]] = ("crisis",)

    format: Literal[1] = 1
    replicates: int
    """Bootstrap samples that every interval is made of."""
    configs: dict[Config, ConfigReview]
    """By the config that pairs were sampled from."""
    crisis: CrisisReview | None = None
    """The decisions on the dialogues that are held out; null before they were read."""

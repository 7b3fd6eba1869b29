"""How much the crisis rules find, as measured on written sentences and on real turns; for the audit and the card."""

from importlib import resources

from pydantic import Field

from ...schemas.base import Frozen
from ...schemas.safety import CrisisCategory, CrisisForm

FILE_NAME = "recall.json"
"""Stands beside this file; `tests/measure_safety.py --write` makes it anew, and a test compares the two."""


class RecallShare(Frozen):
    """A share with its 95 % Wilson interval."""

    hits: int = Field(ge=0)
    """How many."""
    n: int = Field(ge=0)
    share: float = Field(ge=0, le=1)
    """`hits / n`; 0 where `n` is 0."""
    low: float = Field(ge=0, le=1)
    """Lower end of the interval."""
    high: float = Field(ge=0, le=1)
    """Upper end of the interval."""


class RecallPart(Frozen):
    """What was measured on one part of the written sentences."""

    recall: RecallShare
    """Crisis sentences that are found, whatever category and form the rules give them."""
    precision: RecallShare
    """Finds that are crisis sentences; depends on how many near misses the part holds."""
    false_positives: RecallShare
    """Near misses that are found all the same."""
    recall_by_form: dict[CrisisForm, RecallShare]
    """Recall for each form."""
    recall_by_category: dict[CrisisCategory, RecallShare]
    """Recall for each category."""
    right_form: RecallShare
    """Found sentences that are given the form that they were written for."""
    right_category: RecallShare
    """Found sentences that are given the category that they were written for."""


class RealTurns(Frozen):
    """What was measured on the seeker turns of real corpora, each distinct turn once."""

    turns: int = Field(ge=0)
    """How many turns."""
    found: int = Field(ge=0)
    """How many of them are found."""
    found_per_1000: float = Field(ge=0)
    """Finds in 1,000 turns."""
    judged_no_crisis: int = Field(ge=0)
    """Finds that a reader judged to be no crisis; one reader, no clinician."""
    false_per_1000: float = Field(ge=0)
    """Those in 1,000 turns."""
    unjudged: int = Field(ge=0)
    """Finds that no reader has looked at."""


class Recall(Frozen):
    """The figures of the crisis rules; see `tests/measure_safety.py` for how the parts were made."""

    sentences: int = Field(ge=0)
    """Written sentences in all."""
    develop: RecallPart
    """The half that the rules were tuned on."""
    hold: RecallPart
    """The half that no rule was tuned on; but most of it was written by the rules' author before the rules."""
    unseen: RecallPart
    """The part of `hold` that was written after the rules: the figure to go by for words that nobody foresaw."""
    real: RealTurns | None
    """Real seeker turns; the rules were tuned on them too, for precision."""


def known_recall() -> Recall:
    """The figures as measured for this version of the package."""
    text = resources.files(__package__).joinpath(FILE_NAME).read_text(encoding="utf-8")
    return Recall.model_validate_json(text)


def recall_told() -> str:
    """The figures to go by, as a card says them; without real models the rules are all that there is."""
    unseen, hold = known_recall().unseen.recall, known_recall().hold.recall
    return (
        f"{unseen.hits} of {unseen.n} written crisis sentences ({unseen.low:.0%} to {unseen.high:.0%}) in words that "
        f"nobody foresaw when they were written, and {hold.hits} of {hold.n} of all that they were not tuned on."
    )

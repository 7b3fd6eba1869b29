"""The findings of a validation by training: the contents of `validation.json`, source of its page and the card's part.

Every question has a figure and a verdict. Where a precondition of an answer does not hold, the verdict is `cannot tell
at this scale`, and the question names the precondition.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Literal

from pydantic import Field

from .base import Frozen
from .measures import Interval

STUDY_FILE = "validation.json"


class Scale(StrEnum):
    """How large the models are that a release is validated with."""

    TINY = "tiny"
    """From random weights, on two CPU cores: it shows whether everything runs, and whether the release is sound."""
    SMALL = "small"
    """A pretrained model of half a billion weights, on one small GPU."""
    FULL = "full"
    """A pretrained model of seven billion weights with adapters, on one large GPU."""


class StudyOutcome(StrEnum):
    """An answer that a run can give."""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot tell at this scale"


class Precondition(Frozen):
    """Something that must hold before an answer means anything."""

    name: str
    """Id, such as `pretrained`."""
    holds: bool
    told: str
    """The finding, in a few words."""


class Answered(Frozen):
    """One question and its answer."""

    id: str
    asks: str
    """The question."""
    group: Literal["release", "training"]
    """The subject: the release itself, or models that were trained on it."""
    figure: Interval
    """The measure behind the verdict; without a value where it could not be measured."""
    measures: str
    """The definition of the figure, its range and its unit."""
    verdict: StudyOutcome
    why: str
    """The reason, in a line."""
    preconditions: tuple[Precondition, ...]
    """The preconditions of a yes or a no; if one does not hold, the verdict is `cannot tell at this scale`."""
    p: float | None = None
    """The p-value of a comparative question, adjusted for all of them (Holm); null for other questions or no figure."""


class TrainedModel(Frozen):
    """A model that was trained for the validation."""

    recipe: str
    base_model: str
    """`random weights` where it was made on the spot."""
    steps: int | None
    rows: int = Field(ge=0)
    """Rows that it was trained on."""
    run_sha256: str
    """Digest of its `run.json`, which says the rest."""
    seed: int | None = None
    """The seed of everything random in its training; null in validations with a single seed."""


class SystemFigures(Frozen):
    """The main figures of one system on the test split, means over seeds; all are in `evaluation/`."""

    name: str
    kind: str
    figures: dict[str, Interval]
    """By metric."""


class StageTime(Frozen):
    """How long a part of the validation took, over all runs of the command."""

    name: str
    seconds: float = Field(ge=0)


class ValidatedRelease(Frozen):
    """The validated release."""

    name: str
    """The Hub repo, or the folder's name; never a path."""
    revision: str | None
    """The tag or commit of a repo."""
    version: str
    tables_sha256: str
    """Digest over the names and bytes of its tables, which tie the validation to the release."""
    turns: int = Field(ge=0)
    """Test turns that the systems answered; 0 where nothing was trained."""
    dialogues: int = Field(ge=0)


class Validation(Frozen):
    """All findings of a validation."""

    format: Literal[1] = 1
    release: ValidatedRelease
    scale: Scale
    judges: tuple[str, ...]
    """Model and revision of each."""
    questions: tuple[Answered, ...] = Field(min_length=1)
    models: tuple[TrainedModel, ...]
    """Empty where the release is not sound: then nothing was trained on it."""
    systems: tuple[SystemFigures, ...]
    stages: tuple[StageTime, ...]
    notes: tuple[str, ...]
    """Remarks to read before any verdict."""

    @property
    def refused(self) -> tuple[Answered, ...]:
        """The questions that are answered with no."""
        return tuple(one for one in self.questions if one.verdict is StudyOutcome.NO)

    def undecided(self, required: Collection[str]) -> tuple[Answered, ...]:
        """The questions with these ids that the run cannot answer."""
        return tuple(one for one in self.questions if one.id in required and one.verdict is StudyOutcome.CANNOT_TELL)

"""A support dialogue in one shape, whatever the corpus it came from."""

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from itertools import groupby
from typing import Literal

from pydantic import Field, field_validator, model_validator

from .base import Frozen
from .escape import SOURCE_NAME
from .strategy import Strategy, parse_strategy
from .text import has_half_pair, normalise_text


class Speaker(StrEnum):
    """The speaker of a turn."""

    SEEKER = "seeker"
    SUPPORTER = "supporter"


class Split(StrEnum):
    """A part of a release; a dialogue is in exactly one."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


def _whole(text: str) -> str:
    if has_half_pair(text):
        raise ValueError("half a surrogate pair is not text")
    return text


class Cue(Frozen):
    """A non-verbal sign of a seeker turn."""

    modality: Literal["text", "voice", "face"]
    """Where the sign shows: in the writing, in the voice, in the face."""
    description: str = Field(min_length=1)
    """The sign that was seen or heard, in plain words."""

    @field_validator("description")
    @classmethod
    def _is_text(cls, text: str) -> str:
        return _whole(text)


class Turn(Frozen):
    """One message of one speaker, as the source has it."""

    speaker: Speaker
    """The speaker."""
    text: str = Field(min_length=1)
    """The words, outer white space removed."""
    strategy: Strategy | None = None
    """The support strategy; of supporter turns only, and of these where the source names one."""
    cues: tuple[Cue, ...] = ()
    """Non-verbal signs; of seeker turns only."""

    @field_validator("text")
    @classmethod
    def _strip(cls, text: str) -> str:
        if not (stripped := text.strip()):
            raise ValueError("a turn needs words")
        return _whole(stripped)

    @field_validator("strategy", mode="before")
    @classmethod
    def _name_strategy(cls, value: object) -> object:
        # What cannot be parsed is passed on as it is, so that the error shows the source's own spelling.
        return (parse_strategy(value) or value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _belongs_to_speaker(self) -> "Turn":
        if self.speaker is Speaker.SEEKER and self.strategy is not None:
            raise ValueError("a seeker turn has no strategy")
        if self.speaker is Speaker.SUPPORTER and self.cues:
            raise ValueError("cues belong to seeker turns")
        return self


class Dialogue(Frozen):
    """A whole conversation between one seeker and one supporter."""

    dialogue_id: str = ""
    """Digest of who said what (see `content_id`); made here, never taken from a source."""
    source: str = Field(min_length=1)
    """The name of the corpus or file that it came from, as `escape.SOURCE_NAME` has it; never a path."""
    license: str = Field(min_length=1)
    """Id of the source's licence as the Hub spells it, or `unknown`."""
    split: Split | None = None
    """The split that the source itself put it in, where it has one."""
    problem: str | None = None
    """The seeker's problem, in the source's words."""
    emotion: str | None = None
    """The seeker's main emotion, in the source's words."""
    situation: str | None = None
    """The seeker's own summary, where the source has one."""
    turns: tuple[Turn, ...] = Field(min_length=1)
    """Every turn, in order."""

    @field_validator("source", "problem", "emotion", "situation")
    @classmethod
    def _is_text(cls, text: str | None) -> str | None:
        return None if text is None else _whole(text)

    @field_validator("source")
    @classmethod
    def _is_name(cls, name: str) -> str:
        if not SOURCE_NAME.fullmatch(name):
            raise ValueError("a source's name is letters, digits, spaces and .,+&()/'’:@-, and at most 100 of them")
        return name

    @property
    def names_strategies(self) -> bool:
        """Whether its supporter turns name their strategies."""
        return any(turn.strategy is not None for turn in self.turns)

    @model_validator(mode="after")
    def _names_all_or_none(self) -> "Dialogue":
        support = [turn.strategy for turn in self.turns if turn.speaker is Speaker.SUPPORTER]
        # Half-named dialogues are a sign of a broken export: guessing the rest would invent labels.
        if None in support and any(support):
            raise ValueError("either every supporter turn of a dialogue names its strategy, or none does")
        return self

    @model_validator(mode="after")
    def _own_id(self) -> "Dialogue":
        # Always computed, whatever the source claims: splits and row ids depend on equal words having equal ids.
        object.__setattr__(self, "dialogue_id", content_id(self.turns))
        return self


def content_id(turns: Iterable[Turn]) -> str:
    """An id of what was said: 16 hexadecimal digits that strategies, cues, case and spacing do not change.

    Consecutive turns of one speaker count as one, since corpora differ in whether they split or join them: so the same
    dialogue has the same id in ESConv's native form and in the chat form.
    """
    runs = groupby(turns, key=lambda turn: turn.speaker)
    said = "\n".join(f"{speaker}:{normalise_text(' '.join(turn.text for turn in run))}" for speaker, run in runs)
    # 64 bits: among ten million dialogues, the chance that any two share an id is about three in a million.
    return hashlib.sha256(said.encode()).hexdigest()[:16]

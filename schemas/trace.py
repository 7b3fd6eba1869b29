"""A reasoning trace: how a supporter gets from what was said to a reply, in four typed steps.

The order of the steps is PEER's (arXiv 2508.09521). Its fields and labels were not published: these are our own design.
"""

import re
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator, Field

from .base import Frozen
from .emotion import Emotion
from .strategy import Strategy
from .text import has_half_pair


class Step(StrEnum):
    """A step of a trace, in the order in which they are taken and written."""

    HISTORY = "history"
    """A summary of the dialogue so far."""
    EMOTION = "emotion"
    """The seeker's emotion, its strength, its cause, and the evidence for it."""
    STRATEGY = "strategy"
    """Which of the eight strategies fits, and why."""
    REPLY = "reply"
    """The supporter's reply."""


class Modality(StrEnum):
    """Where a sign of an emotion shows; the same three as of `schemas.dialogue.Cue`."""

    TEXT = "text"
    VOICE = "voice"
    FACE = "face"


# What divides the steps where a trace is written, and what models put around their thoughts.
_TAG = re.compile(rf"<\s*+/?\s*+(?:{'|'.join(Step)}|think|thinking)\s*+>", re.IGNORECASE)


# The text without outer white space; a tag of the written form inside it would make it two texts.
def _words(text: str) -> str:
    if not (text := text.strip()):
        raise ValueError("a step needs words")
    if has_half_pair(text):
        raise ValueError("half a surrogate pair is not text")
    if _TAG.search(text):
        raise ValueError("a tag of the written form stands inside")
    return text


def _line(text: str) -> str:
    return _words(" ".join(text.split()))


# The text as one line without semicolons, which divide cues.
def _cue_line(text: str) -> str:
    return _line(text.replace(";", ","))


Words = Annotated[str, AfterValidator(_words)]
"""Words of one line or several."""
Line = Annotated[str, AfterValidator(_line)]
"""Words of one line; runs of white space become one space."""


class NamedCue(Frozen):
    """A sign that a trace names for its emotion."""

    modality: Modality
    """Where it shows."""
    description: Annotated[str, AfterValidator(_cue_line)]
    """The words or signs; one line, in which commas replace semicolons."""


class EmotionStep(Frozen):
    """The seeker's state as a trace sees it."""

    emotion: Emotion
    """The main feeling."""
    intensity: int = Field(ge=1, le=5)
    """From 1, hardly there, to 5, overwhelming."""
    cause: Line
    """The cause of the emotion."""
    cues: tuple[NamedCue, ...] = ()
    """The evidence; if it is empty, the emotion is a guess."""


class StrategyStep(Frozen):
    """The strategy that a trace settles on."""

    strategy: Strategy
    """One of the eight."""
    why: Line
    """Why it fits this moment."""


class Trace(Frozen):
    """All four steps; `prompts.parsers.trace` writes and reads the text form that models are trained on."""

    history: Words
    """A summary of the dialogue so far."""
    emotion: EmotionStep
    strategy: StrategyStep
    reply: Words
    """The supporter's reply."""

"""The emotions that a seeker's state is named by, one list for every corpus, and the names that they go by.

The labels are our own choice. Every emotion of ESConv (`emotion_type`: anger, anxiety, depression, disgust, fear,
guilt, jealousy, nervousness, pain, sadness, shame; arXiv 2106.01144) and of MESC (those of Ekman without surprise, with
depression and neutral; arXiv 2408.03650) is one by itself. So is what these lack of EmpatheticDialogues' 32 (arXiv
1811.00207), in which near synonyms share a label: `furious` is anger, `devastated` sadness.
"""

from enum import StrEnum
from typing import Literal

from .base import Frozen
from .text import fold_label


class Emotion(StrEnum):
    """A seeker's emotion; releases contain only this spelling."""

    ANGER = "anger"
    ANNOYANCE = "annoyance"
    ANXIETY = "anxiety"
    NERVOUSNESS = "nervousness"
    FEAR = "fear"
    DEPRESSION = "depression"
    SADNESS = "sadness"
    DISAPPOINTMENT = "disappointment"
    PAIN = "pain"
    LONELINESS = "loneliness"
    GUILT = "guilt"
    SHAME = "shame"
    EMBARRASSMENT = "embarrassment"
    JEALOUSY = "jealousy"
    DISGUST = "disgust"
    SURPRISE = "surprise"
    NOSTALGIA = "nostalgia"
    CARING = "caring"
    TRUST = "trust"
    CONFIDENCE = "confidence"
    HOPE = "hope"
    GRATITUDE = "gratitude"
    PRIDE = "pride"
    ADMIRATION = "admiration"
    CONTENTMENT = "contentment"
    JOY = "joy"
    NEUTRAL = "neutral"


# The corpora's own words, and common ones of language models.
_ALIASES: dict[Emotion, tuple[str, ...]] = {
    Emotion.ANGER: ("angry", "furious", "rage", "resentment"),
    Emotion.ANNOYANCE: ("annoyed", "frustration", "frustrated", "irritation", "irritated"),
    Emotion.ANXIETY: (
        "anxious", "apprehensive", "apprehension", "worry", "worried", "stress", "stressed", "overwhelmed",
    ),
    Emotion.NERVOUSNESS: ("nervous", "tense", "tension"),
    Emotion.FEAR: ("afraid", "terrified", "scared", "fearful", "terror", "panic"),
    Emotion.DEPRESSION: ("depressed", "hopeless", "hopelessness", "despair"),
    Emotion.SADNESS: ("sad", "devastated", "grief", "sorrow", "heartbroken"),
    Emotion.DISAPPOINTMENT: ("disappointed", "let down"),
    Emotion.PAIN: ("hurt", "hurting", "painful"),
    Emotion.LONELINESS: ("lonely", "alone", "isolation", "isolated"),
    Emotion.GUILT: ("guilty", "regret", "remorse"),
    Emotion.SHAME: ("ashamed",),
    Emotion.EMBARRASSMENT: ("embarrassed", "humiliated", "humiliation"),
    Emotion.JEALOUSY: ("jealous", "envy", "envious"),
    Emotion.DISGUST: ("disgusted",),
    Emotion.SURPRISE: ("surprised", "shock", "shocked"),
    Emotion.NOSTALGIA: ("nostalgic", "sentimental"),
    Emotion.CARING: ("compassion", "affection"),
    Emotion.TRUST: ("trusting", "faithful"),
    Emotion.CONFIDENCE: ("confident", "prepared"),
    Emotion.HOPE: ("hopeful", "anticipating", "anticipation"),
    Emotion.GRATITUDE: ("grateful", "thankful"),
    Emotion.PRIDE: ("proud",),
    Emotion.ADMIRATION: ("impressed",),
    Emotion.CONTENTMENT: ("content", "calm", "relief", "relieved"),
    Emotion.JOY: ("joyful", "happiness", "happy", "excited", "excitement"),
    Emotion.NEUTRAL: ("neutrality", "no emotion"),
}  # fmt: skip


_BY_NAME = {fold_label(name): emotion for emotion, names in _ALIASES.items() for name in (emotion.value, *names)}

EMOTION_NAMES: dict[Emotion, tuple[str, ...]] = {
    emotion: (emotion.value, *names) for emotion, names in _ALIASES.items()
}
"""Every spelling that is understood, the label itself first."""


def parse_emotion(text: str) -> Emotion | None:
    """The emotion that `text` names, whole, through case, punctuation and aliases; None for all else."""
    return _BY_NAME.get(fold_label(text))


Level = Literal["low", "middle", "high"]


class Profile(Frozen):
    """How strongly each of the five traits shows; `middle` asks for nothing."""

    openness: Level
    """Plain and concrete, or full of pictures and new angles."""
    conscientiousness: Level
    """Loose and brief, or ordered and thorough."""
    extraversion: Level
    """Quiet and sparing, or lively and outgoing."""
    agreeableness: Level
    """Matter-of-fact, or gentle and yielding."""
    neuroticism: Level
    """Steady, or openly moved and careful."""

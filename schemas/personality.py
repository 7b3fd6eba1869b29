"""A supporter's personality by the Big Five, as far as it shows in wording; see `prompts.personality`."""

from typing import Literal

from .base import Frozen

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

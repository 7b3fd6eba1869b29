"""Shortens a prompt by as few of its oldest turns as make it fit."""

from bisect import bisect_left
from collections.abc import Callable, Sequence

from ...schemas.inference import Message
from .crop import count_steps, drop_oldest


def shorten(prompt: Sequence[Message], length: Callable[[list[Message]], int], most: int) -> list[Message] | None:
    """The least shortened prompt that is no longer than `most`; None where even its last turn alone is.

    Args:
        prompt: system messages, then the dialogue.
        length: counts tokens of a prompt, with whatever must fit after it.
        most: tokens.
    """
    steps = range(count_steps(prompt) + 1)
    least = bisect_left(steps, True, key=lambda step: length(drop_oldest(prompt, step)) <= most)
    return drop_oldest(prompt, least) if least in steps else None

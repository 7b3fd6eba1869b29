"""Shortens a prompt by its oldest turns: the system prompt and the last turn stay, the order stays, turns stay whole.

What a turn is depends on how the dialogue stands in the prompt. A transcript has one a line (`seeker: …`); its other
lines are instructions and stay. Chat messages go in such a way that the first one left is the seeker's, since chat
templates want user and assistant to alternate from a user message on.
"""

from collections.abc import Sequence

from ...schemas.dialogue import Speaker
from ...schemas.inference import Message

_SPEAKERS = tuple(f"{speaker}: " for speaker in Speaker)


def count_steps(prompt: Sequence[Message]) -> int:
    """How many times a prompt can be shortened before nothing but its last turn is left of the dialogue."""
    _, dialogue = _parts(prompt)
    if _is_transcript(dialogue):
        return len(_turn_lines(dialogue[0]["content"])) - 1
    return max(0, len(_seeker_places(dialogue)) - 1)


def drop_oldest(prompt: Sequence[Message], steps: int) -> list[Message]:
    """The prompt, shortened `steps` times.

    Args:
        prompt: system messages, then the dialogue.
        steps: from 0 to what `count_steps` gives.

    Raises:
        ValueError: there are fewer steps than that.
    """
    if not 0 <= steps <= count_steps(prompt):
        raise ValueError(f"a prompt of {count_steps(prompt)} steps cannot be shortened {steps} times")
    system, dialogue = _parts(prompt)
    if not steps:
        return [*system, *dialogue]
    if _is_transcript(dialogue):
        lines = dialogue[0]["content"].split("\n")
        dropped = set(_turn_lines(dialogue[0]["content"])[:steps])
        kept = "\n".join(line for place, line in enumerate(lines) if place not in dropped)
        return [*system, {**dialogue[0], "content": kept}]
    return [*system, *dialogue[_seeker_places(dialogue)[steps] :]]


def count_turns(prompt: Sequence[Message]) -> int:
    """The turns of the dialogue in a prompt: lines of a transcript, or messages of a chat."""
    _, dialogue = _parts(prompt)
    return len(_turn_lines(dialogue[0]["content"])) if _is_transcript(dialogue) else len(dialogue)


def _parts(prompt: Sequence[Message]) -> tuple[list[Message], list[Message]]:
    """The system messages that a prompt begins with, and the rest."""
    first = next((place for place, message in enumerate(prompt) if message["role"] != "system"), len(prompt))
    return list(prompt[:first]), list(prompt[first:])


def _is_transcript(dialogue: Sequence[Message]) -> bool:
    return len(dialogue) == 1 and bool(_turn_lines(dialogue[0]["content"]))


def _turn_lines(content: str) -> list[int]:
    return [place for place, line in enumerate(content.split("\n")) if line.startswith(_SPEAKERS)]


def _seeker_places(dialogue: Sequence[Message]) -> list[int]:
    return [place for place, message in enumerate(dialogue) if message["role"] == "user"]

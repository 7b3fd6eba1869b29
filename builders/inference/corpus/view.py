"""What the embedded models see of a history: its words, never the strategies behind the supporter's turns.

A request's key covers the words that an endpoint would be sent, and a prompt's transcript shows no strategies. Prompts
also differ in whether they join consecutive seeker turns, so nothing here depends on where one such turn ends.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ....schemas.dialogue import Speaker, Turn
from ....schemas.text import normalise_text


@dataclass(frozen=True)
class View:
    """A history by its words."""

    last_seeker: str
    """What the seeker said last, consecutive turns joined; empty where the seeker has not spoken."""
    supporter: tuple[str, ...]
    """The supporter's turns, in order."""
    seeker_runs: int
    """How often the seeker has had the word."""
    since_seeker: int
    """Supporter turns since then."""


def view_history(history: Sequence[Turn]) -> View:
    """The history as the models see it."""
    runs = [(speaker, [turn.text for turn in run]) for speaker, run in groupby(history, key=lambda turn: turn.speaker)]
    seeker = [" ".join(texts) for speaker, texts in runs if speaker is Speaker.SEEKER]
    since = len(runs[-1][1]) if runs and runs[-1][0] is Speaker.SUPPORTER else 0
    return View(
        last_seeker=seeker[-1] if seeker else "",
        supporter=tuple(turn.text for turn in history if turn.speaker is Speaker.SUPPORTER),
        seeker_runs=len(seeker),
        since_seeker=since,
    )


def opening(turns: Sequence[Turn], most: int) -> str:
    """The first characters of the turns as one normalised string, runs of a speaker joined.

    No more turns are read than that takes: a history's opening costs the same however long the history is.
    """
    parts: list[str] = []
    left = most
    for speaker, run in groupby(turns, key=lambda turn: turn.speaker):
        parts.append(f"{speaker.value}:{normalise_text(' '.join(turn.text for turn in run))}")
        left -= len(parts[-1]) + 1
        if left <= 0:
            break
    return "\n".join(parts)[:most]

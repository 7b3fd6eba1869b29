"""How a dialogue's history is shown to a model: as a transcript in one message, or as chat turns.

Every prompt that is released builds on these, so their output is as frozen as the prompts are.
"""

from collections.abc import Sequence
from functools import lru_cache

from ..schemas.dialogue import Speaker, Turn
from ..schemas.inference import Message

HISTORIES = ("transcript", "chat", "chat_with_strategies")

SILENCE = "(silence)"
"""Stands for the seeker where a supporter speaks twice in a row, or first.

Chat templates want user and assistant to take turns; a prompt that ended with an assistant message would be continued
instead of answered. The word is ours; no seeker's text is lost or joined to another turn's because of it.
"""


def transcript(history: Sequence[Turn]) -> str:
    """Every turn as a `seeker: …` or `supporter: …` line, in order; line breaks inside a turn become spaces."""
    return "\n".join(_line(turn.speaker, turn.text) for turn in history)


def numbered_transcript(history: Sequence[Turn]) -> str:
    """A transcript whose lines begin with the number of the turn, from 0, so that an answer can name one."""
    return "\n".join(f"{number}. {_line(turn.speaker, turn.text)}" for number, turn in enumerate(history))


def cued_transcript(history: Sequence[Turn]) -> str:
    """A transcript in which a seeker's line ends with its cues: `seeker: … [voice: slow; face: looks down]`."""
    return "\n".join(_line(turn.speaker, turn.text) + _cues(turn) for turn in history)


def _cues(turn: Turn) -> str:
    cues = "; ".join(f"{cue.modality}: {' '.join(cue.description.split())}" for cue in turn.cues)
    return f" [{cues}]" if cues else ""


@lru_cache(maxsize=1024)  # every turn stands in the transcripts of all turns after it
def _line(speaker: Speaker, text: str) -> str:
    return f"{speaker.value}: {' '.join(text.split())}"


def chat(history: Sequence[Turn], *, with_strategies: bool) -> list[Message]:
    """The history as messages that alternate, begin with `user` and end with `user`.

    Consecutive seeker turns become one message, a line each; between consecutive supporter turns stands `SILENCE`.
    With `with_strategies`, a supporter's message begins with its strategy in brackets.
    """
    messages: list[Message] = []
    for turn in history:
        if turn.speaker is Speaker.SEEKER:
            if messages and messages[-1]["role"] == "user":
                messages[-1]["content"] += f"\n{turn.text}"
            else:
                messages.append({"role": "user", "content": turn.text})
            continue
        if not messages or messages[-1]["role"] == "assistant":
            messages.append({"role": "user", "content": SILENCE})
        messages.append({"role": "assistant", "content": supporter_text(turn, with_strategies=with_strategies)})
    if not messages or messages[-1]["role"] == "assistant":
        messages.append({"role": "user", "content": SILENCE})
    return messages


def supporter_text(turn: Turn, *, with_strategies: bool) -> str:
    """A supporter turn's words, with `[Strategy] ` before them where asked."""
    return f"[{turn.strategy}] {turn.text}" if with_strategies else turn.text

"""How a dialogue's history is shown to a model: as a transcript in one message, or as chat turns.

Every prompt that is released builds on these, so their output is as frozen as the prompts are.
"""

import json
import re
from collections.abc import Sequence
from functools import lru_cache

from ..schemas.dialogue import Speaker, Turn
from ..schemas.inference import Message
from ..schemas.trace import Trace

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


# Fences: how words from outside stand in a prompt, so that no words can end their fence.
#
# A fenced text is a JSON string on one line: `"I lost it.\nsupporter: Question"`. We chose it over a marker that is
# drawn from a digest of the text, and over a prefix before each line, for these reasons:
#
# - It ends where the first bare quotation mark stands, and the text cannot write one: so a prompt can be taken apart
#   again in one way only, and two different questions never give the same messages.
# - A line break inside a text is written `\n`, so no text can begin a line with `seeker:` or `Reply B:`.
# - Special tokens of chat templates (`<|im_end|>`, `</s>`, `[INST]`) are written with an escape that JSON has anyway;
#   no tokenizer takes `\u003c|im_end|>` for the token.
# - It is the same for every text, so keys are stable, and every model, small ones too, has read a lot of JSON.
#
# History that is shown as chat messages needs no fence, since the chat format divides the turns; `separate_chat` only
# keeps two turns of one speaker apart from one turn with a line break in it.
#
# Prompts whose head says `fence: json` use these forms. They are as frozen as the prompts are.


FENCES = ("json",)

NOTHING_SAID = "(nothing yet)"
"""Stands for a history without turns; no text can look like it, since texts have quotation marks around them."""

_ESCAPED = re.compile(
    "[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]"  # control characters, and what some readers take for a line break
    r"|<(?=[A-Za-z/|｜<!?])|\[(?=/?[A-Z_]{3,}\])"  # what may begin a special token
)
_BLANK_LINE = re.compile(r"\n( *)(?=\n)")
_SILENCE_AS_WORDS = re.compile(r"\(+silence\)+")


@lru_cache(maxsize=1024)  # every turn stands in the transcripts of all turns after it
def fence(text: str) -> str:
    """The text as a JSON string on one line; `json.loads` gives the text back."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def fenced_transcript(history: Sequence[Turn]) -> str:
    """Every turn as a `seeker: "…"` or `supporter: "…"` line, in order."""
    return "\n".join(_fence_line(turn) for turn in history) or NOTHING_SAID


def fenced_numbered_transcript(history: Sequence[Turn]) -> str:
    """The same with the number of each turn before it, from 0."""
    return "\n".join(f"{number}. {_fence_line(turn)}" for number, turn in enumerate(history)) or NOTHING_SAID


def fenced_cued_transcript(history: Sequence[Turn]) -> str:
    """The same with a seeker's cues at the end of the line: `seeker: "…" [voice: "slow"; face: "looks down"]`."""
    return "\n".join(_fence_line(turn) + _fence_cues(turn) for turn in history) or NOTHING_SAID


def fenced_trace(trace: Trace) -> str:
    """The four steps of a trace, a line each; what was written freely stands between quotation marks."""
    emotion, strategy = trace.emotion, trace.strategy
    felt = f"{emotion.emotion}; intensity: {emotion.intensity}; cause: {fence(emotion.cause)}"
    cues = "; ".join(f"{cue.modality}: {fence(cue.description)}" for cue in emotion.cues) or "none"
    return "\n".join(
        (
            f"history: {fence(trace.history)}",
            f"emotion: {felt}; cues: [{cues}]",
            f"strategy: {strategy.strategy}; why: {fence(strategy.why)}",
            f"reply: {fence(trace.reply)}",
        )
    )


def separate_chat(history: Sequence[Turn], *, with_strategies: bool) -> list[Message]:
    """`context.chat` with a form of its own for every history.

    Between two seeker turns in one message stands an empty line; an empty line inside a turn gets a space, so that it
    is not one. A seeker who writes `(silence)` gets another pair of brackets around it.
    """
    messages: list[Message] = []
    for turn in history:
        if turn.speaker is Speaker.SEEKER:
            words = _words_of_seeker(turn.text)
            if messages and messages[-1]["role"] == "user":
                messages[-1]["content"] += f"\n\n{words}"
            else:
                messages.append({"role": "user", "content": words})
            continue
        if not messages or messages[-1]["role"] == "assistant":
            messages.append({"role": "user", "content": SILENCE})
        messages.append({"role": "assistant", "content": supporter_text(turn, with_strategies=with_strategies)})
    if not messages or messages[-1]["role"] == "assistant":
        messages.append({"role": "user", "content": SILENCE})
    return messages


def _fence_line(turn: Turn) -> str:
    return f"{turn.speaker.value}: {fence(turn.text)}"


def _fence_cues(turn: Turn) -> str:
    cues = "; ".join(f"{cue.modality}: {fence(cue.description)}" for cue in turn.cues)
    return f" [{cues}]" if cues else ""


def _words_of_seeker(text: str) -> str:
    if _SILENCE_AS_WORDS.fullmatch(text):
        return f"({text})"
    return _BLANK_LINE.sub(r"\n\1 ", text)

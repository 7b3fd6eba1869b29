"""How a dialogue's history is shown to a model: as a transcript in one message, or as chat turns.

Every released prompt builds on these forms, so they are as frozen as the prompts. Prompts whose head says `fence: json`
use the fenced forms, in which a text from outside is a JSON string on one line: `"I lost it.
supporter: Question"`.
We chose that over a marker drawn from a digest of the text, and over a prefix before each line, for these reasons:

- It ends at the first bare quotation mark, and the text cannot write one: so a prompt can be taken apart in one way
  only, and two different questions never give the same messages.
- A line break inside a text is written `
`, so no text can begin a line with `seeker:` or `Reply B:`.
- Special tokens of chat templates (`<|im_end|>`, `</s>`, `[INST]`) are written with an escape that JSON has anyway;
  no tokenizer takes `<|im_end|>` for the token.
- The form is the same for every text, so keys are stable, and every model, small ones too, has read a lot of JSON.

History that is shown as chat messages needs no fence, since the chat format divides the turns.
"""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import get_args

from ..schemas.dialogue import Speaker, Turn
from ..schemas.emotion import Level, Profile
from ..schemas.inference import Message
from ..schemas.trace import Trace

HISTORIES = ("transcript", "chat", "chat_with_strategies")

SILENCE = "(silence)"
"""Stands for the seeker where a supporter speaks twice in a row, or first.

Chat templates want user and assistant to take turns; a prompt that ended with an assistant message would be continued
instead of answered. The word is ours; no seeker's text is lost or joined to another turn's because of it.
"""

# A blank line ends a turn in the transcript, so one inside a turn gets a space.
_BLANK_LINE = re.compile(r"\n( *)(?=\n)")
# `(silence)` marks a missing turn; a person who really wrote that gets further brackets.
_SILENCE_AS_WORDS = re.compile(r"\(+silence\)+")


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


def chat(history: Sequence[Turn], *, with_strategies: bool, separate: bool = False) -> list[Message]:
    """The history as messages that alternate, begin with `user` and end with `user`.

    Consecutive seeker turns become one message, a line each; between consecutive supporter turns stands `SILENCE`.

    Args:
        history: the turns so far.
        with_strategies: whether a supporter's message begins with its strategy in brackets.
        separate: gives every history a form of its own, as fenced prompts need it. An empty line divides two seeker
            turns in one message, an empty line inside a turn gets a space, and a seeker who writes `(silence)` gets
            another pair of brackets around it.
    """
    messages: list[Message] = []
    between = "\n\n" if separate else "\n"
    for turn in history:
        if turn.speaker is Speaker.SEEKER:
            words = _separable(turn.text) if separate else turn.text
            if messages and messages[-1]["role"] == "user":
                messages[-1]["content"] += between + words
            else:
                messages.append({"role": "user", "content": words})
            continue
        if not messages or messages[-1]["role"] == "assistant":
            messages.append({"role": "user", "content": SILENCE})
        messages.append({"role": "assistant", "content": supporter_text(turn, with_strategies=with_strategies)})
    if not messages or messages[-1]["role"] == "assistant":
        messages.append({"role": "user", "content": SILENCE})
    return messages


# A seeker's words in a form that neither `SILENCE` nor a second turn has.
def _separable(text: str) -> str:
    return f"({text})" if _SILENCE_AS_WORDS.fullmatch(text) else _BLANK_LINE.sub(r"\n\1 ", text)


def supporter_text(turn: Turn, *, with_strategies: bool) -> str:
    """A supporter turn's words, with `[Strategy] ` before them where asked."""
    return f"[{turn.strategy}] {turn.text}" if with_strategies else turn.text


FENCES = ("json",)

NOTHING_SAID = "(nothing yet)"
"""Stands for a history without turns; no text can look like it, since texts have quotation marks around them."""

_ESCAPED = re.compile(
    "[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]"  # control characters, and what some readers take for a line break
    r"|<(?=[A-Za-z/|｜<!?])|\[(?=/?[A-Z_]{3,}\])"  # what may begin a special token
)


@lru_cache(maxsize=1024)  # every turn stands in the transcripts of all turns after it
def fence(text: str) -> str:
    """The text as a JSON string on one line; `json.loads` gives the text back."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def fenced_transcript(history: Sequence[Turn]) -> str:
    """Every turn as a `seeker: "…"` or `supporter: "…"` line, in order."""
    return "\n".join(_fenced_line(turn) for turn in history) or NOTHING_SAID


def fenced_numbered_transcript(history: Sequence[Turn]) -> str:
    """The same with the number of each turn before it, from 0."""
    return "\n".join(f"{number}. {_fenced_line(turn)}" for number, turn in enumerate(history)) or NOTHING_SAID


def fenced_cued_transcript(history: Sequence[Turn]) -> str:
    """The same with a seeker's cues at the end of the line: `seeker: "…" [voice: "slow"; face: "looks down"]`."""
    return "\n".join(_fenced_line(turn) + _fenced_cues(turn) for turn in history) or NOTHING_SAID


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


def _fenced_line(turn: Turn) -> str:
    return f"{turn.speaker.value}: {fence(turn.text)}"


def _fenced_cues(turn: Turn) -> str:
    cues = "; ".join(f"{cue.modality}: {fence(cue.description)}" for cue in turn.cues)
    return f" [{cues}]" if cues else ""


# Personalities for rewriting replies: how they are drawn, and how each trait shows in wording.
#
# The scheme behind PEER's personality-based rewriting was not published (arXiv 2508.09521); this one, after the Big
# Five, is our own design. The wording is released with the prompt that states it, and is as frozen.


TRAITS = tuple(Profile.model_fields)
LEVELS: tuple[str, ...] = get_args(Level)
_PLAIN = "middle"


def draw_profile(row_id: str, seed: int) -> Profile:
    """The personality for a row, by a digest of its id and the spec's seed; never one without any trait."""
    for attempt in range(256):
        digest = hashlib.sha256(f"{seed}/{row_id}/{attempt}".encode()).digest()
        levels = {trait: LEVELS[digest[at] % len(LEVELS)] for at, trait in enumerate(TRAITS)}
        if set(levels.values()) != {_PLAIN}:
            return Profile.model_validate(levels)
    raise AssertionError("one profile in 243 has no trait")


def wording_of(profile: Profile) -> str:
    """How a reply of this personality is worded: a line for every trait that is low or high."""
    shown = {trait: getattr(profile, trait) for trait in TRAITS}
    return "\n".join(f"- {_written()[trait][level]}" for trait, level in shown.items() if level != _PLAIN)


@lru_cache
def _written() -> Mapping[str, Mapping[str, str]]:
    import yaml  # needed for personalities alone

    text = (files(__package__) / "personality.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)  # type: ignore[no-any-return]

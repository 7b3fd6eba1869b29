"""Writes a reasoning trace in the text form that models are trained on, and reads it back.

Four blocks, one a step, in the order of `Step`; our own form, with the tags that reasoning models are used to:

    <history>
    What was said and asked so far.
    </history>
    <emotion>
    emotion: sadness
    intensity: 4
    cause: the last bus left
    cues: text: "with nobody around"; face: looks down
    </emotion>
    <strategy>
    strategy: Question
    why: little is known yet
    </strategy>
    <reply>
    Where did the hail catch you?
    </reply>
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from ...schemas.emotion import parse_emotion
from ...schemas.strategy import parse_strategy
from ...schemas.text import mend_half_pairs
from ...schemas.trace import EmotionStep, Modality, NamedCue, Step, StrategyStep, Trace
from ...schemas.verdict import Unparsed
from .strategy import without_fence
from .thinking import without_thinking

_TAG = re.compile(rf"<(?P<end>/?)(?P<step>{'|'.join(Step)})>", re.IGNORECASE | re.ASCII)
_INTENSITY = re.compile(r"([1-5])(?:\s*(?:/|of|out of)\s*5)?")
NO_CUES = "none"
"""What is written where a trace names no cue."""

EMOTION_FIELDS = ("emotion", "intensity", "cause", "cues")
STRATEGY_FIELDS = ("strategy", "why")
"""The fields of the two steps that have several, in the order in which they are written."""


class _FaultError(Exception):
    """What stops a text from being a trace."""


@dataclass(frozen=True)
class _Block:
    """A step that is written whole, and where it stands."""

    step: Step
    inside: str
    start: int
    end: int


def format_trace(trace: Trace) -> str:
    """The text of a trace; `parse_trace` gives the same trace back."""
    return "\n".join(step_texts(trace))


def step_texts(trace: Trace) -> tuple[str, str, str, str]:
    """The text of each step in the order of `Step`; joined by line breaks they are `format_trace`."""
    said = {
        "history": trace.history,
        **trace.emotion.model_dump(mode="json", exclude={"cues"}),
        "cues": "; ".join(f"{cue.modality}: {cue.description}" for cue in trace.emotion.cues) or NO_CUES,
        **trace.strategy.model_dump(mode="json"),
        "reply": trace.reply,
    }
    return write_steps({name: str(value) for name, value in said.items()})


def write_steps(said: Mapping[str, str]) -> tuple[str, str, str, str]:
    """The text of each step from the words of all its fields, whatever they say."""
    emotion, strategy = (
        "\n".join(f"{name}: {said[name]}" for name in names) for names in (EMOTION_FIELDS, STRATEGY_FIELDS)
    )
    return (
        _block(Step.HISTORY, said["history"]),
        _block(Step.EMOTION, emotion),
        _block(Step.STRATEGY, strategy),
        _block(Step.REPLY, said["reply"]),
    )


def find_steps(text: str) -> dict[Step, str]:
    """The inside of every step that is written whole, the last where one is written twice; thoughts do not count.

    For rewards and measures that give credit for a part; what is inside may still say nothing, see `parse_trace`.
    """
    return {block.step: block.inside for block in _whole_blocks(without_thinking(text))}


def parse_trace(text: str) -> Trace | Unparsed:
    """The trace that a text holds: the four blocks, once each, in order, and nothing else.

    A thinking block and a fence around the whole do not count; names are read through case, and emotions and strategies
    through their aliases. Otherwise the text is `Unparsed`, with one of these reasons: `no_trace` (no step at all),
    `missing_STEP`, `repeated_step`, `wrong_order`, `extra_text`, `no_FIELD` (a field of the emotion or the strategy is
    missing or empty), `empty_STEP`, `unknown_emotion`, `unknown_strategy`, `bad_intensity`, `bad_cues`, `stray_tag`.
    """
    try:
        blocks = _blocks(mend_half_pairs(without_fence(without_thinking(text))))
        return Trace(
            history=_said(blocks, Step.HISTORY),
            emotion=_emotion(blocks[Step.EMOTION]),
            strategy=_strategy(blocks[Step.STRATEGY]),
            reply=_said(blocks, Step.REPLY),
        )
    except _FaultError as fault:
        return Unparsed(reason=str(fault), raw=text)
    except ValidationError:  # every field was read already; what is left is a tag inside one
        return Unparsed(reason="stray_tag", raw=text)


def _block(step: Step, inside: str) -> str:
    return f"<{step}>\n{inside}\n</{step}>"


def _blocks(text: str) -> Mapping[Step, str]:
    found = _whole_blocks(text)
    steps = [block.step for block in found]
    if not steps:
        raise _FaultError("no_trace")
    for step in Step:
        if step not in steps:
            raise _FaultError(f"missing_{step}")
    if len(steps) > len(Step):
        raise _FaultError("repeated_step")
    if steps != list(Step):
        raise _FaultError("wrong_order")
    between = zip((0, *(block.end for block in found)), (*(block.start for block in found), len(text)), strict=True)
    if any(text[end:start].strip() for end, start in between):
        raise _FaultError("extra_text")
    return {block.step: block.inside for block in found}


def _whole_blocks(text: str) -> list[_Block]:
    """Every step from its tag to the next end of the same step, from left to right; what is inside is no step.

    Which end is the next is looked up from the right once: searching for it from every tag would take a time that grows
    with the square of the tags.
    """
    tags = list(_TAG.finditer(text))
    nearest: dict[str, int] = {}
    ends: list[int | None] = [None] * len(tags)
    for at in range(len(tags) - 1, -1, -1):
        step = tags[at]["step"].lower()
        if tags[at]["end"]:
            nearest[step] = at
        else:
            ends[at] = nearest.get(step)
    found: list[_Block] = []
    at = 0
    while at < len(tags):
        if (end := ends[at]) is not None:
            first, last = tags[at], tags[end]
            inside = text[first.end() : last.start()].strip()
            found.append(_Block(Step(first["step"].lower()), inside, first.start(), last.end()))
            at = end
        at += 1
    return found


def _said(blocks: Mapping[Step, str], step: Step) -> str:
    if not blocks[step]:
        raise _FaultError(f"empty_{step}")
    return blocks[step]


def _emotion(inside: str) -> EmotionStep:
    fields = _fields(inside, EMOTION_FIELDS)
    emotion = parse_emotion(fields["emotion"])
    if emotion is None:
        raise _FaultError("unknown_emotion")
    intensity = _INTENSITY.fullmatch(fields["intensity"])
    if intensity is None:
        raise _FaultError("bad_intensity")
    return EmotionStep(emotion=emotion, intensity=int(intensity[1]), cause=fields["cause"], cues=_cues(fields["cues"]))


def _strategy(inside: str) -> StrategyStep:
    fields = _fields(inside, STRATEGY_FIELDS)
    strategy = parse_strategy(fields["strategy"])
    if strategy is None:
        raise _FaultError("unknown_strategy")
    return StrategyStep(strategy=strategy, why=fields["why"])


def _fields(inside: str, names: Sequence[str]) -> Mapping[str, str]:
    """The values of `name: value` lines; a line that begins no field goes on with the one before it."""
    found: dict[str, list[str]] = {}
    last: list[str] | None = None
    for line in inside.split("\n"):
        name, colon, value = line.partition(":")
        name = name.strip().casefold()
        if colon and name in names and name not in found:
            last = found[name] = [value.strip()]
        elif last is not None:
            last.append(line.strip())
    read = {name: " ".join(part for part in parts if part) for name, parts in found.items()}
    for name in names:
        if not read.get(name):
            raise _FaultError(f"no_{name}")
    return read


def _cues(text: str) -> tuple[NamedCue, ...]:
    if text.strip(" .").casefold() == NO_CUES:
        return ()
    cues: list[NamedCue] = []
    for part in text.split(";"):
        modality, _, description = part.partition(":")
        if (modality := modality.strip().casefold()) not in tuple(Modality) or not description.strip():
            raise _FaultError("bad_cues")
        cues.append(NamedCue(modality=Modality(modality), description=description))
    return tuple(cues)

"""Writes a reasoning trace in the text form that models are trained on, and reads it and its labels back.

The text form has four blocks, one a step, in the order of `Step`; it is our own, with tags that reasoning models know:

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
from typing import Any

from pydantic import ValidationError

from ...schemas.emotion import parse_emotion
from ...schemas.strategy import parse_strategy
from ...schemas.text import mend_half_pairs
from ...schemas.trace import EmotionStep, Modality, NamedCue, Step, StrategyStep, Trace
from ...schemas.verdict import StepVerdict, StyleVerdict, Unparsed
from ._verdict import Fields, rationale_of, read_fields, says_no_reply
from .json_reply import read_json_object, without_thinking, words_in
from .strategy import without_fence

_TAG = re.compile(rf"<(?P<end>/?)(?P<step>{'|'.join(Step)})>", re.IGNORECASE | re.ASCII)
_INTENSITY = re.compile(r"([1-5])(?:\s*(?:/|of|out of)\s*5)?")
# Written where a trace names no cue.
_NO_CUES = "none"

EMOTION_FIELDS = ("emotion", "intensity", "cause", "cues")
# The fields of the two steps that have several, in the order in which they are written.
_STRATEGY_FIELDS = ("strategy", "why")


class _FaultError(Exception):
    """The reason why a text is not a trace."""


@dataclass(frozen=True)
class _Block:
    """A step that is written whole, and its place in the text."""

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
        "cues": "; ".join(f"{cue.modality}: {cue.description}" for cue in trace.emotion.cues) or _NO_CUES,
        **trace.strategy.model_dump(mode="json"),
        "reply": trace.reply,
    }
    return write_steps({name: str(value) for name, value in said.items()})


def write_steps(said: Mapping[str, str]) -> tuple[str, str, str, str]:
    """The text of each step from the words of all its fields, whatever they say."""
    emotion, strategy = (
        "\n".join(f"{name}: {said[name]}" for name in names) for names in (EMOTION_FIELDS, _STRATEGY_FIELDS)
    )
    return (
        _block(Step.HISTORY, said["history"]),
        _block(Step.EMOTION, emotion),
        _block(Step.STRATEGY, strategy),
        _block(Step.REPLY, said["reply"]),
    )


def find_steps(text: str) -> dict[Step, str]:
    """The inside of every step that is written whole, the last where one is written twice; thoughts do not count.

    For rewards and measures that give credit for a part; the inside may still be invalid, see `parse_trace`.
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


# Every step from its tag to the next end of the same step, from left to right; what is inside is not a step.
#
# One pass from the right finds the next end of every tag; a search from every tag would take quadratic time.
def _whole_blocks(text: str) -> list[_Block]:
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
    fields = _fields(inside, _STRATEGY_FIELDS)
    strategy = parse_strategy(fields["strategy"])
    if strategy is None:
        raise _FaultError("unknown_strategy")
    return StrategyStep(strategy=strategy, why=fields["why"])


# The values of `name: value` lines; a line that begins no field goes on with the one before it.
def _fields(inside: str, names: Sequence[str]) -> Mapping[str, str]:
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
    if text.strip(" .").casefold() == _NO_CUES:
        return ()
    cues: list[NamedCue] = []
    for part in text.split(";"):
        modality, _, description = part.partition(":")
        if (modality := modality.strip().casefold()) not in tuple(Modality) or not description.strip():
            raise _FaultError("bad_cues")
        cues.append(NamedCue(modality=Modality(modality), description=description))
    return tuple(cues)


_WORDS = {"yes": True, "true": True, "correct": True, "right": True, "no": False, "false": False, "incorrect": False,
          "wrong": False}  # fmt: skip


def read_step_labels(reply: str) -> StepVerdict | Unparsed:
    """The labels in a reply of the form `{"history": {"correct": true, "why": …}, "emotion": …, "strategy": …, "reply":
    …}`; a bare `true` in a step's place counts too.

    A step without a label is `no_label`, another word than yes or no `not_offered`; all four are needed.
    """
    fields = read_fields(reply)
    return fields if isinstance(fields, Unparsed) else step_labels_of(fields, reply)


def step_labels_of(fields: Fields, reply: str, *, may_be_none: bool = False) -> StepVerdict | Unparsed:
    """The labels that the fields of an object hold; with `may_be_none`, judges were offered `no_reply`, too."""
    labels: list[bool] = []
    no_reply = False
    reasons: list[str] = []
    for step in Step:
        said = fields.get(step.value)
        inside: dict[str, Any] = {"correct": said}
        if isinstance(said, Mapping):
            inside = {str(name).strip().casefold(): value for name, value in said.items()}
        label = inside.get("correct")
        if label is None or isinstance(label, Mapping):
            return Unparsed(reason="no_label", raw=reply)
        if may_be_none and step is Step.REPLY and says_no_reply(label):
            no_reply, label = True, False
        if (found := _label(label)) is None:
            return Unparsed(reason="not_offered", raw=reply)
        labels.append(found)
        reasons.append(mend_half_pairs(words_in(inside.get("why") or "").strip()))
    answer = {"labels": tuple(labels), "rationales": tuple(reasons), "no_reply": no_reply}
    return StepVerdict.model_validate(answer)


def read_kept(reply: str) -> StyleVerdict | Unparsed:
    """The answer in a reply of the form `{"same_strategy": true, "same_facts": true, "rationale": …}`."""
    fields = read_fields(reply)
    return fields if isinstance(fields, Unparsed) else kept_of(fields, reply)


def kept_of(fields: Fields, reply: str) -> StyleVerdict | Unparsed:
    """The answer that the fields of an object hold."""
    said = [fields.get(name) for name in ("same_strategy", "same_facts")]
    if None in said:
        return Unparsed(reason="no_label", raw=reply)
    strategy, facts = (_label(one) for one in said)
    if strategy is None or facts is None:
        return Unparsed(reason="not_offered", raw=reply)
    return StyleVerdict(same_strategy=strategy, same_facts=facts, rationale=rationale_of(fields))


def _label(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return _WORDS.get(value.strip().strip(".").casefold()) if isinstance(value, str) else None


FIELDS = ("history", *EMOTION_FIELDS, *_STRATEGY_FIELDS, "reply")
"""The fields of the JSON form."""
_LINES = (*EMOTION_FIELDS, *_STRATEGY_FIELDS)


def read_trace(reply: str) -> Trace | Unparsed:
    """The trace in a reply of the form `{"history": …, "emotion": …, "intensity": …, "cause": …, "cues": [{"modality":
    …, "description": …}], "strategy": …, "why": …, "reply": …}`, or in the text form.

    Both are read by one parser, so a fault has the same name in either; see `parse_trace`.
    """
    written = parse_trace(reply)
    if isinstance(written, Trace) or written.reason != "no_trace":
        return written
    found = read_json_object(reply)
    if isinstance(found, Unparsed):
        return written
    fields = {str(name).strip().casefold(): value for name, value in found.items()}
    return trace_of(fields, reply)


def trace_of(fields: Mapping[str, Any], reply: str) -> Trace | Unparsed:
    """The trace that the fields of an object hold, whose names are in small letters."""
    read = parse_trace(_written(fields))
    return read if isinstance(read, Trace) else Unparsed(reason=read.reason, raw=reply)


# The text form of the fields; one that is missing, or no text or number, is left empty.
def _written(fields: Mapping[str, Any]) -> str:
    said = {name: _text_of(fields.get(name)) for name in ("history", "reply")}
    lines = {name: " ".join(_text_of(fields.get(name)).split()) for name in _LINES}
    return "\n".join(write_steps({**said, **lines, "cues": _written_cues(fields.get("cues"))}))


def _text_of(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return mend_half_pairs(str(value)).strip()


# Cues on one line; anything that is not a cue becomes `?`, which is then read as `bad_cues`.
def _written_cues(value: Any) -> str:
    if isinstance(value, str):
        return " ".join(mend_half_pairs(value).split()) or _NO_CUES
    if not isinstance(value, list):
        return _NO_CUES if value is None else "?"
    lines = []
    for cue in value:
        if not isinstance(cue, Mapping):
            return "?"
        description = " ".join(_text_of(cue.get("description")).replace(";", ",").split())
        lines.append(f"{_text_of(cue.get('modality'))}: {description}")
    return "; ".join(lines) or _NO_CUES

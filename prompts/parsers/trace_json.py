"""Reads a reasoner's reply: the four steps as a JSON object, or in the text form that models are trained on."""

from collections.abc import Mapping
from typing import Any

from ...schemas.text import mend_half_pairs
from ...schemas.trace import Trace
from ...schemas.verdict import Unparsed
from .json_object import read_json_object
from .trace import EMOTION_FIELDS, NO_CUES, STRATEGY_FIELDS, parse_trace, write_steps

FIELDS = ("history", *EMOTION_FIELDS, *STRATEGY_FIELDS, "reply")
"""The fields of the JSON form."""
_LINES = (*EMOTION_FIELDS, *STRATEGY_FIELDS)


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


def _written(fields: Mapping[str, Any]) -> str:
    """The text form of the fields; one that is missing, or no text or number, is left empty."""
    said = {name: _told(fields.get(name)) for name in ("history", "reply")}
    lines = {name: " ".join(_told(fields.get(name)).split()) for name in _LINES}
    return "\n".join(write_steps({**said, **lines, "cues": _cues(fields.get("cues"))}))


def _told(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return mend_half_pairs(str(value)).strip()


def _cues(value: Any) -> str:
    """Cues on one line; what is no cue stands there as it is, so that it is told as `bad_cues`."""
    if isinstance(value, str):
        return " ".join(mend_half_pairs(value).split()) or NO_CUES
    if not isinstance(value, list):
        return NO_CUES if value is None else "?"
    lines = []
    for cue in value:
        if not isinstance(cue, Mapping):
            return "?"
        description = " ".join(_told(cue.get("description")).replace(";", ",").split())
        lines.append(f"{_told(cue.get('modality'))}: {description}")
    return "; ".join(lines) or NO_CUES

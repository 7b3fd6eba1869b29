"""Reads a judge's reply: only the grades that were offered count."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Literal

from ...schemas.error_type import ErrorType, parse_error_type, says_no_error
from ...schemas.text import mend_half_pairs
from ...schemas.verdict import Comparison, Unparsed, Verdict
from .json_object import read_json_object, words_in

Fields = Mapping[str, Any]

NO_REPLY = "no_reply"
"""The label by which judges say that a reply is none: it declines to answer."""
_NO_REPLY = frozenset({"no reply", "not a reply", "refusal", "refused"})


def read_verdict(reply: str, offered: Collection[ErrorType]) -> Verdict | Unparsed:
    """The verdict in a reply of the form `{"error": …, "rationale": …}`.

    `"yes"`, `" Yes"` and `"YES"` are one label; so are an error's id and its usual names. A label that was not offered
    is `not_offered`, a missing one `no_label`; neither is taken for "no error".
    """
    fields = read_fields(reply)
    return fields if isinstance(fields, Unparsed) else verdict_of(fields, offered, reply)


def verdict_of(
    fields: Fields, offered: Collection[ErrorType], reply: str, *, may_be_none: bool = False
) -> Verdict | Unparsed:
    """The verdict that the fields of an object hold; with `may_be_none`, judges were offered `no_reply`, too."""
    if may_be_none and says_no_reply(fields.get("error")):
        return Verdict(error=None, rationale=rationale_of(fields), no_reply=True)
    error = _error(fields, "error", offered, reply)
    return error if isinstance(error, Unparsed) else Verdict(error=error, rationale=rationale_of(fields))


def read_comparison(reply: str, offered: Collection[ErrorType]) -> Comparison | Unparsed:
    """The answer in a reply of the form `{"a": …, "b": …, "better": "a" | "b" | "tie", "rationale": …}`.

    Labels are read as by `read_verdict`; a preference that was not offered is `not_offered`, a missing one `no_label`.
    """
    fields = read_fields(reply)
    return fields if isinstance(fields, Unparsed) else comparison_of(fields, offered, reply)


def comparison_of(
    fields: Fields, offered: Collection[ErrorType], reply: str, *, may_be_none: bool = False
) -> Comparison | Unparsed:
    """The comparison that the fields of an object hold; with `may_be_none`, judges were offered `no_reply`, too."""
    sides: tuple[Literal["a"], Literal["b"]] = ("a", "b")
    none = tuple(side for side in sides if may_be_none and says_no_reply(fields.get(side)))
    found: dict[str, ErrorType | None] = dict.fromkeys(none)
    for side in sides:
        if side in none:
            continue
        error = _error(fields, side, offered, reply)
        if isinstance(error, Unparsed):
            return error
        found[side] = error
    if "better" not in fields:
        return Unparsed(reason="no_label", raw=reply)
    better = words_in(fields["better"]).strip().casefold()
    if better not in ("a", "b", "tie"):
        return Unparsed(reason="not_offered", raw=reply)
    told = {"better": better, "rationale": rationale_of(fields), "no_reply": none}
    return Comparison.model_validate({**found, **told})


def read_fields(reply: str) -> Fields | Unparsed:
    """The fields of the JSON object in a reply, their names in small letters."""
    found = read_json_object(reply)
    if isinstance(found, Unparsed):
        return found
    return {str(name).strip().casefold(): value for name, value in found.items()}


def rationale_of(fields: Fields) -> str:
    """The judge's reason; empty where it gives none."""
    return mend_half_pairs(words_in(fields.get("rationale") or "").strip())


def says_no_reply(label: Any) -> bool:
    """Whether a label says that what was judged is no reply at all."""
    return isinstance(label, str) and re.sub(r"[\W_]+", " ", label).strip().casefold() in _NO_REPLY


def _error(fields: Fields, name: str, offered: Collection[ErrorType], reply: str) -> ErrorType | Unparsed | None:
    """The error that a field names, None where it says that there is none."""
    if name not in fields:
        return Unparsed(reason="no_label", raw=reply)
    label = fields[name]
    if _says_none(label):
        return None
    error = parse_error_type(label) if isinstance(label, str) else None
    return error if error in offered and error is not None else Unparsed(reason="not_offered", raw=reply)


def _says_none(label: Any) -> bool:
    """Whether a label says that there is no error; an empty one says nothing."""
    return label is None or label is False or (isinstance(label, str) and bool(label.strip()) and says_no_error(label))

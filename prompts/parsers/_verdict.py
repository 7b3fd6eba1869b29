"""Reads what a judge says of replies, of a pair, of a dialogue, or in grades: only offered labels count.

A label that was not offered, or is missing, makes the answer `Unparsed`; it is never taken for "no error".
"""

from collections.abc import Collection, Mapping
from typing import Any, Literal

from ...schemas.error_type import ErrorType, parse_error_type, says_no_error
from ...schemas.safety import CrisisCategory
from ...schemas.text import fold_label, mend_half_pairs
from ...schemas.verdict import Comparison, CrisisVerdict, Unparsed, Verdict
from .json_reply import read_json_object, words_in

Fields = Mapping[str, Any]

NO_REPLY = "no_reply"
"""The label of a reply that declines to answer."""
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
    rest = {"better": better, "rationale": rationale_of(fields), "no_reply": none}
    return Comparison.model_validate({**found, **rest})


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
    """Whether a label says that what was judged is not a reply at all."""
    return isinstance(label, str) and fold_label(label) in _NO_REPLY


# The error that a field names, None where it says that there is none.
def _error(fields: Fields, name: str, offered: Collection[ErrorType], reply: str) -> ErrorType | Unparsed | None:
    if name not in fields:
        return Unparsed(reason="no_label", raw=reply)
    label = fields[name]
    if _says_none(label):
        return None
    error = parse_error_type(label) if isinstance(label, str) else None
    return error if error in offered and error is not None else Unparsed(reason="not_offered", raw=reply)


# Whether a label says that there is no error; an empty one says nothing.
def _says_none(label: Any) -> bool:
    return label is None or label is False or (isinstance(label, str) and bool(label.strip()) and says_no_error(label))


_NONE = frozenset({"none", "no", "no crisis", "null", "n/a"})


def read_crisis(reply: str, turns: int) -> CrisisVerdict | Unparsed:
    """The answer in a reply of the form `{"crisis": …, "turn": …, "rationale": …}`.

    Args:
        reply: as it came.
        turns: how many turns the dialogue has; any other number is read as no turn.
    """
    fields = read_fields(reply)
    return fields if isinstance(fields, Unparsed) else crisis_of(fields, turns, reply)


def crisis_of(fields: Fields, turns: int, reply: str) -> CrisisVerdict | Unparsed:
    """The answer that the fields of an object hold."""
    if "crisis" not in fields:
        return Unparsed(reason="no_label", raw=reply)
    category = _category(fields["crisis"])
    if isinstance(category, str) and category not in tuple(CrisisCategory):
        return Unparsed(reason="not_offered", raw=reply)
    turn = _turn(fields.get("turn"), turns) if category else None
    return CrisisVerdict.model_validate({"category": category, "turn": turn, "rationale": rationale_of(fields)})


def _category(label: Any) -> str | None:
    if label is None or label is False:
        return None
    words = " ".join(words_in(label).casefold().replace("_", " ").replace("-", " ").split())
    return None if words in _NONE else words.replace(" ", "_")


def _turn(value: Any, turns: int) -> int | None:
    try:
        number = int(words_in(value).strip())
    except ValueError:
        return None
    return number if 0 <= number < turns else None


LOWEST, HIGHEST = 0.0, 5.0


def read_grades(reply: str, offered: Collection[str]) -> Mapping[str, float] | Unparsed:
    """The grades in a reply of the form `{"empathy": 4, …}`, from 0 to 5, by their names as offered.

    Each grade is read by itself: one that is missing, or no number on the scale, leaves the others as they are. Names
    are read through case. Without a single grade the reply is `no_grade`, or `no_json`.
    """
    found = read_json_object(reply)
    if isinstance(found, Unparsed):
        return found
    return grades_of({str(name).strip().casefold(): value for name, value in found.items()}, offered, reply)


def grades_of(fields: Mapping[str, Any], offered: Collection[str], reply: str) -> Mapping[str, float] | Unparsed:
    """The grades that the fields of an object hold, whose names are in small letters."""
    read = {name: _grade(fields.get(name.casefold())) for name in offered}
    grades = {name: grade for name, grade in read.items() if grade is not None}
    return grades or Unparsed(reason="no_grade", raw=reply)


def _grade(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if LOWEST <= number <= HIGHEST else None


_FLAG, _TYPE, _REASON = "Contains Empathy Error", "Error Type", "Brief Explanation"
# What the published judge also writes where there is no error; beside a yes it is an error of no known type.
_OTHERS = "others"


def read_published(record: Mapping[str, Any]) -> Verdict | Unparsed:
    """The verdict in a record of the judge that DecoupledESC published (arXiv 2505.16995), to compare ours with.

    Some records name the error where yes or no belongs; that is a yes. A yes with none of the five types is
    `not_offered`, a no with one of them `contradiction`, a record without the fields `no_label`.
    """
    raw = mend_half_pairs(str(dict(record)))
    if _FLAG not in record or _TYPE not in record:
        return Unparsed(reason="no_label", raw=raw)
    flag, kind = (str(record[name] or "").strip() for name in (_FLAG, _TYPE))
    error = parse_error_type(kind)
    said = flag.casefold()
    if said == "no":
        if error is not None:
            return Unparsed(reason="contradiction", raw=raw)
        nothing = says_no_error(kind) or kind.casefold() == _OTHERS
        return _verdict(record, None) if nothing else Unparsed(reason="not_offered", raw=raw)
    if said != "yes" and parse_error_type(flag) is None:
        return Unparsed(reason="not_offered", raw=raw)
    error = error or parse_error_type(flag)
    return _verdict(record, error) if error is not None else Unparsed(reason="not_offered", raw=raw)


def _verdict(record: Mapping[str, Any], error: Any) -> Verdict:
    return Verdict(error=error, rationale=mend_half_pairs(str(record.get(_REASON) or "").strip()))

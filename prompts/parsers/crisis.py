"""Reads a judge's answer about a whole dialogue."""

from typing import Any

from ...schemas.safety import CrisisCategory
from ...schemas.verdict import CrisisVerdict, Unparsed
from .json_object import words_in
from .verdict import Fields, rationale_of, read_fields

_NONE = frozenset({"none", "no", "no crisis", "null", "n/a"})


def read_crisis(reply: str, turns: int) -> CrisisVerdict | Unparsed:
    """The answer in a reply of the form `{"crisis": …, "turn": …, "rationale": …}`.

    Args:
        reply: as it came.
        turns: how many turns the dialogue has; a number that is none of theirs is read as none.
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

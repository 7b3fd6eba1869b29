"""Reads a judge's grades: each by itself, so that one that cannot be read costs no other."""

from collections.abc import Collection, Mapping
from typing import Any

from ...schemas.verdict import Unparsed
from .json_object import read_json_object

LOWEST, HIGHEST = 0.0, 5.0


def read_grades(reply: str, offered: Collection[str]) -> Mapping[str, float] | Unparsed:
    """The grades in a reply of the form `{"empathy": 4, …}`, from 0 to 5, by their names as offered.

    A grade counts where it is a number on the scale, or the text of one; one that is not is left out, and so is one
    that is missing. Names are read through case. Without a single grade the reply is `no_grade`, or `no_json`.
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

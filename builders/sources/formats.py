"""Every source format, and what a file may need besides: records that span rows, and a CSV dialect of its own.

A new format is one file with a `FORMAT`, one line here, and a test.
"""

from collections.abc import Mapping
from typing import Any

from ...schemas.documents import parse_json
from . import _chat, _empathetic, _esconv, _mesc, _own
from ._empathetic import NAME as NAME_OF_SPLIT_FILES
from ._empathetic import is_utterance_header as has_own_csv
from ._empathetic import read_utterances as read_own_csv
from ._empathetic import whole_dialogues as group_rows
from .base import Format

__all__ = [
    "FORMATS",
    "NAME_OF_SPLIT_FILES",
    "format_of",
    "group_rows",
    "has_own_csv",
    "read_own_csv",
    "unknown_form",
    "unwrap",
]

# The first that fits a record is its format: MESC is ESConv's form with more at every turn, so it stands before it.
FORMATS: dict[str, Format] = {one.FORMAT.kind: one.FORMAT for one in (_mesc, _esconv, _chat, _own, _empathetic)}


def unwrap(record: Any) -> Any:
    """The record inside, where a row holds a whole dialogue as JSON text (`thu-coai/esconv` on the Hub)."""
    if isinstance(record, Mapping) and set(record) == {"text"} and isinstance(record["text"], str):
        try:
            return parse_json(record["text"])
        except ValueError:
            return record
    return record


def format_of(record: Any) -> Format | None:
    """The format that a record is written in; None of a record that fits none."""
    if not isinstance(record, Mapping):
        return None
    return next((form for form in FORMATS.values() if form.fits(record)), None)


def unknown_form(record: Any) -> str:
    """What a record that fits no format is, and what would fit."""
    found = (
        f"an object with {', '.join(sorted(map(str, record))[:8])}"
        if isinstance(record, dict)
        else type(record).__name__
    )
    return (
        f"a record is {found}; a dialogue is an object with `dialog` (ESConv), `messages` (chat) or `turns` (our own), "
        f"and of EmpatheticDialogues a row is an utterance; "
        f"see `ipm-prefdial schema dialogues`"
    )

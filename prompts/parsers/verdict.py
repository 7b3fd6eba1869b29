"""Reads a judge's reply: only the grades that were offered count."""

from collections.abc import Collection
from typing import Any

from ...schemas.error_type import ErrorType, parse_error_type, says_no_error
from ...schemas.text import mend_half_pairs
from ...schemas.verdict import Unparsed, Verdict
from .json_object import read_json_object


def read_verdict(reply: str, offered: Collection[ErrorType]) -> Verdict | Unparsed:
    """The verdict in a reply of the form `{"error": …, "rationale": …}`.

    `"yes"`, `" Yes"` and `"YES"` are one label; so are an error's id and its usual names. A label that was not offered
    is `not_offered`, a missing one `no_label`; neither is taken for "no error".
    """
    found = read_json_object(reply)
    if isinstance(found, Unparsed):
        return found
    fields = {str(name).strip().casefold(): value for name, value in found.items()}
    if "error" not in fields:
        return Unparsed(reason="no_label", raw=reply)
    label = fields["error"]
    rationale = mend_half_pairs(str(fields.get("rationale") or "").strip())
    if _says_none(label):
        return Verdict(error=None, rationale=rationale)
    error = parse_error_type(label) if isinstance(label, str) else None
    if error is None or error not in offered:
        return Unparsed(reason="not_offered", raw=reply)
    return Verdict(error=error, rationale=rationale)


def _says_none(label: Any) -> bool:
    """Whether a label says that there is no error; an empty one says nothing."""
    return label is None or label is False or (isinstance(label, str) and bool(label.strip()) and says_no_error(label))

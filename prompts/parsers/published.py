"""Reads verdicts as DecoupledESC published them (arXiv 2505.16995), so that ours can be held against theirs."""

from collections.abc import Mapping
from typing import Any

from ...schemas.error_type import parse_error_type, says_no_error
from ...schemas.text import mend_half_pairs
from ...schemas.verdict import Unparsed, Verdict

_FLAG, _TYPE, _REASON = "Contains Empathy Error", "Error Type", "Brief Explanation"
_OTHERS = "others"
"""What the published judge also writes where there is no error; beside a yes it is an error of no known type."""


def read_published(record: Mapping[str, Any]) -> Verdict | Unparsed:
    """The verdict of a record of the published judge; nothing is lost, and nothing guessed at.

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

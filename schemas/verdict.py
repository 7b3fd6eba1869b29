"""What a judge said of a reply."""

from .base import Frozen
from .error_type import ErrorType


class Verdict(Frozen):
    """A judge's answer that could be read."""

    error: ErrorType | None
    """The error found, or None where the judge found none."""
    rationale: str
    """The judge's reason, in its own words; may be empty."""


class Unparsed(Frozen):
    """A reply that answers nothing that was offered; never guessed at."""

    reason: str
    """A short name of what is wrong, such as `no_json`."""
    raw: str
    """The reply as it came."""

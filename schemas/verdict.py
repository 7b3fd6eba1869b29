"""The answers of judges: about a reply, about two replies or strategies, or about a dialogue."""

from typing import Literal

from .base import Frozen
from .error_type import ErrorType
from .safety import CrisisCategory


class Verdict(Frozen):
    """A judge's answer that could be read."""

    error: ErrorType | None
    """The error found, or None where the judge found none."""
    rationale: str
    """The judge's reason, in its own words; may be empty."""
    no_reply: bool = False
    """Whether the judge says that it is not a reply to the seeker but a refusal. Then it has no error either."""


class Comparison(Frozen):
    """A judge's answer about two sides, A and B, that could be read."""

    a: ErrorType | None
    """The error found in A, or None where the judge found none."""
    b: ErrorType | None
    """The error found in B, or None where the judge found none."""
    better: Literal["a", "b", "tie"]
    """The side that the judge prefers."""
    rationale: str
    """The judge's reason, in its own words; may be empty."""
    no_reply: tuple[Literal["a", "b"], ...] = ()
    """The sides that the judge says are not a reply to the seeker: they decline to answer, and have no error either."""


class CrisisVerdict(Frozen):
    """A judge's answer about a whole dialogue that could be read."""

    category: CrisisCategory | None
    """The kind of crisis; None if the judge sees none."""
    turn: int | None
    """The turn that shows it, from 0; None where the judge names none that there is."""
    rationale: str
    """The judge's reason, in its own words; may be empty."""


class StepVerdict(Frozen):
    """A judge's answer about the four steps of a trace that could be read."""

    labels: tuple[bool, bool, bool, bool]
    """Whether each step is right, in the order of the steps."""
    rationales: tuple[str, str, str, str]
    """The judge's reasons; each may be empty."""
    no_reply: bool = False
    """Whether the judge says that the last step is not a reply to the seeker; it is then wrong, too."""


class StyleVerdict(Frozen):
    """A judge's answer about a rewriting that could be read."""

    same_strategy: bool
    """Whether it follows the strategy that it was to keep."""
    same_facts: bool
    """Whether it says what the original says: no fact or advice is lost, changed or new."""
    rationale: str
    """The judge's reason, in its own words; may be empty."""


class Unparsed(Frozen):
    """A reply that answers nothing that was offered; never guessed at."""

    reason: str
    """A short name of what is wrong, such as `no_json`."""
    raw: str
    """The reply as it came."""

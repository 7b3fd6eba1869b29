"""What publishing adds to a release, and what is noted beside a release folder once it is on the Hub."""

from typing import ClassVar, Literal

from pydantic import Field

from .audit import GateResult, Outcome
from .base import Frozen, Grown

PUBLISHING_FILE = "publishing.json"
"""The file of a release that holds its `Publishing`; a release without accepted gates has none."""


class AcceptedGate(Grown):
    """A gate of the audit that did not pass and that the maintainer lets through, as it was when that was said."""

    gained: ClassVar[tuple[str, ...]] = ("outcome",)

    name: str
    """Id of the gate."""
    measure: str
    """What was measured."""
    value: float | None
    """What was found: a later audit that finds worse is not covered; null where nothing could be told."""
    limit: float
    """What the gate allows."""
    why: str = Field(min_length=1)
    """The maintainer's reason, which stands on the card."""
    outcome: Outcome = "failed"
    """What the gate said: one that could not tell, and was accepted as such, does not cover one that fails."""

    def covers(self, gate: GateResult) -> bool:
        """Whether a gate was accepted as it is now: one that has come to be worse was not."""
        if (self.name, self.measure) != (gate.name, gate.measure):
            return False
        if gate.answer == "failed" and self.outcome != "failed":
            return False
        return self.value is None or not gate.worse_than(self.value)


class Publishing(Frozen):
    """What the maintainer said of a release when it was published."""

    format: Literal[1] = 1
    accepted: tuple[AcceptedGate, ...]
    """Sorted by gate and measure."""


class PublishedTo(Frozen):
    """One place that a release folder was published to; noted beside the folder, never in it."""

    repo: str
    """`ORG/NAME` on the Hub."""
    endpoint: str
    """The Hub's address."""
    version: str
    """The release's version."""
    tag: str
    """The tag that names it."""
    commit: str
    """The commit that the tag points at."""
    manifest_sha256: str
    """Digest of the manifest that was published."""
    verified: bool
    """Whether it was loaded as a reader loads it, and found to be the same."""


class PublishedPlaces(Frozen):
    """Everywhere that one folder was published to."""

    format: Literal[1] = 1
    places: tuple[PublishedTo, ...] = ()

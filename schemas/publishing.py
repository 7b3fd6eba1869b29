"""The gates that a maintainer accepts for a release, and the record of where a folder was published."""

from typing import ClassVar, Literal

from pydantic import Field

from .audit import GateResult, Outcome
from .base import Frozen, Grown

PUBLISHING_FILE = "publishing.json"
"""The file of a release that holds its `Publishing`; a release without accepted gates has none."""


class AcceptedGate(Grown):
    """A gate that did not pass and that the maintainer accepts, with its value at that time."""

    gained: ClassVar[tuple[str, ...]] = ("outcome",)

    name: str
    """Id of the gate."""
    measure: str
    """What was measured."""
    value: float | None
    """The value then: a later audit with a worse one is not covered; null where the gate could not tell."""
    limit: float
    """What the gate allows."""
    why: str = Field(min_length=1)
    """The maintainer's reason, which stands on the card."""
    outcome: Outcome = "failed"
    """The outcome then: accepting a gate that could not tell does not cover one that fails."""

    def covers(self, gate: GateResult) -> bool:
        """Whether the acceptance covers the gate as it is now; it does not where the gate became worse."""
        if (self.name, self.measure) != (gate.name, gate.measure):
            return False
        if gate.answer == "failed" and self.outcome != "failed":
            return False
        return self.value is None or not gate.worse_than(self.value)


class Publishing(Frozen):
    """The accepted gates of a release."""

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
    """All places that one folder was published to."""

    format: Literal[1] = 1
    places: tuple[PublishedTo, ...] = ()

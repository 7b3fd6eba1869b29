"""What publishing adds to a release, and what is noted beside a release folder once it is on the Hub."""

from typing import Literal

from pydantic import Field

from .base import Frozen

FILE_NAME = "publishing.json"
"""The file of a release that holds its `Publishing`; a release without accepted gates has none."""


class AcceptedGate(Frozen):
    """A closed gate of the audit that the maintainer lets pass, as it was when that was said."""

    name: str
    """Id of the gate."""
    measure: str
    """What was measured."""
    value: float
    """What was found: a later audit that finds more is not covered."""
    limit: float
    """The most that the gate allows."""
    why: str = Field(min_length=1)
    """The maintainer's reason, which stands on the card."""


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

"""The gates that a maintainer accepts for a release, and the record of where a folder was published."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, field_validator

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
    """The measure."""
    value: float | None
    """The accepted value: a later audit with a worse one is not covered; null if the gate could not tell."""
    limit: float
    """The limit of the gate."""
    why: str = Field(min_length=1)
    """The maintainer's reason, which stands on the card."""
    outcome: Outcome = "failed"
    """The accepted outcome: accepting a gate that could not tell does not cover one that fails."""

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


# What people may say on a release's card beside what the release computes: a few keys of its YAML, and a text.


MAINTAINERS_FILE = "maintainers.md"
"""The file of a release that holds it: YAML between lines of dashes, then Markdown; a release may be without."""

MOST_CHARACTERS = 20_000
"""Largest size of the text."""

_Line = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f<>\u202a-\u202e\u2066-\u2069]+$")
]
# No colon but after `arxiv` and `doi`: the Hub reads `license:mit` or `language:de` in a tag as what the card states.
_Tag = Annotated[
    str,
    StringConstraints(
        max_length=100, pattern=r"^(?:(?:arxiv:\d{4}\.\d{4,5}(?:v\d+)?|doi:10\.\d{4,9}/[\w.()/-]+)|\w[\w ./+-]*)$"
    ),
]
_Id = Annotated[str, StringConstraints(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9._/-]*$")]
_Link = Annotated[str, StringConstraints(max_length=500, pattern=r"^https://[^\s<>\"'`\\]+$")]
_Doi = Annotated[str, StringConstraints(max_length=200, pattern=r"^10\.\d{4,9}/[^\s<>\"'`\\]+$")]


class Maintainers(Frozen):
    """Additions of the maintainers to a card; of the computed keys, only `tags` and `pretty_name` are among them."""

    tags: tuple[_Tag, ...] = Field(default=(), max_length=50)
    """Tags beside those that every release has."""
    pretty_name: _Line | None = None
    """The name that the Hub shows."""
    language_details: _Line | None = None
    language_bcp47: tuple[_Id, ...] = Field(default=(), max_length=50)
    multilinguality: tuple[_Id, ...] = Field(default=(), max_length=50)
    task_ids: tuple[_Id, ...] = Field(default=(), max_length=50)
    paperswithcode_id: _Id | None = None
    doi: _Doi | None = None
    homepage: _Link | None = None
    repository: _Link | None = None
    paper: _Link | None = None
    leaderboard: _Link | None = None
    point_of_contact: _Line | None = None
    text: str = Field(default="", max_length=MOST_CHARACTERS)
    """Markdown of the card's section for it, without its heading."""

    # The Hub takes one word for a list of one.
    @field_validator("tags", "language_bcp47", "multilinguality", "task_ids", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return [value] if isinstance(value, str) else value


HEAD_KEYS = tuple(name for name in Maintainers.model_fields if name != "text")
"""The keys of the card's YAML that people may set."""

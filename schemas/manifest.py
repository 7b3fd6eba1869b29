"""The manifest of a release: enough to rebuild it, and no number typed by hand."""

from typing import Any, ClassVar, Literal

from pydantic import Field, JsonValue, field_validator

from .base import Frozen, Grown
from .config import Config
from .dialogue import Split
from .drops import DropReason
from .files import fault_of_name
from .inference import ModelRef, Role, Task, TokenLimits
from .safety import PiiKind
from .spec import BuildSpec

MANIFEST_FILE = "manifest.json"


class SourceRecord(Grown):
    """A source as it was read."""

    # Fields that later packages added are left out where they are unset: so a manifest that an earlier package wrote
    # keeps its bytes when it is written again.
    gained: ClassVar[tuple[str, ...]] = ("masked",)

    name: str
    """Its name in rows."""
    uri: str
    """Its name in the command, without folders."""
    kind: str
    """The shape that was recognised."""
    sha256: str
    """Digest of its bytes."""
    revision: str | None
    """Commit of a Hub source."""
    license: str
    """Its licence."""
    dialogues: int = Field(ge=0)
    """Dialogues taken in."""
    turns: int = Field(ge=0)
    """Turns taken in."""
    skipped: dict[str, int]
    """Dialogues left out with `--on-bad-dialogue skip`, or for the personal data in them, by what was wrong."""
    masked: dict[PiiKind, int] = Field(default_factory=dict)
    """Traces of persons that were masked, by kind."""


class BenchmarkRecord(Frozen):
    """A benchmark that the release was kept apart from."""

    name: str
    """The file's, folder's or repo's name; never a path."""
    sha256: str
    """Digest of its bytes."""
    texts: int = Field(ge=0)
    """Texts in it."""
    dialogues: int = Field(ge=0)
    """Dialogues that overlap with it; they give no rows."""


class ModelRecord(Frozen):
    """A model that answered."""

    ref: ModelRef
    kind: Literal["corpus", "openai", "reward", "scripted"]
    """`corpus`: embedded, no network; `openai`: an OpenAI-compatible endpoint; `reward`: a reward model that labelled
    steps in the process of the build; `scripted`: a test's."""
    facts: dict[str, JsonValue] = Field(default_factory=dict)
    """Measured facts about it, for the card."""


class ConfigCounts(Frozen):
    """Rows and drops of a config; `candidates` is their sum."""

    candidates: int = Field(ge=0)
    rows: dict[Split, int]
    """Rows by split."""
    dropped: dict[DropReason, int]
    """Candidates that became no row, by reason."""

    @property
    def conserved(self) -> bool:
        """Whether every candidate is a row or a drop."""
        return self.candidates == sum(self.rows.values()) + sum(self.dropped.values())


class Usage(Frozen):
    """The calls and tokens of a role."""

    calls: int = 0
    """Distinct calls that are in `completions`."""
    failed: int = 0
    """Those that gave no reply."""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class FileRecord(Frozen):
    """One file of the release."""

    sha256: str
    bytes: int
    rows: int | None = None
    """Rows, where it is a table."""
    rows_sha256: str | None = None
    """Digest of the rows in canonical form, where it is a table: it holds whatever wrote the Parquet."""


class ReusedRecord(Frozen):
    """An earlier release that answered requests in the models' place."""

    name: str
    """`ORG/NAME[@TAG]`, or a folder's name; never a path."""
    version: str
    sha256: str
    """Digest over its tables."""
    calls: dict[Role, int]
    """Distinct calls that it answered, by role; the models did not get these."""


class AnswersRecord(Frozen):
    """How many answers of one model to one task were usable; every distinct call counts once."""

    role: Role
    task: Task
    model: str
    """Name and revision."""
    calls: int = Field(ge=0)
    """Calls that were settled: a reply came, or a failure that stands."""
    usable: int = Field(ge=0)
    """Those of them whose answer the task could use."""
    unusable: dict[str, int]
    """The others by reason: a `FailureReason` where the call failed, a `DropReason` where a reply came."""
    message: str | None
    """The most frequent error message or fault of the unusable ones; null without any."""


class RunRecord(Grown):
    """How the build went; the only part of a manifest that a rebuild cannot make again."""

    gained: ClassVar[tuple[str, ...]] = ("reused", "answers", "accept_failures")

    started: str
    """UTC, ISO 8601."""
    wall_s: float
    """Seconds, of all runs of the command that made the release."""
    cost_usd: float | None
    """By the price table; null where a model has no price there."""
    python: str
    packages: dict[str, str]
    """Versions of the libraries that decide bytes or answers."""
    git: str | None
    """Commit of the code, with `+dirty` where it had changes; null outside a checkout."""
    endpoints: dict[str, Any] = Field(default_factory=dict)
    """Per model: retries and what they were for."""
    reused: tuple[ReusedRecord, ...] = ()
    """The releases whose answers this build reused, in the order of the lookups."""
    answers: tuple[AnswersRecord, ...] = ()
    """Usable and unusable answers, by task and model."""
    accept_failures: float | None = None
    """The share of unusable answers that the maintainer accepted with `--accept-failures`; null where none was."""


class Manifest(Grown):
    """The manifest of one release."""

    gained: ClassVar[tuple[str, ...]] = ("benchmarks", "repo", "tokens")

    format: Literal[1] = 1
    version: str
    spec: BuildSpec
    """The spec as resolved: with the sources that were read."""
    spec_sha256: str
    """Digest of the spec as released, before its sources were replaced."""
    prompts: dict[str, str]
    """Prompt ids and the SHA-256 of their files."""
    limit: int | None
    """Dialogues after which the build stopped reading, where `--limit` was given."""
    sources: tuple[SourceRecord, ...]
    benchmarks: tuple[BenchmarkRecord, ...] = ()
    """The benchmarks of `--decontaminate`."""
    models: dict[Role, tuple[ModelRecord, ...]]
    tokens: dict[Role, TokenLimits] = Field(default_factory=dict)
    """The token limits of roles that the command changed; part of every request's key in that role."""
    license: str
    """Id of the licence that the release is under, or of ours that says why it must not be passed on."""
    repo: str | None = None
    """`ORG/NAME` on the Hub, for the lines on the card that load it; null until it is set."""
    counts: dict[Config, ConfigCounts]
    usage: dict[Role, Usage]
    files: dict[str, FileRecord]
    """Every file but the manifest itself, by its path in the release."""
    run: RunRecord

    # A manifest may come from outside: every file that it lists must be inside the release.
    @field_validator("files")
    @classmethod
    def _names_are_plain(cls, files: dict[str, FileRecord]) -> dict[str, FileRecord]:
        for name in files:
            if fault := fault_of_name(name):
                raise ValueError(f"{name[:120]!r} is not a name of a file of a release: {fault}")
            if name == MANIFEST_FILE:
                raise ValueError(f"{MANIFEST_FILE} cannot list itself")
        return files

"""The spec of a release: everything but the models that decides its rows."""

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from .base import Frozen
from .error_type import ErrorType
from .inference import Role, Sampling

VERSION = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$"
"""A semantic version without labels: MAJOR.MINOR.PATCH."""


class SourceRef(Frozen):
    """A source that a spec or a command names."""

    uri: str = Field(min_length=1)
    """`sample`, a path, a Hub id with or without `@revision`, each with or without `kind:` before it."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """What its bytes must hash to, where that is fixed."""
    license: str | None = None
    """The licence that the maintainer states, where the source itself states none."""


class Inference(Frozen):
    """How one role is asked."""

    prompt: str = Field(pattern=r"^[a-z_]+/[a-z_]+@\d+$")
    """Id of the prompt, `role/name@n`."""
    draws: int = Field(ge=1)
    """Replies asked for at every turn, each its own request."""
    sampling: Sampling


class SplitRule(Frozen):
    """How dialogues are shared out; see `builders.release.splits`."""

    salt: str = Field(min_length=1)
    """Hashed in with a dialogue's content, so that another rule shares out otherwise."""
    validation: float = Field(ge=0, lt=1)
    """Share of dialogues; what `validation` and `test` leave is `train`."""
    test: float = Field(ge=0, lt=1)
    """Share of dialogues."""
    near_duplicate: float = Field(gt=0, le=1)
    """Jaccard similarity of word triples from which two dialogues stay in one split."""

    @model_validator(mode="after")
    def _leave_some(self) -> "SplitRule":
        if self.validation + self.test >= 1:
            raise ValueError("validation and test leave nothing for train")
        return self


class BuildSpec(Frozen):
    """One release's recipe, complete in itself; two equal specs over the same answers give equal rows."""

    version: str = Field(pattern=VERSION)
    """The version of the release that it makes."""
    notes: str = Field(min_length=10)
    """What this version is and what changed, for the card and the changelog."""
    sources: tuple[SourceRef, ...] = Field(min_length=1)
    """The default sources; `--source` replaces them."""
    seed: int = Field(ge=0, lt=2**63)
    """All request seeds derive from it."""
    planner: Inference
    responder: Inference
    joint: Inference
    judge: Inference
    errors: tuple[ErrorType, ...] = Field(min_length=1)
    """The errors that the judge looks for."""
    steps: tuple[str, ...] = Field(min_length=1)
    """Released step ids, `name@n`, in the order in which a candidate meets them."""
    splits: SplitRule
    gates: dict[str, float] = Field(default_factory=dict)
    """The most that each gate of `audit` allows, by its name; where none is given the audit's own defaults hold."""

    @model_serializer(mode="wrap")
    def _without_empty_gates(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A spec without gates is written as before there were any: what was released keeps its bytes."""
        written: dict[str, Any] = handler(self)
        if not written.get("gates", True):
            del written["gates"]
        return written

    def inference(self, role: Role) -> Inference:
        """How `role` is asked."""
        return {
            Role.PLANNER: self.planner,
            Role.RESPONDER: self.responder,
            Role.JOINT: self.joint,
            Role.JUDGE: self.judge,
        }[role]

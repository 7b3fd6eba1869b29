"""The spec of a release, everything but the models that decides its rows, and the arithmetic of its versions."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from .base import Frozen, Grown
from .error_type import ErrorType
from .errors import UsageError
from .inference import Sampling, Task
from .steps import StepDefinition

VERSION = r"^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$"
"""A semantic version without labels: MAJOR.MINOR.PATCH."""


class SourceRef(Frozen):
    """A source that a spec or a command names."""

    uri: str = Field(min_length=1)
    """`sample`, a path, a Hub id with or without `@revision`, each with or without `kind:` before it."""
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    """The required digest of its bytes, if it is fixed."""
    license: str | None = None
    """The licence that the maintainer states, where the source itself states none."""


class Inference(Frozen):
    """The prompt, the number of replies and the sampling of one task."""

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
        # A release without training rows is no release, and a sum above 1 would silently shorten `validation`.
        if self.validation + self.test >= 1:
            raise ValueError("validation and test leave nothing for train")
        return self


class SafetyRule(Grown):
    """The treatment of personal data and of signs of a crisis; see `builders.safety`."""

    gained: ClassVar[tuple[str, ...]] = ("personal_data_rules",)

    personal_data: Literal["keep", "mask", "drop"] = "keep"
    """`mask` puts placeholders in their place before anything else is done; `drop` leaves such dialogues out."""
    personal_data_rules: Literal[1, 2] = 1
    """Which rules find them, in dialogues and in what models say; see `builders.safety.personal_data`."""
    crisis: Literal["keep", "hold_out"] = "keep"
    """`hold_out` puts dialogues with signs of a crisis into `crisis_holdout` and makes nothing else of them."""


class BalanceRule(Frozen):
    """Limits on how far the filter may shift the shares of strategies (see `builders.building._corpus_filters`)."""

    spread: float = Field(gt=0, le=3)
    """The most that the shares kept of the strategies may spread: their standard deviation over their mean."""
    least: float = Field(ge=0, le=1)
    """No strategy is cut below this part of the share kept of all, however little is kept of another."""
    duel: float = Field(ge=1)
    """Share kept of the pairs in which one strategy beats another, over that of the opposite pairs, at most."""


class ReasoningRule(Frozen):
    """How traces are labelled, paired and weighed (our own design; see `builders.reasoning`)."""

    prompt: str = Field(pattern=r"^[a-z_]+/[a-z_]+@\d+$")
    """Id of the prompt in the rows: it asks for the text form, while the reasoner itself is asked for JSON."""
    rules: tuple[str, ...] = ()
    """Released ids of the rules that contradict a step, `name@n`; a step that one contradicts is wrong."""
    process_gap: float = Field(gt=0, le=1)
    """How much higher the chosen trace's process score is, at least, where a pair is one by process."""
    outcome_gap: float = Field(gt=0, le=1)
    """The same of the outcome."""
    near_repeat: float = Field(gt=0, le=1)
    """Jaccard similarity of word triples from which rows repeat each other and share one weight."""


class BuildSpec(Grown):
    """One release's recipe, complete in itself; two equal specs over the same answers give equal rows."""

    # Each field that was added after 1.0.0 is left out of the JSON where it has its default: the digest of a released
    # spec is recorded in its lock, and must not change with the package.
    gained: ClassVar[tuple[str, ...]] = (
        "strategy_judge",
        "crisis_judge",
        "rewriter",
        "layout",
        "safety",
        "drop_repeated_dialogues",
        "near_duplicate_pairs",
        "overlap_words",
        "balance",
        "gates",
        "reasoner",
        "step_judge",
        "stylist",
        "style_judge",
        "reasoning",
    )

    version: str = Field(pattern=VERSION)
    """The version of the release that it makes."""
    notes: str = Field(min_length=10)
    """A description of this version and its changes, for the card and the changelog."""
    sources: tuple[SourceRef, ...] = Field(min_length=1)
    """The default sources; `--source` replaces them."""
    seed: int = Field(ge=0, lt=2**63)
    """All request seeds derive from it."""
    planner: Inference
    responder: Inference
    joint: Inference
    judge: Inference
    strategy_judge: Inference | None = None
    """Where strategies are judged too."""
    crisis_judge: Inference | None = None
    """Where a judge looks for signs of a crisis beside the rules; the embedded judge does not."""
    rewriter: Inference | None = None
    """Where flawed human replies may be rewritten, if the command asks for it."""
    reasoner: Inference | None = None
    """Where replies are reasoned out in steps."""
    step_judge: Inference | None = None
    """Where these steps are judged."""
    stylist: Inference | None = None
    """Where their replies may be rewritten under a personality, if the command names a stylist."""
    style_judge: Inference | None = None
    """Where these rewritings are judged."""
    errors: tuple[ErrorType, ...] = Field(min_length=1)
    """The errors that the judge looks for, the most serious first."""
    steps: tuple[str, ...] = Field(min_length=1)
    """Released step ids, `name@n`, in the order in which a candidate meets them."""
    splits: SplitRule
    layout: Literal[1, 2, 3, 4] = 1
    """Which columns the rows have; see `schemas.rows`."""
    safety: SafetyRule = SafetyRule()
    drop_repeated_dialogues: bool = False
    """Whether a dialogue that nearly repeats an earlier one (`splits.near_duplicate`) gives rows."""
    near_duplicate_pairs: float | None = Field(default=None, gt=0, le=1)
    """Jaccard similarity of word triples from which two pairs are one; for the step that drops them."""
    overlap_words: int | None = Field(default=None, ge=4)
    """Words in a row that a dialogue may not share with a benchmark; null where none can be named."""
    balance: BalanceRule | None = None
    """For the step that caps strategies."""
    gates: dict[str, float] = Field(default_factory=dict)
    """The limit of each gate of `audit`, by name: the most, or for `rows` the least. Without an entry, the audit's
    own defaults hold; `rows` and `self_judging` hold in any case, at their defaults where they are not given."""

    reasoning: ReasoningRule | None = None
    """The rules for traces, if the release has them."""

    def has_step(self, step: StepDefinition) -> bool:
        """Whether this release takes the step."""
        return step.id in self.steps

    def inference(self, task: Task) -> Inference | None:
        """The inference of a task; None where this release does not have the task."""
        # Each field has the name of its task.
        found: Inference | None = getattr(self, task.value)
        return found


# Versions are semantic (https://semver.org), with rows as the interface; `Bump` says what each step promises. Unlike
# semver's item 4, the promises also hold below 1.0.0: a model may have been trained on such a release.


class Bump(StrEnum):
    """The kinds of version steps; each guarantees less to users of the earlier version than the one before it."""

    NONE = "none"
    """Nothing is different."""
    PATCH = "patch"
    """Every row is byte-equal; only the card, metadata or the files around the rows differ."""
    MINOR = "minor"
    """Every old row is byte-equal where it was; rows, columns or configs were added."""
    MAJOR = "major"
    """An old row changed, went, or went to another split."""

    def covers(self, needed: "Bump") -> bool:
        """Whether a step of this size is enough where `needed` is required; a larger one always is."""
        return _SIZES.index(self) >= _SIZES.index(needed)


_SIZES = tuple(Bump)


def largest(bumps: Iterable[Bump]) -> Bump:
    """The largest of some steps; `NONE` for an empty sequence."""
    return max(bumps, key=_SIZES.index, default=Bump.NONE)


@dataclass(frozen=True, order=True)
class Version:
    """A version; versions are in the order of their numbers."""

    major: int
    minor: int
    patch: int

    @classmethod
    def of(cls, text: str) -> "Version":
        """The version that `text` states.

        Raises:
            UsageError: it states none.
        """
        found = re.fullmatch(VERSION, text, re.ASCII)
        if found is None:
            raise UsageError(f"{text!r} is not a version: give MAJOR.MINOR.PATCH, such as 1.2.0")
        return cls(*(int(number) for number in found.groups()))

    def after(self, bump: Bump) -> "Version":
        """The smallest version that is `bump` or more above this one; itself for none."""
        match bump:
            case Bump.NONE:
                return self
            case Bump.PATCH:
                return Version(self.major, self.minor, self.patch + 1)
            case Bump.MINOR:
                return Version(self.major, self.minor + 1, 0)
            case Bump.MAJOR:
                return Version(self.major + 1, 0, 0)

    def bump_to(self, new: "Version") -> Bump | None:
        """The step from this version to `new`; None where `new` is below."""
        # A version below is never "no step": publishing it would move what users get by default backwards.
        if new < self:
            return None
        if new.major > self.major:
            return Bump.MAJOR
        if new.minor > self.minor:
            return Bump.MINOR
        return Bump.PATCH if new.patch > self.patch else Bump.NONE

    def allows(self, new: "Version", needed: Bump) -> bool:
        """Whether `new` may come after this version where the difference needs a step of `needed`."""
        stated = self.bump_to(new)
        return stated is not None and stated.covers(needed)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

"""Layout 2: judges compare both sides, blind and in both orders, and vote; crisis dialogues have their own config.

The votes, margins and measures of closeness are our own design.
"""

from typing import Literal

from pydantic import Field

from ..base import Frozen
from ..drops import EarlyDropReason
from ..error_type import ErrorType
from ..inference import Task
from ..safety import CrisisCategory, CrisisForm
from ..strategy import Strategy
from . import common
from .common import InferredBy, Messages, Row

Side = Literal["chosen", "rejected"]


class Judgement(Frozen):
    """One judge's answer to one order of the two sides; the judge did not know which of them is human."""

    order: Literal["chosen_first", "rejected_first"]
    """Which side stood as A."""
    better: Literal["chosen", "rejected", "tie"] | None
    """The side that it prefers; null where the reply could not be read."""
    chosen_error: ErrorType | None
    """The error found in the chosen side; null where none was, and where the reply could not be read."""
    rejected_error: ErrorType | None
    """The same of the rejected side."""
    rationale: str | None
    """The judge's reason; null where the reply could not be read."""
    problem: str | None
    """Why there is no verdict: `failed: …` or what is wrong with the reply; null where there is one."""
    raw: str | None
    """The judge's reply as it came; null where the call failed."""
    model: str
    """The judge."""
    revision: str | None
    """Its revision, where one is known."""
    draw: int
    """The number of the reply among several of this judge, from 0."""
    prompt: str
    """Id of the judging prompt."""
    request_key: str
    """Key of the judging call in `completions`."""


class Panel(Frozen):
    """The joint result of the judges of a pair."""

    judges: int
    """How many voted: judges times draws, each with both orders."""
    votes: int
    """How many found, in both orders, the chosen side sound, an error in the rejected side, and the chosen better."""
    margin: float
    """Votes for less votes against, as a share of all: -1 to 1; a pair is kept above 0."""
    confidence: float
    """Share of single answers that say just what the panel concludes, smoothed as (agreeing + 1) / (answers + 2)."""


class Closeness(Frozen):
    """How close the rejected side is to the chosen one: the closer, the harder the negative. All 0 to 1."""

    length: float
    """Words of the shorter side over words of the longer."""
    style: float
    """1 less half the absolute difference of the shares of function words and marks."""
    meaning: float
    """Cosine of the counts of all other words."""


class Rewrite(InferredBy):
    """The chosen side is not the human's own words but a model's rewriting of them, under the same strategy."""

    original: str
    """The human's words."""
    error: ErrorType
    """The error that the judges found in it."""


class Pair(Row):
    """A preference: the human's choice against one that is worse in a known way.

    The rejected side is harmful by design.
    """

    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    prompt: Messages
    """The messages before the reply."""
    chosen: Messages
    """The human supporter's side, one assistant message; see `rewrite`."""
    rejected: Messages
    """The inferred side, one assistant message: not to be imitated."""
    rejected_error: ErrorType
    """The error of the rejected side that most answers name."""
    panel: Panel
    """The joint result of the judges."""
    judgements: tuple[Judgement, ...]
    """Every judge's answer to either order."""
    closeness: Closeness | None
    """How close the sides are; null where they are not replies."""
    rewrite: Rewrite | None
    """Where the chosen side was rewritten, by whom and why; null where it is the human's own."""


class StrategyRow(Pair):
    """A planner's pair: which strategy to take, without the words."""

    chosen_strategy: Strategy
    """The human's strategy."""
    rejected_strategy: Strategy
    """The planner's, one that the judges find a mismatch for this moment."""
    planner: InferredBy
    """The planner's call."""


class ResponseRow(Pair):
    """A responder's pair: which words to use under one and the same strategy."""

    strategy: Strategy
    """The strategy of both sides."""
    responder: InferredBy
    """The responder's call."""


class JointRow(Pair):
    """A pair of the entangled baseline: strategy and words together, as `[Strategy] reply`."""

    chosen_strategy: Strategy
    """The human's strategy."""
    rejected_strategy: Strategy
    """The joint model's, the same or another."""
    joint: InferredBy
    """The joint model's call."""


class DroppedRow(Row):
    """A candidate that became no row."""

    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    config: Literal["strategy", "response", "joint", "strategy_sft", "response_sft", "joint_sft"]
    """The config that it was a candidate of."""
    reason: EarlyDropReason
    """Why it was dropped."""
    detail: str
    """Details of the drop; may be empty."""
    strategy: Strategy
    """The human's strategy at this turn."""
    human: str
    """The human supporter's words; empty where the dialogue is held out for a crisis."""
    reply: str | None
    """The inferred reply as it came; null if there is none."""
    panel: Panel | None
    """The joint result of the judges, if all answered."""
    judgements: tuple[Judgement, ...]
    """Every judge's answer to either order; empty where none was asked."""
    closeness: Closeness | None
    """How close the sides are, where that was measured."""
    rewrite: Rewrite | None
    """Where the human's side was rewritten, by whom and why."""
    inferred_by: InferredBy | None
    """The call that the candidate came from; null for candidates of SFT configs and where none was made."""


class CompletionRow(common.Call):
    """A recorded model call. The request is not stored: spec and dialogue make it again, with the same key."""

    task: Task
    """The purpose of the call; about the whole dialogue if `turn` is null."""


class DialogueRow(common.DialogueRow):
    """A normalised source dialogue; with `completions`, all that a rebuild needs."""

    repeats: str | None
    """Id of an earlier dialogue that this one nearly repeats; it then gives no rows."""
    contaminated_by: str | None
    """The benchmark that it overlaps with, of those that the maintainer named; it then gives no rows."""


class FoundCrisis(Frozen):
    """One sign of a crisis, and who saw it."""

    turn: int | None
    """Index of the seeker turn in the dialogue, from 0; null if it is in the situation or its place is unknown."""
    category: CrisisCategory | None
    """The kind of crisis; null if a judge's answer could not be read."""
    form: CrisisForm | None
    """How it is said, as the rules see it; null where a judge saw it."""
    rule: str | None
    """The written rule that holds; null where a judge saw it."""
    said_to_be_past: bool
    """Whether the words place it in the past."""
    judge: str | None
    """The judge that saw it; null where a rule did."""
    rationale: str | None
    """The judge's reason."""
    raw: str | None
    """The judge's reply as it came; null where a rule saw it or the call failed."""
    request_key: str | None
    """Key of the judge's call in `completions`."""


class CrisisRow(DialogueRow):
    """A dialogue in which a seeker may be in a crisis: held out of all training, for human eyes to sign off."""

    findings: tuple[FoundCrisis, ...] = Field(min_length=1)
    """Every sign that was seen."""

"""The rows of structured empathetic reasoning, and what layout 3 adds to layout 2 for them.

The configs follow PEER's SER (arXiv 2508.09521: traces with step-level labels and pairwise preferences); their columns,
the votes, the scores and the weights were not published and are our own design.
"""

from typing import Literal

from pydantic import Field

from ..base import Frozen
from ..emotion import Emotion, Profile
from ..strategy import Strategy
from ..trace import Step
from . import layout_2
from .common import InferredBy, Messages, Row


class PersonalityRewrite(InferredBy):
    """The reply is a model's rewriting under a personality; the steps before it are as they were."""

    profile: Profile
    """The personality that the wording follows."""
    original: str
    """The reply before."""


class StepJudgement(Frozen):
    """One judge's answer about the four steps of one trace; it did not know who wrote them."""

    labels: tuple[bool, ...]
    """Whether each step is right, in the order of the steps; empty where the reply could not be read."""
    rationales: tuple[str, ...]
    """The judge's reasons, likewise."""
    problem: str | None
    """Why there are no labels: `failed: …` or what is wrong with the reply; null where there are."""
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


class StepPanel(Frozen):
    """The finding on one step of a trace."""

    step: Step
    """Which."""
    label: bool
    """Whether it is right: no rule contradicts it, and most votes are for it."""
    rule: str | None
    """The written rule that contradicts it; it is then wrong whatever the votes say."""
    votes: int
    """How many voted; of the strategy, the human's choice is one vote where it is the same."""
    votes_for: int
    """How many of them find it right."""
    confidence: float
    """Share of the votes that say what the label says, smoothed as (agreeing + 1) / (votes + 2); 1 by a rule."""
    rationale: str
    """The reason of the first judge that says what the label says, or what the rule found."""


class ReasoningRow(Row):
    """A demonstration of a whole trace whose steps were all found right."""

    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    prompt: Messages
    """The messages before the reply, with instructions on the form of a trace."""
    completion: Messages
    """One assistant message: the trace in its text form."""
    emotion: Emotion
    """The seeker's, as the trace has it."""
    intensity: int = Field(ge=1, le=5)
    """The intensity of the emotion, from 1 to 5."""
    strategy: Strategy
    """The trace's."""
    human_strategy: Strategy | None
    """The human supporter's strategy here; null if the source names none."""
    weight: float = Field(gt=0, le=1)
    """The weight of the row in training: 1 over the number of rows that nearly repeat each other."""
    reasoner: InferredBy
    """The reasoner's call."""
    rewrite: PersonalityRewrite | None
    """Where the reply was rewritten, by whom and how; null where it is the trace's own."""


class ReasoningStepsRow(Row):
    """A trace with a label for every step, right or wrong: stepwise supervision."""

    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    prompt: Messages
    """The same as of `reasoning`."""
    completions: tuple[str, ...] = Field(min_length=4, max_length=4)
    """The texts of the four steps, in order; joined by line breaks they are the trace."""
    labels: tuple[bool, ...] = Field(min_length=4, max_length=4)
    """Whether each step is right, in order."""
    rationales: tuple[str, ...] = Field(min_length=4, max_length=4)
    """Why, in order."""
    panels: tuple[StepPanel, ...] = Field(min_length=4, max_length=4)
    """The finding on each step, in order."""
    judgements: tuple[StepJudgement, ...]
    """Every judge's answer."""
    emotion: Emotion
    """The seeker's, as the trace has it."""
    strategy: Strategy
    """The trace's."""
    human_strategy: Strategy | None
    """The human supporter's strategy here; null if the source names none."""
    weight: float = Field(gt=0, le=1)
    """The weight of the row in training: 1 over the number of rows that nearly repeat each other."""
    reasoner: InferredBy
    """The reasoner's call."""


class TraceScore(Frozen):
    """How right a trace is, by the votes on its steps."""

    process: float = Field(ge=0, le=1)
    """Mean over history, emotion and strategy of the share of votes for the step; 0 for one that a rule contradicts."""
    outcome: float = Field(ge=0, le=1)
    """The same share of the reply."""


class ReasoningPairRow(Row):
    """A preference between two traces of one moment; the rejected one is wrong by intent of the data."""

    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    prompt: Messages
    """The same as of `reasoning`."""
    chosen: Messages
    """One assistant message: the better trace in its text form."""
    rejected: Messages
    """One assistant message: the worse one; not to be imitated."""
    differs: Literal["process", "outcome", "both"]
    """Where the chosen trace is clearly better: in the steps before the reply, in the reply, or in both."""
    chosen_score: TraceScore
    """How right the chosen trace is."""
    rejected_score: TraceScore
    """How right the rejected trace is."""
    chosen_strategy: Strategy
    """The chosen trace's."""
    rejected_strategy: Strategy
    """The rejected trace's; may be the same."""
    human_strategy: Strategy | None
    """The human supporter's strategy here; null if the source names none."""
    weight: float = Field(gt=0, le=1)
    """The weight of the row in training: 1 over the number of rows that nearly repeat each other."""
    chosen_reasoner: InferredBy
    """The call that the chosen trace came from."""
    rejected_reasoner: InferredBy
    """The call that the rejected trace came from."""


class DroppedRow(layout_2.DroppedRow):
    """A candidate that became no row; of reasoning, `reply` is the trace and `detail` says which step is wrong."""

    config: Literal[
        "strategy",
        "response",
        "joint",
        "strategy_sft",
        "response_sft",
        "joint_sft",
        "reasoning",
        "reasoning_steps",
        "reasoning_pairs",
    ]  # type: ignore[assignment]
    """The config that it was a candidate of."""
    strategy: Strategy | None  # type: ignore[assignment]
    """The human's strategy at this turn; null where the source names none."""

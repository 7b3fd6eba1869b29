"""Layout 1: a judge looks at each side by itself, so a pair has two verdicts."""

from typing import Literal

from ..base import Frozen
from ..drops import EarlyDropReason
from ..error_type import ErrorType
from ..strategy import Strategy
from . import common
from .common import InferredBy, Messages, Row


class JudgeRecord(Frozen):
    """A judge's word on one side of a pair, and where it came from."""

    error: ErrorType | None
    """The error found; null where none was, and where the reply could not be read."""
    rationale: str | None
    """The judge's reason; null where the reply could not be read."""
    raw: str | None
    """The judge's reply as it came; null where the call failed."""
    model: str
    """The judge."""
    revision: str | None
    """Its revision, where one is known."""
    prompt: str
    """Id of the judging prompt."""
    request_key: str
    """Key of the judging call in `completions`."""


class Pair(Row):
    """A preference: the human's choice against one that is worse in a known way.

    The rejected side is harmful by design.
    """

    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    prompt: Messages
    """The messages before the reply."""
    chosen: Messages
    """The human supporter's side, one assistant message."""
    rejected: Messages
    """The inferred side, one assistant message: not to be imitated."""
    rejected_error: ErrorType
    """The error of the rejected side."""
    chosen_verdict: JudgeRecord | None
    """The judge on the chosen side; null where the spec asks no judge."""
    rejected_verdict: JudgeRecord | None
    """The judge on the rejected side; null where the spec asks no judge."""


class StrategyRow(Pair):
    """A planner's pair: which strategy to take, without the words."""

    chosen_strategy: Strategy
    """The human's strategy."""
    rejected_strategy: Strategy
    """The planner's, another one."""
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
    """The human supporter's words."""
    reply: str | None
    """The inferred reply as it came; null if there is none."""
    chosen_verdict: JudgeRecord | None
    """The judge on the human's side, where it was asked."""
    rejected_verdict: JudgeRecord | None
    """The judge on the inferred side, where it was asked."""
    inferred_by: InferredBy | None
    """The call that the candidate came from; null for candidates of SFT configs and where none was made."""


class CompletionRow(common.Call):
    """A recorded model call. The request is not stored: spec and dialogue make it again, with the same key."""

    turn: int
    """Index of the supporter turn in the dialogue, from 0."""

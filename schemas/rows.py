"""The columns of every config: the contract that labs train on.

`prompt`, `chosen`, `rejected` and `completion` are TRL's explicit-prompt conversational form, lists of
`{"role", "content"}`; the sides of a pair hold the reply alone. Every other column is a scalar or a struct of scalars.
"""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from .base import Frozen, digest_of
from .config import PAIR_CONFIGS, SFT_CONFIGS, Config
from .dialogue import Cue, Speaker, Split
from .drops import DropReason
from .error_type import ErrorType
from .inference import FailureReason, Message, Role
from .strategy import Strategy

Messages = tuple[Message, ...]


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


class InferredBy(Frozen):
    """The call that the rejected side came from."""

    model: str
    """The model's name."""
    revision: str | None
    """Its revision, where one is known."""
    draw: int
    """The number of the reply among several to the same question, from 0."""
    request_key: str
    """Key of the call in `completions`."""


class Row(Frozen):
    """What every row has."""

    row_id: str
    """32 hexadecimal digits; the same candidate has the same id in every version."""
    dialogue_id: str
    """Digest of who said what in the dialogue."""
    turn: int | None
    """Index of the supporter turn in the dialogue, from 0; null where the row is a whole dialogue."""
    source: str
    """The corpus that the dialogue came from."""
    license: str
    """The source's licence."""


class Pair(Row):
    """A preference: the human's choice against one that is worse in a known way.

    The rejected side is harmful by design.
    """

    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    prompt: Messages
    """What comes before the reply."""
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


class SftRow(Row):
    """A demonstration: what the human supporter did here."""

    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    prompt: Messages
    """What comes before the reply."""
    completion: Messages
    """One assistant message."""
    strategy: Strategy
    """The human's strategy."""


class DroppedRow(Row):
    """A candidate that became no row."""

    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    config: Literal["strategy", "response", "joint", "strategy_sft", "response_sft", "joint_sft"]
    """The config that it was a candidate of."""
    reason: DropReason
    """Why it was dropped."""
    detail: str
    """What exactly was wrong; may be empty."""
    strategy: Strategy
    """The human's strategy at this turn."""
    human: str
    """The human supporter's words."""
    reply: str | None
    """The inferred reply as it came; null where there is none."""
    chosen_verdict: JudgeRecord | None
    """The judge on the human's side, where it was asked."""
    rejected_verdict: JudgeRecord | None
    """The judge on the inferred side, where it was asked."""
    inferred_by: InferredBy | None
    """The call that the candidate came from; null for candidates of SFT configs and where none was made."""


class CompletionRow(Row):
    """A recorded model call. The request is not stored: spec and dialogue make it again, with the same key."""

    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    request_key: str
    """SHA-256 of all that decides the answer."""
    role: Role
    """What the model was asked to be."""
    model: str
    """The model's name."""
    revision: str | None
    """Its revision, where one is known."""
    draw: int
    """The number of the reply among several to the same question, from 0."""
    reply: str | None
    """The reply as it came; null where the call failed."""
    finish_reason: str | None
    """Why the reply ended, in the endpoint's words; null where the call failed."""
    failure: FailureReason | None
    """Why there is no reply; null where there is one."""
    failure_detail: str | None
    """What the endpoint or the network said."""
    prompt_tokens: int
    """As the endpoint counted them; 0 where it did not."""
    completion_tokens: int
    """As the endpoint counted them; 0 where it did not."""
    structured: bool
    """Whether the endpoint held the reply to a JSON Schema."""


class TurnStruct(Frozen):
    """One turn of a source dialogue."""

    speaker: Speaker
    """Who speaks."""
    text: str
    """The words."""
    strategy: Strategy | None
    """The support strategy, of supporter turns."""
    cues: tuple[Cue, ...]
    """Non-verbal signs, of seeker turns."""


class DialogueRow(Row):
    """A normalised source dialogue; with `completions`, all that a rebuild needs."""

    position: int = Field(ge=0)
    """Its place among all dialogues of the release, in source order, from 0."""
    own_split: Split | None
    """The split that the source itself put it in, where it has one."""
    problem: str | None
    """What the seeker struggles with, in the source's words."""
    emotion: str | None
    """The seeker's main emotion, in the source's words."""
    situation: str | None
    """The seeker's own summary."""
    withheld: bool
    """Whether the source's licence forbids passing the turns on; `turns` is then empty and the id alone remains."""
    turns: tuple[TurnStruct, ...]
    """Every turn, in order."""


ROWS: dict[Config, type[Row]] = {
    Config.STRATEGY: StrategyRow,
    Config.RESPONSE: ResponseRow,
    Config.JOINT: JointRow,
    Config.STRATEGY_SFT: SftRow,
    Config.RESPONSE_SFT: SftRow,
    Config.JOINT_SFT: SftRow,
    Config.DROPPED: DroppedRow,
    Config.COMPLETIONS: CompletionRow,
    Config.DIALOGUES: DialogueRow,
}
"""The row schema of every config, in the order in which cards and tables name them."""


def row_id(config: Config, dialogue_id: str, turn: int | None, *what: object) -> str:
    """The id of a row: 128 bits of a digest over its config, its place and `what` tells it from its neighbours.

    A pair is told by the request and its answer, a dropped candidate likewise; an SFT row by its place alone. So a
    candidate that one version drops and the next keeps has one id, and a reply that was drawn anew has a new one.
    """
    return digest_of([config, dialogue_id, turn, *what])[:32]


def content_id_of(config: Config, row: Mapping[str, Any]) -> str:
    """The id of a row that is told by its whole content: of `completions` and `dialogues`, which a rebuild starts from.

    So no cell of these changes without its row being told. `row` has every column of the config but `row_id`, in order.
    """
    return row_id(config, row["dialogue_id"], row["turn"], *row.values())


CANDIDATE_CONFIGS = (*PAIR_CONFIGS, *SFT_CONFIGS)
"""The configs whose candidates are conserved: each becomes a row there or a row of `dropped`."""

"""The parts that rows of every layout share: place, messages, demonstrations, calls and dialogues."""

from pydantic import Field

from ..base import Frozen
from ..dialogue import Cue, Speaker, Split
from ..inference import FailureReason, Message, Role
from ..strategy import Strategy

Messages = tuple[Message, ...]


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
    """The columns of every row."""

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


class SftRow(Row):
    """A demonstration: what the human supporter did here."""

    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    prompt: Messages
    """The messages before the reply."""
    completion: Messages
    """One assistant message."""
    strategy: Strategy
    """The human's strategy."""


class Call(Row):
    """The record of a model call in every layout."""

    request_key: str
    """SHA-256 of all that decides the answer."""
    role: Role
    """The role of the model."""
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
    """The error message of the endpoint or the network."""
    prompt_tokens: int
    """As the endpoint counted them; 0 where it did not."""
    completion_tokens: int
    """As the endpoint counted them; 0 where it did not."""
    structured: bool
    """Whether the endpoint held the reply to a JSON Schema."""


class TurnStruct(Frozen):
    """One turn of a source dialogue."""

    speaker: Speaker
    """The speaker."""
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
    """The seeker's problem, in the source's words."""
    emotion: str | None
    """The seeker's main emotion, in the source's words."""
    situation: str | None
    """The seeker's own summary."""
    withheld: bool
    """Whether the source's licence forbids passing the turns on; `turns` is then empty and the id alone remains."""
    turns: tuple[TurnStruct, ...]
    """Every turn, in order."""

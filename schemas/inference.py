"""A request to a model and its outcome, with the key that ties the two together."""

import hashlib
from enum import StrEnum
from functools import cached_property
from typing import Any, Literal

from pydantic import Field, InstanceOf, field_validator
from typing_extensions import TypedDict

from .base import Frozen, canonical_json, digest_of
from .dialogue import Turn
from .emotion import Profile
from .error_type import ErrorType
from .strategy import Strategy
from .text import mend_half_pairs
from .trace import Trace


class Role(StrEnum):
    """The role that a model is asked to play."""

    PLANNER = "planner"
    RESPONDER = "responder"
    JOINT = "joint"
    JUDGE = "judge"
    REWRITER = "rewriter"
    """Optional: has models only where flawed human replies are to be rewritten."""
    REASONER = "reasoner"
    """Has models only where the release has reasoning traces."""
    STYLIST = "stylist"
    """Optional: has models only where replies are to be rewritten under a personality."""


class Task(StrEnum):
    """The purpose of a call; the spec says how each task is asked."""

    PLANNER = "planner"
    """Name a strategy."""
    RESPONDER = "responder"
    """Write a reply under a strategy."""
    JOINT = "joint"
    """Name a strategy and write a reply under it."""
    JUDGE = "judge"
    """Look for errors in one reply, or compare two."""
    STRATEGY_JUDGE = "strategy_judge"
    """Compare two strategies for one moment."""
    CRISIS_JUDGE = "crisis_judge"
    """Say whether a seeker may be in a crisis."""
    REWRITER = "rewriter"
    """Rewrite a flawed human reply under its strategy."""
    REASONER = "reasoner"
    """Reason in four steps; the last one is a reply."""
    STEP_JUDGE = "step_judge"
    """Say of each step of a trace whether it is right."""
    STYLIST = "stylist"
    """Rewrite a reply under a personality."""
    STYLE_JUDGE = "style_judge"
    """Say whether a rewriting keeps the strategy and the facts."""

    @property
    def role(self) -> Role:
        """The role whose models answer."""
        return _ROLES[self]


# Looked up for every request, many times over.
_ROLES = {task: Role.JUDGE if task.value.endswith("_judge") else Role(task.value) for task in Task}


class Message(TypedDict):
    """One chat message, exactly as it is sent and as rows hold it."""

    role: Literal["system", "user", "assistant"]
    """The speaker."""
    content: str
    """The words."""


class Sampling(Frozen):
    """How a reply is drawn."""

    temperature: float = Field(ge=0, le=2)
    """0 (greedy) to 2."""
    top_p: float = Field(gt=0, le=1)
    """Share of the probability mass that is sampled from."""
    max_tokens: int = Field(ge=1)
    """Tokens after which the reply is cut off; such a reply becomes a drop."""


class TokenLimits(Frozen):
    """The tokens that a role's replies may take, where the command says otherwise than the spec.

    A spec says how many tokens the *answer* to a task needs. A model that thinks before it answers needs more, and how
    many is a fact of the model: so this belongs to the command, to the request's key and to the manifest.
    """

    answer: int | None = Field(default=None, ge=1)
    """Tokens of the answer to every task of the role; the spec's number where it is null."""
    thinking: int = Field(default=0, ge=0)
    """Further tokens for the model's thoughts."""

    def applied(self, sampling: Sampling) -> Sampling:
        """The sampling of a task with these limits; the same where they change nothing."""
        most = (sampling.max_tokens if self.answer is None else self.answer) + self.thinking
        return sampling if most == sampling.max_tokens else sampling.model_copy(update={"max_tokens": most})


class ReplySchema(Frozen):
    """The JSON that a reply should be, for endpoints that can hold a model to it."""

    name: str
    """A short name; endpoints require one."""
    body: dict[str, Any]
    """The JSON Schema."""


BASELINE = "corpus"
"""The name of the baseline models, which are fitted on the training dialogues, in commands and in rows."""

REWARD = "reward:"
"""Prefix of the names of reward models, in commands and in rows."""


def is_reward_model(name: str) -> bool:
    """Whether a model is named as a reward model, `reward:DIR`: it labels the steps of traces and nothing else."""
    return name.startswith(REWARD)


class ModelRef(Frozen):
    """Which model answers; neither its URL nor its API key."""

    name: str = Field(min_length=1)
    """The name that the endpoint knows it by; `corpus` is the baseline."""
    revision: str | None = None
    """Commit, digest or date of the weights, where one is known."""

    def __str__(self) -> str:
        return f"{self.name}#{self.revision}" if self.revision else self.name

    @property
    def is_baseline(self) -> bool:
        """Whether it is one of the baseline models."""
        return self.name == BASELINE

    @property
    def only_labels_steps(self) -> bool:
        """Whether it is a reward model, which only labels the steps of traces."""
        return is_reward_model(self.name)


class Ask(Frozen):
    """A question before a prompt puts it into words; the embedded models answer from it."""

    task: Task
    history: tuple[InstanceOf[Turn], ...]
    """Every turn before the reply, in order; for `CRISIS_JUDGE` the whole dialogue."""
    strategy: Strategy | None = None
    """The strategy that the reply is to follow; of two that are compared, the one that stands as A."""
    reply: str | None = None
    """The reply to be judged or rewritten; of two that are compared, the one that stands as A."""
    other_strategy: Strategy | None = None
    """Strategy B of a comparison."""
    other_reply: str | None = None
    """Reply B of a comparison."""
    error: ErrorType | None = None
    """The error that the rewriter is to remove."""
    trace: InstanceOf[Trace] | None = None
    """The steps to be judged."""
    profile: InstanceOf[Profile] | None = None
    """The personality that the reply is to show; the stylist's."""

    @property
    def role(self) -> Role:
        """The role whose models answer."""
        return self.task.role


class Request(Frozen):
    """One request to one model for one reply."""

    model: ModelRef
    messages: tuple[Message, ...]
    """The whole conversation as the model sees it."""
    sampling: Sampling
    draw: int = Field(ge=0)
    """The number of the reply among several to the same question."""
    seed: int = Field(ge=0)
    """Sent with the request, for servers that heed it; derived, see `derive_seed`."""
    reply_schema: ReplySchema | None = None
    """The schema of the reply, if it should be JSON."""
    ask: Ask
    """The same question unworded; `messages` is made of it, so it is not part of the key."""

    @cached_property
    def key(self) -> str:
        """SHA-256 of everything that changes the answer (64 hexadecimal digits), and of nothing else.

        The base URL, the API key, timeouts and limits are left out: the model behind another port is the same.
        """
        return digest_of(
            {
                "model": self.model.name,
                "revision": self.model.revision,
                "messages": self.messages,
                "temperature": self.sampling.temperature,
                "top_p": self.sampling.top_p,
                "max_tokens": self.sampling.max_tokens,
                "draw": self.draw,
                "seed": self.seed,
                "reply_schema": self.reply_schema.body if self.reply_schema else None,
            }
        )


def derive_seed(base: int, messages: tuple[Message, ...], draw: int) -> int:
    """The seed of one request: 31 bits of a digest over the spec's seed, the messages and the draw (our own design).

    Requests get unrelated seeds, and adding turns or draws changes none of those that were there.
    """
    return int.from_bytes(hashlib.sha256(canonical_json([base, messages, draw])).digest()[:4]) >> 1


class FailureReason(StrEnum):
    """Why a call gave no reply."""

    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    CONNECTION = "connection"
    TIMEOUT = "timeout"
    MALFORMED = "malformed"
    """The body was cut, overlong, no JSON, or held no whole reply."""
    BAD_REQUEST = "bad_request"
    """The endpoint will not take this request, however often it is sent."""
    REFUSED = "refused"
    """The provider's filter declined."""


TRANSIENT = frozenset(
    {
        FailureReason.RATE_LIMITED,
        FailureReason.SERVER_ERROR,
        FailureReason.CONNECTION,
        FailureReason.TIMEOUT,
        FailureReason.MALFORMED,
    }
)
"""Failures that a retry may fix; the rest are final."""


class Completion(Frozen):
    """A reply as it came."""

    key: str
    """Key of the request that it answers."""
    text: str
    """The reply; may be empty. Thoughts are inside `<think>`; half surrogate pairs, which no file holds, are U+FFFD."""
    finish_reason: str
    """`stop`, `eos` … in the endpoint's words; `length` or `max_tokens` where the reply was cut off."""
    prompt_tokens: int = 0
    """As the endpoint counted them; 0 where it did not, or gave an impossible number."""
    completion_tokens: int = 0
    """As the endpoint counted them; 0 where it did not, or gave an impossible number."""
    structured: bool = False
    """Whether the endpoint was asked to hold the reply to the JSON Schema, and took that."""

    @field_validator("text", "finish_reason", mode="before")
    @classmethod
    def _mend(cls, text: object) -> object:
        return mend_half_pairs(text) if isinstance(text, str) else text


class Failed(Frozen):
    """A call that gave no reply."""

    key: str
    """Key of the request that it belongs to."""
    reason: FailureReason
    detail: str
    """The error message of the endpoint or the network, shortened; never a key."""
    retry_after_s: float | None = None
    """Seconds that the endpoint asked to wait, where it did."""

    @field_validator("detail", mode="before")
    @classmethod
    def _mend(cls, text: object) -> object:
        return mend_half_pairs(text) if isinstance(text, str) else text

    @property
    def transient(self) -> bool:
        """Whether a retry may fix it."""
        return self.reason in TRANSIENT


Outcome = Completion | Failed

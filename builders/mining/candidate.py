"""A candidate, one inferred alternative to a human's turn, and the row or the drop that it becomes.

Rows are plain dictionaries with exactly the columns of `schemas.rows`; `validate` checks those of a finished release.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from ...schemas.base import Frozen
from ...schemas.config import Config
from ...schemas.drops import HELD_OUT, DropReason
from ...schemas.error_type import ErrorType
from ...schemas.inference import Completion, Message, Outcome, Request, Role
from ...schemas.rows import InferredBy, row_id
from ...schemas.rows.layout_1 import JudgeRecord
from ...schemas.rows.layout_2 import Closeness, Judgement, Panel, Rewrite
from ...schemas.strategy import Strategy
from .turns import SupporterTurn


@dataclass(frozen=True, slots=True)
class Candidate:
    """An alternative on its way through the steps."""

    config: Config
    turn: SupporterTurn
    request: Request | None
    """The request behind it; None for the candidates of SFT configs."""
    outcome: Outcome | None = None
    """The answer; None where there was no request."""
    strategy: Strategy | None = None
    """The inferred strategy, once it was read."""
    reply: str | None = None
    """The inferred words, once they were read."""
    chosen_verdict: JudgeRecord | None = None
    """Where the sides are judged one by one (layout 1)."""
    rejected_verdict: JudgeRecord | None = None
    judgements: tuple[Judgement, ...] = ()
    """Where the sides are compared (layout 2)."""
    panel: Panel | None = None
    error: ErrorType | None = None
    """The error of the inferred side that the panel settled on."""
    closeness: Closeness | None = None
    rewrite: Rewrite | None = None
    rewritten: str | None = None
    """The words of the chosen side, where they are not the human's own."""

    def with_(self, **changes: Any) -> Self:
        """The same candidate with more known of it."""
        return replace(self, **changes)

    @property
    def chosen(self) -> str:
        """The words of the chosen side."""
        return self.turn.text if self.rewritten is None else self.rewritten

    @property
    def raw(self) -> str | None:
        """The model's reply as it came, or None."""
        return self.outcome.text if isinstance(self.outcome, Completion) else None

    @property
    def row_id(self) -> str:
        what = () if self.request is None else (self.request.key, self.raw)
        return row_id(self.config, self.turn.dialogue.dialogue_id, self.turn.index, *what)

    @property
    def inferred_by(self) -> InferredBy | None:
        """The answered request, as rows name it; or None."""
        return None if self.request is None or self.outcome is None else InferredBy(**call_of(self.request))


def call_of(request: Request) -> dict[str, Any]:
    """The columns by which rows name a request."""
    model = request.model
    return {"model": model.name, "revision": model.revision, "draw": request.draw, "request_key": request.key}


@dataclass(frozen=True, slots=True)
class Drop:
    """A candidate that becomes no row, and why."""

    candidate: Candidate
    reason: DropReason
    detail: str = ""
    """Details of the drop; never a whole message."""


Result = Candidate | Drop
"""A candidate after a step: still a candidate, or dropped."""


Row = dict[str, Any]

_TWINS = {
    Config.STRATEGY_SFT: Role.PLANNER,
    Config.RESPONSE_SFT: Role.RESPONDER,
    Config.JOINT_SFT: Role.JOINT,
}


def pair_row(candidate: Candidate, layout: int) -> Row:
    """The preference row of a candidate that was kept."""
    assert candidate.request is not None, "a pair comes from a request"
    assert candidate.strategy is not None, "a kept candidate has a strategy"
    turn, config = candidate.turn, candidate.config
    role = candidate.request.ask.role
    row = {
        **place_columns(candidate.row_id, turn),
        "prompt": list(candidate.request.messages),
        "chosen": _answer(role, turn.named, candidate.chosen),
        "rejected": _answer(role, candidate.strategy, candidate.reply or ""),
    }
    if config is Config.RESPONSE:
        row["strategy"] = turn.strategy
    else:
        row |= {"chosen_strategy": turn.strategy, "rejected_strategy": candidate.strategy}
    return row | {
        "rejected_error": _error(candidate),
        **_judged(candidate, layout),
        role.value: _dumped(candidate.inferred_by),
    }


# The error of the rejected side; `strategy_mismatch` for strategies that no judge compared.
def _error(candidate: Candidate) -> ErrorType | None:
    if candidate.rejected_verdict is not None:
        return candidate.rejected_verdict.error
    return ErrorType.STRATEGY_MISMATCH if candidate.error is None else candidate.error


# The judges' answers, in the columns of a layout.
def _judged(candidate: Candidate, layout: int) -> Row:
    if layout == 1:
        return {
            "chosen_verdict": _dumped(candidate.chosen_verdict),
            "rejected_verdict": _dumped(candidate.rejected_verdict),
        }
    return {
        "panel": _dumped(candidate.panel),
        "judgements": [one.model_dump() for one in candidate.judgements],
        "closeness": _dumped(candidate.closeness),
        "rewrite": _dumped(candidate.rewrite),
    }


def sft_row(candidate: Candidate, prompt: Sequence[Message]) -> Row:
    """The demonstration row of a supporter turn; `prompt` is that of the twin preference config at this turn."""
    turn, role = candidate.turn, _TWINS[candidate.config]
    return {
        **place_columns(candidate.row_id, turn),
        "prompt": list(prompt),
        "completion": _answer(role, turn.named, turn.text),
        "strategy": turn.strategy,
    }


def dropped_row(drop: Drop, layout: int) -> Row:
    """The row of `dropped` for a dropped candidate."""
    candidate = drop.candidate
    return {
        **place_columns(candidate.row_id, candidate.turn),
        "config": candidate.config,
        "reason": drop.reason,
        "detail": drop.detail,
        "strategy": candidate.turn.strategy,
        # The words of a dialogue that is held out for a crisis are in `crisis_holdout` and nowhere else.
        "human": "" if drop.reason in HELD_OUT else candidate.turn.text,
        "reply": candidate.raw,
        **_judged(candidate, layout),
        "inferred_by": _dumped(candidate.inferred_by),
    }


def place_columns(row_id: str, turn: SupporterTurn) -> Row:
    """The columns that every row has."""
    dialogue = turn.dialogue
    return {
        "row_id": row_id,
        "dialogue_id": dialogue.dialogue_id,
        "turn": turn.index,
        "source": dialogue.source,
        "license": dialogue.license,
    }


# One assistant message, in the form in which `role` answers.
def _answer(role: Role, strategy: Strategy, words: str) -> list[Message]:
    content = {
        Role.PLANNER: strategy.value,
        Role.RESPONDER: words,
        Role.JOINT: f"[{strategy}] {words}",
    }[role]
    return [{"role": "assistant", "content": content}]


def _dumped(value: Frozen | None) -> Row | None:
    return None if value is None else value.model_dump()

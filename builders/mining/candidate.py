"""A candidate: one inferred alternative on its way to becoming a row or a drop."""

from dataclasses import dataclass, replace
from typing import Any, Self

from ...schemas.config import Config
from ...schemas.drops import DropReason
from ...schemas.error_type import ErrorType
from ...schemas.inference import Completion, Outcome, Request
from ...schemas.rows import InferredBy, row_id
from ...schemas.rows.layout_1 import JudgeRecord
from ...schemas.rows.layout_2 import Closeness, Judgement, Panel, Rewrite
from ...schemas.strategy import Strategy
from .turns import SupporterTurn


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of an alternative so far."""

    config: Config
    turn: SupporterTurn
    request: Request | None
    """The call that it comes from; None for the candidates of SFT configs."""
    outcome: Outcome | None = None
    """What came back; None where nothing was asked."""
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
        """See `schemas.rows.row_id`."""
        what = () if self.request is None else (self.request.key, self.raw)
        return row_id(self.config, self.turn.dialogue.dialogue_id, self.turn.index, *what)

    @property
    def inferred_by(self) -> InferredBy | None:
        """The call that was made for it, or None."""
        return None if self.request is None or self.outcome is None else InferredBy(**call_of(self.request))


def call_of(request: Request) -> dict[str, Any]:
    """How rows name a call."""
    model = request.model
    return {"model": model.name, "revision": model.revision, "draw": request.draw, "request_key": request.key}


@dataclass(frozen=True, slots=True)
class Drop:
    """A candidate that becomes no row, and why."""

    candidate: Candidate
    reason: DropReason
    detail: str = ""
    """What exactly was wrong; never a whole message."""


Result = Candidate | Drop
"""What a step makes of a candidate, and what mining makes of a turn."""

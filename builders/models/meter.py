"""What one model was asked in one run, counted as it happens."""

import logging
from collections import Counter

from pydantic import Field

from ...schemas.base import Frozen
from ...schemas.inference import Completion, FailureReason, Outcome
from .budget import Price

logger = logging.getLogger(__name__)

_MOST_NAMES = 20
_OTHER_NAMES = "others"


class Snapshot(Frozen):
    """The counters at one moment; `calls` is the sum of the next three and of what is not settled yet."""

    calls: int = Field(default=0, ge=0)
    """Requests that came in."""
    answered: int = Field(default=0, ge=0)
    """Requests that the model answered in this run."""
    from_records: int = Field(default=0, ge=0)
    """Requests whose outcome was there already, or was being asked for at that moment."""
    failed: int = Field(default=0, ge=0)
    """Requests that got no reply in this run, after every retry."""
    prompt_tokens: int = Field(default=0, ge=0)
    completion_tokens: int = Field(default=0, ge=0)
    cost_usd: float | None = None
    """Of this run's answers, by the price table; None where the model has no price."""
    in_flight: int = Field(default=0, ge=0)
    """Calls that hold a slot right now."""
    retries: dict[FailureReason, int] = Field(default_factory=dict)
    """Attempts after the first, by what made them necessary."""
    without: tuple[str, ...] = ()
    """Parameters that the endpoint did not take and that are no longer sent; `system role` and `repeated roles` where
    it takes no such messages, see `Dialect`."""
    served_as: dict[str, int] = Field(default_factory=dict)
    """Answers that came under another model's name than was asked for, by that name; see `served.is_same_model`."""
    odd_usage: int = Field(default=0, ge=0)
    """Answers with numbers of tokens that no such call can have; these numbers count as 0."""

    def plus(self, other: "Snapshot") -> "Snapshot":
        """Both together: the totals of a run with several models; the cost is None where either is."""
        known = self.cost_usd is not None and other.cost_usd is not None
        return Snapshot(
            calls=self.calls + other.calls,
            answered=self.answered + other.answered,
            from_records=self.from_records + other.from_records,
            failed=self.failed + other.failed,
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            cost_usd=(self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None,
            in_flight=self.in_flight + other.in_flight,
            retries=dict(Counter(self.retries) + Counter(other.retries)),
            without=tuple(sorted({*self.without, *other.without})),
            served_as=dict(Counter(self.served_as) + Counter(other.served_as)),
            odd_usage=self.odd_usage + other.odd_usage,
        )


class Meter:
    """Counts for one model; the wrappers write to it, a display or the manifest reads `snapshot()`."""

    def __init__(self, price: Price | None = None) -> None:
        self.price = price
        self.calls = 0
        self.answered = 0
        self.from_records = 0
        self.failed = 0
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self.in_flight = 0
        self.retries: Counter[FailureReason] = Counter()
        self.without: set[str] = set()
        self.served_as: Counter[str] = Counter()
        self.odd_usage = 0

    def count(self, outcome: Outcome) -> None:
        """Count what a request of this run came to."""
        if isinstance(outcome, Completion):
            self.answered += 1
            self.prompt_tokens += outcome.prompt_tokens
            self.completion_tokens += outcome.completion_tokens
        else:
            self.failed += 1

    def note_served(self, place: str, served: str) -> None:
        """Count an answer that came under another model's name, and warn at the first."""
        if not self.served_as:
            logger.warning(
                "%s answers as %r: compare the model's name with the server's. The manifest counts such answers",
                *(place, served),
            )
        self.served_as[served if len(self.served_as) < _MOST_NAMES or served in self.served_as else _OTHER_NAMES] += 1

    def note_odd_usage(self, place: str) -> None:
        """Count an answer with impossible numbers of tokens, and warn at the first."""
        if not self.odd_usage:
            logger.warning(
                "%s tells numbers of tokens that no such call can have: they count as 0, so totals are too low",
                place,
            )
        self.odd_usage += 1

    def snapshot(self) -> Snapshot:
        """The counters as they are now."""
        return Snapshot(
            calls=self.calls,
            answered=self.answered,
            from_records=self.from_records,
            failed=self.failed,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cost_usd=self.price.of(self) if self.price is not None else None,
            in_flight=self.in_flight,
            retries=dict(self.retries),
            without=tuple(sorted(self.without)),
            served_as=dict(sorted(self.served_as.items())),
            odd_usage=self.odd_usage,
        )

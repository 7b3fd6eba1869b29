"""Costs of a run: a budget that reserves money before each call, and a meter for each model."""

import asyncio
import logging
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from pydantic import Field, ValidationError

from ...schemas.base import Frozen
from ...schemas.documents import DocumentError, read_yaml
from ...schemas.errors import BudgetError, UsageError
from ...schemas.inference import Completion, FailureReason, Outcome, Request
from .client import Completer
from .record_file import Spent

# What a token costs: a small table, and a user's own on top of it.


# How to write a price file, for messages.
_FORMAT_HELP = (
    "a price file is YAML with USD per million tokens: 'models: {MODEL: {prompt: 0.40, completion: 1.60}}'; "
    "a model of your own machine is {prompt: 0, completion: 0}; `batch: 0.5` beside them is the share that a call in a "
    "batch costs, half where nothing is said"
)

_BUILT_IN = Path(__file__).with_name("prices.yaml")


class Tokens(Protocol):
    """Whatever counts tokens: a completion, a manifest's usage, the totals of the records, a meter."""

    @property
    def prompt_tokens(self) -> int:
        """Tokens that were sent."""
        ...

    @property
    def completion_tokens(self) -> int:
        """Tokens that came back."""
        ...


class Price(Frozen):
    """The price of a model's tokens."""

    prompt: float = Field(ge=0, allow_inf_nan=False)
    """USD per million tokens sent."""
    completion: float = Field(ge=0, allow_inf_nan=False)
    """USD per million tokens that come back."""
    batch: float = Field(default=0.5, ge=0, le=1)
    """The share of both that a call in a batch costs."""

    @property
    def in_batch(self) -> "Price":
        """The price in a batch."""
        return Price(prompt=self.prompt * self.batch, completion=self.completion * self.batch, batch=1.0)

    def of(self, usage: Tokens) -> float:
        return (usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion) / 1e6


class Prices(Frozen):
    """A price table."""

    as_of: str = ""
    """Time of the last look."""
    models: dict[str, Price]
    """Prices by the name that the endpoint knows a model by."""

    def find(self, model: str) -> Price | None:
        """The price of `model`, or of the undated name where `model` is one with a date after it."""
        undated = re.sub(r"-\d{4}-\d{2}-\d{2}$", "", model)
        return self.models.get(model) or self.models.get(undated)


def cost(usage: Tokens, price: Price) -> float:
    """USD for `usage` at `price`."""
    return price.of(usage)


def load_prices(path: Path | None = None) -> Prices:
    """The package's table, with the models of the file at `path` over it.

    Raises:
        UsageError: the file cannot be read or is not a price table.
    """
    table = _read(_BUILT_IN)
    if path is None:
        return table
    own = _read(path)
    return Prices(as_of=own.as_of or table.as_of, models={**table.models, **own.models})


def _read(path: Path) -> Prices:
    try:
        return Prices.model_validate(read_yaml(path))
    except OSError as error:
        raise UsageError(f"the price file {path} cannot be read: {error}") from None
    except DocumentError as error:
        raise UsageError(f"the price file {path} is not YAML: {error}; {_FORMAT_HELP}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the top"
        raise UsageError(f"the price file {path}, at {place}: {first['msg']}; {_FORMAT_HELP}") from None


# The usual rule of thumb for English; a budget reserves by it, and settles by the endpoint's count.
_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4


def estimate_prompt_tokens(request: Request) -> int:
    """About how many tokens the messages are: a quarter of their characters, and a few for each message."""
    characters = sum(len(message["content"]) for message in request.messages)
    return characters // _CHARACTERS_PER_TOKEN + _TOKENS_PER_MESSAGE * len(request.messages)


def spent_usd(totals: Iterable[Spent], prices: Prices) -> float:
    """The cost of all recorded calls; a model without a price counts as 0."""
    return sum(price.of(total) for total in totals if (price := prices.find(total.model.name)) is not None)


class Budget:
    """The money of one run, over all its models.

    Args:
        limit_usd: what may be spent in all, earlier runs included; None sets no limit.
        prices: what the models cost.
        spent_already: USD that earlier runs of the same build took, see `spent_usd`.
        kept: calls that the records hold already, for the message.
    """

    def __init__(self, limit_usd: float | None, prices: Prices, spent_already: float = 0.0, *, kept: int = 0) -> None:
        self.limit_usd = limit_usd
        self.prices = prices
        self.spent = spent_already
        self.reserved = 0.0
        self.kept = kept
        self._settled: asyncio.Event | None = None

    def price_of(self, model: str) -> Price | None:
        """The price of `model`.

        Raises:
            UsageError: there is a limit and no price to hold against it.
        """
        price = self.prices.find(model)
        if price is None and self.limit_usd is not None:
            raise UsageError(f"a budget is set, but {model!r} has no price; {_FORMAT_HELP}")
        return price

    async def reserve(self, usd: float) -> None:
        """Set `usd` aside; waits while calls in flight may still turn out cheaper than was set aside for them.

        Raises:
            BudgetError: even with nothing in flight, the limit does not allow it.
        """
        while self.limit_usd is not None and self.spent + self.reserved + usd > self.limit_usd:
            if not self.reserved:
                raise self.refusal(usd)
            self._settled = self._settled or asyncio.Event()
            await self._settled.wait()
        self.reserved += usd

    def refusal(self, usd: float) -> BudgetError:
        """The error for a call that may cost `usd` and does not fit the budget."""
        return BudgetError(
            f"the budget is spent: ${self.spent:.4f} of ${self.limit_usd:.4f}, and the next call may take "
            f"${usd:.4f}; {self.kept} calls are kept: raise --budget and repeat the same command"
        )

    def settle(self, reserved: float, real: float, *, kept: bool) -> None:
        """Give `reserved` back, and take `real` for a call that is now `kept` in the records, or is not."""
        self.reserved = left if (left := self.reserved - reserved) > 1e-12 else 0.0
        self.spent += real
        self.kept += kept
        if self._settled is not None:
            self._settled.set()
            self._settled = None


class Budgeted:
    """A completer that pays for its calls out of a budget; a failed call is taken to cost nothing.

    Raises:
        UsageError: the budget has a limit, and `model` no price.
    """

    def __init__(self, inner: Completer, budget: Budget, model: str) -> None:
        self._inner = inner
        self._budget = budget
        self._price = budget.price_of(model)

    async def complete(self, request: Request) -> Outcome:
        """The inner one's outcome.

        Raises:
            BudgetError: the call cannot be afforded; it was not sent.
        """
        if self._price is None:
            return await self._inner.complete(request)
        estimate = self._usd(estimate_prompt_tokens(request), request.sampling.max_tokens)
        await self._budget.reserve(estimate)
        real, kept = 0.0, False
        try:
            outcome = await self._inner.complete(request)
            real, kept = self._real(request, outcome), True
        finally:
            self._budget.settle(estimate, real, kept=kept)
        return outcome

    def _real(self, request: Request, outcome: Outcome) -> float:
        if not isinstance(outcome, Completion):
            return 0.0
        # An endpoint that counts no tokens still costs money: fall back to the estimate.
        prompt = outcome.prompt_tokens or estimate_prompt_tokens(request)
        completion = outcome.completion_tokens or len(outcome.text) // _CHARACTERS_PER_TOKEN
        return self._usd(prompt, completion)

    def _usd(self, prompt_tokens: int, completion_tokens: int) -> float:
        assert self._price is not None
        return (prompt_tokens * self._price.prompt + completion_tokens * self._price.completion) / 1e6


# What one model was asked in one run, counted as it happens.


logger = logging.getLogger(__name__)

# A gateway may report another model name for each call; further ones are counted together.
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
    """The cost of this run's answers; None if the model has no price."""
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

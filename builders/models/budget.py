"""A ceiling on what a run may cost: money is set aside before a call is sent, and the real cost taken after."""

import asyncio
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from pydantic import Field, ValidationError

from ...schemas.base import Frozen
from ...schemas.documents import DocumentError, read_yaml
from ...schemas.errors import BudgetError, UsageError
from ...schemas.inference import Completion, Outcome, Request
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
    """What a model's tokens cost."""

    prompt: float = Field(ge=0, allow_inf_nan=False)
    """USD per million tokens sent."""
    completion: float = Field(ge=0, allow_inf_nan=False)
    """USD per million tokens that come back."""
    batch: float = Field(default=0.5, ge=0, le=1)
    """The share of both that a call in a batch costs."""

    @property
    def in_batch(self) -> "Price":
        """What a call in a batch costs."""
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


_CHARACTERS_PER_TOKEN = 4
_TOKENS_PER_MESSAGE = 4


def estimate_prompt_tokens(request: Request) -> int:
    """About how many tokens the messages are: a quarter of their characters, and a few for each message."""
    characters = sum(len(message["content"]) for message in request.messages)
    return characters // _CHARACTERS_PER_TOKEN + _TOKENS_PER_MESSAGE * len(request.messages)


def spent_usd(totals: Iterable[Spent], prices: Prices) -> float:
    """What everything in the records cost; a model without a price counts as 0."""
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
        """What to raise where a call that may take `usd` cannot be afforded."""
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

"""What a token costs: a small table, and a user's own on top of it."""

import re
from pathlib import Path
from typing import Protocol

from pydantic import Field, ValidationError

from ...schemas.base import Frozen
from ...schemas.documents import DocumentError, read_yaml
from ...schemas.errors import UsageError

FORMAT_HELP = (
    "a price file is YAML with USD per million tokens: 'models: {MODEL: {prompt: 0.40, completion: 1.60}}'; "
    "a model of your own machine is {prompt: 0, completion: 0}; `batch: 0.5` beside them is the share that a call in a "
    "batch costs, half where nothing is said"
)
"""How to write a price file, for messages."""

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
        """USD for `usage`."""
        return (usage.prompt_tokens * self.prompt + usage.completion_tokens * self.completion) / 1e6


class Prices(Frozen):
    """A price table."""

    as_of: str = ""
    """When somebody last looked."""
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
        UsageError: the file cannot be read or is no price table.
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
        raise UsageError(f"the price file {path} is no YAML: {error}; {FORMAT_HELP}") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the top"
        raise UsageError(f"the price file {path}, at {place}: {first['msg']}; {FORMAT_HELP}") from None

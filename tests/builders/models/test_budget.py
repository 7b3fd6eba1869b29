"""No call is sent that cannot be paid, and the last cent is used."""

import asyncio
from pathlib import Path

import pytest
from servers.asking import make_request

from ipm_prefdial.builders.models.budget import (
    Budget,
    Budgeted,
    Price,
    Prices,
    cost,
    estimate_prompt_tokens,
    load_prices,
    spent_usd,
)
from ipm_prefdial.builders.models.client import ScriptedCompleter
from ipm_prefdial.builders.models.record_file import Spent
from ipm_prefdial.schemas.errors import BudgetError, UsageError
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, ModelRef, Outcome, Request, Role
from ipm_prefdial.schemas.manifest import Usage

PRICES = Prices(models={"mock": Price(prompt=0, completion=1_000_000)})
"""A dollar for each token that comes back."""


def reply_of(tokens: int) -> Completion:
    return Completion(key="", text="x" * 400, finish_reason="stop", completion_tokens=tokens)


async def test_calls_are_sent_while_the_most_that_they_may_take_is_there() -> None:
    inner = ScriptedCompleter(lambda _: reply_of(3))
    model = Budgeted(inner, Budget(20, PRICES, kept=7), "mock")
    for _ in range(4):
        await model.complete(make_request(max_tokens=10))
    with pytest.raises(BudgetError, match=r"\$12.0000 of \$20.0000.*\$10.0000; 11 calls are kept: raise --budget"):
        await model.complete(make_request(max_tokens=10))
    assert len(inner.requests) == 4


async def test_what_earlier_runs_took_counts() -> None:
    with pytest.raises(BudgetError):
        await Budgeted(ScriptedCompleter([]), Budget(20, PRICES, 15), "mock").complete(make_request(max_tokens=10))


async def test_calls_wait_for_what_others_in_flight_give_back() -> None:
    class Slow:
        in_flight = most = 0

        async def complete(self, request: Request) -> Outcome:
            self.in_flight += 1
            self.most = max(self.most, self.in_flight)
            await asyncio.sleep(0)
            self.in_flight -= 1
            return reply_of(1).model_copy(update={"key": request.key})

    inner, budget = Slow(), Budget(30, PRICES)
    model = Budgeted(inner, budget, "mock")
    outcomes = await asyncio.gather(*(model.complete(make_request(max_tokens=10)) for _ in range(21)))
    assert len(outcomes) == 21
    assert inner.most == 3
    assert (budget.spent, budget.reserved) == (21, 0)


async def test_all_that_cannot_be_paid_stop_together() -> None:
    model = Budgeted(ScriptedCompleter(lambda _: reply_of(10)), Budget(30, PRICES), "mock")
    calls = (model.complete(make_request(max_tokens=10)) for _ in range(9))
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [Completion] * 3 + [BudgetError] * 6


async def test_failed_and_broken_calls_give_back_what_was_set_aside() -> None:
    def fail(request: Request) -> Outcome:
        if request.draw:
            raise LookupError
        return Failed(key="", reason=FailureReason.TIMEOUT, detail="")

    budget = Budget(30, PRICES)
    model = Budgeted(ScriptedCompleter(fail), budget, "mock")
    await model.complete(make_request(max_tokens=10))
    with pytest.raises(LookupError):
        await model.complete(make_request(draw=1, max_tokens=10))
    assert (budget.spent, budget.reserved, budget.kept) == (0, 0, 1)


async def test_endpoint_that_counts_no_tokens_is_paid_by_estimate() -> None:
    budget = Budget(1000, Prices(models={"mock": Price(prompt=1e6, completion=1e6)}))
    await Budgeted(ScriptedCompleter(lambda _: reply_of(0)), budget, "mock").complete(make_request())
    assert budget.spent == estimate_prompt_tokens(make_request()) + 100


async def test_no_limit_needs_no_price() -> None:
    model = Budgeted(ScriptedCompleter(["yes"]), Budget(None, Prices(models={})), "unknown")
    assert isinstance(await model.complete(make_request()), Completion)


def test_model_without_a_price_is_named_before_anything_is_sent() -> None:
    with pytest.raises(UsageError, match="'my-model' has no price; a price file is YAML"):
        Budgeted(ScriptedCompleter([]), Budget(1, PRICES), "my-model")


def test_cost_is_per_million_tokens() -> None:
    price = Price(prompt=0.4, completion=1.6)
    assert cost(Usage(prompt_tokens=1_000_000, completion_tokens=500_000), price) == pytest.approx(1.2)


def test_records_are_priced_model_by_model() -> None:
    def spent(name: str) -> Spent:
        ref = ModelRef(name=name)
        return Spent(role=Role.JUDGE, model=ref, calls=1, failed=0, prompt_tokens=9, completion_tokens=2)

    assert spent_usd([spent("mock"), spent("mock"), spent("self-hosted")], PRICES) == 4


def test_built_in_table_knows_dated_names() -> None:
    prices = load_prices()
    assert prices.as_of
    assert prices.find("gpt-4.1-mini-2025-04-14") == prices.find("gpt-4.1-mini") == Price(prompt=0.4, completion=1.6)
    assert prices.find("corpus") == Price(prompt=0, completion=0)
    assert prices.find("my-model") is None


def test_own_prices_come_over_the_table(tmp_path: Path) -> None:
    own = tmp_path / "prices.yaml"
    own.write_text("models:\n  gpt-4.1: {prompt: 1, completion: 2}\n  local/m: {prompt: 0, completion: 0}\n")
    prices = load_prices(own)
    assert prices.find("gpt-4.1") == Price(prompt=1, completion=2)
    assert prices.find("local/m") == Price(prompt=0, completion=0)
    assert prices.find("gpt-4o") is not None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"models: [", "not YAML"),
        (b"", "the top"),
        (b"models: {m: 3}", "models.m"),
        (b"models: {m: {prompt: -1, completion: 0}}", "models.m.prompt"),
        (b"models: {m: {prompt: .nan, completion: 0}}", ".nan is not a number here: line 1 column 22"),
        (b"\xff\xfe", "the top"),
        (None, "cannot be read"),
    ],
)
def test_price_file_that_is_none_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    own = tmp_path / "prices.yaml"
    if content is not None:
        own.write_bytes(content)
    with pytest.raises(UsageError, match=says) as caught:
        load_prices(own)
    assert str(own) in str(caught.value)

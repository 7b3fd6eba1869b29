"""What workers share: each key is asked by one of them, and what a dead one had in hand is another's."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.mining import PANELS, plan_of

from ipm_prefdial.builders.building.failures import AnswerCounts, FailureTally, TaskModel
from ipm_prefdial.builders.distributed._coordinator import Coordinator, CoordinatorOptions, WorkerId
from ipm_prefdial.builders.distributed._worker import (
    CoordinatorClient,
    EmptyStore,
    Paced,
    SharedBudget,
    SharedCompleter,
    SharedTally,
)
from ipm_prefdial.builders.models.budget import Budgeted, Meter, Price, Prices, Snapshot
from ipm_prefdial.builders.models.client import ScriptedCompleter
from ipm_prefdial.builders.models.limit import Limits
from ipm_prefdial.builders.models.record import Records
from ipm_prefdial.builders.models.record_file import Recorded
from ipm_prefdial.builders.runtime.environment import Engine, parse_engine
from ipm_prefdial.schemas.dialogue import Speaker, Turn
from ipm_prefdial.schemas.errors import BudgetError, EndpointError, PrefDialError, UnusableAnswersError, UsageError
from ipm_prefdial.schemas.inference import Ask, Completion, Failed, FailureReason, Outcome, Request, Task

ONE, TWO, THREE = (WorkerId(name, "first") for name in ("one", "two", "three"))
ONE_AGAIN = ONE._replace(life="second")
PRICES = Prices(models={"scripted": Price(prompt=0, completion=1_000_000)})


def a_request(number: int = 0) -> Request:
    """A request of the planner; another for every number."""
    ask = Ask(task=Task.PLANNER, history=(Turn(speaker=Speaker.SEEKER, text=f"Kiln number {number} is cold."),))
    return next(plan_of(PANELS).requests(ask))


@dataclass(frozen=True)
class Remote:
    """A method of an actor in this process."""

    method: Callable[..., Awaitable[Any]]

    def remote(self, *values: Any, **named: Any) -> "asyncio.Future[Any]":
        """The call, under way."""
        return asyncio.ensure_future(self.method(*values, **named))


@dataclass(frozen=True)
class Handle:
    """A coordinator in this process, called as one elsewhere is."""

    coordinator: Coordinator

    def __getattr__(self, name: str) -> Remote:
        return Remote(getattr(self.coordinator, name))


def client_of(coordinator: Coordinator, worker: str) -> CoordinatorClient:
    """A coordinator as a worker sees it."""
    return CoordinatorClient(Handle(coordinator), WorkerId(worker, "first"))


@pytest.fixture
async def coordinator(tmp_path: Path) -> AsyncIterator[Coordinator]:
    """A coordinator of records that hold nothing."""
    running = Coordinator(CoordinatorOptions(tmp_path / "records.sqlite", lease_s=0.2))
    assert await running.failure() is None
    yield running
    await running.close()


def recorded(request: Request, text: str) -> Recorded:
    """An answer to a request."""
    outcome = Completion(key=request.key, text=text, finish_reason="stop")
    return Recorded(request.key, request.ask.role, request.model.name, request.model.revision, request.draw, outcome)


async def test_what_one_worker_asks_the_others_wait_for(coordinator: Coordinator) -> None:
    request, answer = a_request(), asyncio.Event()

    class Slow(ScriptedCompleter):
        async def complete(self, request: Request) -> Outcome:
            await answer.wait()
            return await super().complete(request)

    model = Slow(["Question"])
    workers = [SharedCompleter(model, client_of(coordinator, f"worker {number}"), Meter()) for number in range(3)]
    asking = [asyncio.ensure_future(worker.complete(request)) for worker in workers]
    await asyncio.sleep(0.05)
    answer.set()
    outcomes = await asyncio.gather(*asking)
    assert len(model.requests) == 1
    assert {outcome.text for outcome in outcomes if isinstance(outcome, Completion)} == {"Question"}
    assert await workers[0].complete(request) == outcomes[0]


async def test_what_a_dead_worker_had_in_hand_is_another_s(coordinator: Coordinator) -> None:
    key = a_request().key
    await coordinator.register(ONE)
    assert await coordinator.claim(key, ONE) is None
    waiting = asyncio.ensure_future(coordinator.claim(key, TWO))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await coordinator.register(ONE_AGAIN)
    assert await waiting is None


async def test_what_a_dead_worker_waited_for_is_not_given_to_it(tmp_path: Path) -> None:
    coordinator, key = (
        Coordinator(CoordinatorOptions(tmp_path / "records.sqlite", budget_usd=10.0, prices=PRICES)),
        a_request().key,
    )
    await coordinator.register(ONE)
    assert await coordinator.claim(key, TWO) is None
    assert await coordinator.reserve(10.0, TWO) is None
    waiting = [
        asyncio.ensure_future(coordinator.claim(key, ONE)),
        asyncio.ensure_future(coordinator.reserve(10.0, ONE)),
    ]
    await asyncio.sleep(0.02)
    await coordinator.register(ONE_AGAIN)
    await coordinator.release(key, TWO)
    await coordinator.settle(10.0, 0.0, kept=False, worker=TWO)
    await asyncio.gather(*waiting)
    assert await is_free(coordinator, key)
    assert await asyncio.wait_for(coordinator.reserve(10.0, THREE), timeout=1) is None
    await coordinator.close()


async def test_a_worker_that_never_comes_back_holds_nobody_up_for_ever(coordinator: Coordinator) -> None:
    key = a_request().key
    assert await coordinator.claim(key, ONE) is None
    assert await asyncio.wait_for(coordinator.claim(key, TWO), timeout=5) is None


async def test_the_first_answer_on_record_stays_whoever_gives_another(coordinator: Coordinator) -> None:
    request = a_request()
    first = await coordinator.record(recorded(request, "Question"))
    assert await coordinator.record(recorded(request, "Others")) == first
    assert await coordinator.claim(request.key, ONE) == first


async def test_a_failure_in_passing_gives_way_to_a_later_answer(coordinator: Coordinator) -> None:
    request = a_request()
    failed = Failed(key=request.key, reason=FailureReason.TIMEOUT, detail="no answer")
    await coordinator.record(recorded(request, "")._replace(outcome=failed))
    assert await coordinator.claim(request.key, ONE) is None
    await coordinator.record(recorded(request, "Question"))
    found = await coordinator.claim(request.key, TWO)
    assert isinstance(found, Completion)


async def test_whoever_fails_to_ask_lets_the_next_one(coordinator: Coordinator) -> None:
    class Broken:
        async def complete(self, request: Request) -> Outcome:
            raise EndpointError("nobody there")

    request = a_request()
    with pytest.raises(EndpointError):
        await SharedCompleter(Broken(), client_of(coordinator, "one"), Meter()).complete(request)
    assert await asyncio.wait_for(coordinator.claim(request.key, TWO), timeout=0.1) is None
    await coordinator.release(request.key, ONE)
    assert not await is_free(coordinator, request.key)


async def is_free(coordinator: Coordinator, key: str) -> bool:
    """Whether a key could be claimed at once."""
    try:
        return await asyncio.wait_for(coordinator.claim(key, THREE), timeout=0.05) is None
    except TimeoutError:
        return False


async def test_answers_are_in_the_builds_records_and_found_after_a_restart(tmp_path: Path) -> None:
    path, request = tmp_path / "records.sqlite", a_request()
    with Records(path) as build:
        coordinator = Coordinator(CoordinatorOptions(path))
        await coordinator.record(recorded(request, "Question"))
        await coordinator.close()
        assert build.find(request.key) is not None
        again = Coordinator(CoordinatorOptions(path))
        assert await again.claim(request.key, ONE) is not None
        await again.close()


async def test_an_answer_that_is_taken_in_is_on_disk(coordinator: Coordinator, tmp_path: Path) -> None:
    requests = [a_request(number) for number in range(20)]

    async def give(request: Request) -> bool:
        await coordinator.record(recorded(request, "Question"))
        with closing(sqlite3.connect(tmp_path / "records.sqlite")) as other:
            found = other.execute("SELECT count(*) FROM outcomes WHERE key = ?", (request.key,)).fetchone()
        return bool(found[0])

    assert all(await asyncio.gather(*map(give, requests)))


async def test_money_is_one_for_all_and_that_of_the_dead_comes_back(tmp_path: Path) -> None:
    coordinator = Coordinator(CoordinatorOptions(tmp_path / "records.sqlite", budget_usd=40.0, prices=PRICES))
    cost = float(a_request().sampling.max_tokens)
    assert await coordinator.reserve(cost, ONE) is None
    assert await coordinator.reserve(cost, TWO) is None
    waiting = asyncio.ensure_future(coordinator.reserve(cost, THREE))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await coordinator.register(ONE_AGAIN)
    assert await waiting is None
    await coordinator.settle(cost, 30.0, kept=True, worker=TWO)
    await coordinator.settle(cost, 5.0, kept=True, worker=THREE)
    assert isinstance(await coordinator.reserve(cost, TWO), BudgetError)
    await coordinator.close()


async def test_a_budget_without_limit_asks_nobody(coordinator: Coordinator) -> None:
    client = client_of(coordinator, "one")
    model = Budgeted(ScriptedCompleter(["Question"]), SharedBudget(None, PRICES, client), "scripted")
    await model.complete(a_request())
    limited = SharedBudget(1.0, PRICES, client)
    await limited.reserve(0.5)
    assert coordinator._reserved == {"one": 0.5}
    limited.settle(0.5, 0.25, kept=True)
    await asyncio.sleep(0)
    assert coordinator._reserved == {"one": 0.0}


async def test_the_pace_is_one_for_all_workers(tmp_path: Path) -> None:
    coordinator = Coordinator(CoordinatorOptions(tmp_path / "records.sqlite", limits=Limits(rpm=60)))
    models = [
        Paced(ScriptedCompleter(["Question"] * 9), client_of(coordinator, name), "mock") for name in ("one", "two")
    ]
    calls = [asyncio.ensure_future(model.complete(a_request())) for model in models for _ in range(4)]
    await asyncio.wait(calls, timeout=0.5)
    assert sum(call.done() for call in calls) == 1
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    await coordinator.close()


async def test_counters_are_summed_over_workers_and_their_lives(coordinator: Coordinator) -> None:
    await coordinator.report_meters(ONE, {"mock": Snapshot(calls=1, answered=1)})
    await coordinator.report_meters(ONE, {"mock": Snapshot(calls=3, answered=2)})
    await coordinator.report_meters(ONE_AGAIN, {"mock": Snapshot(calls=1, answered=1)})
    await coordinator.report_meters(TWO, {"mock": Snapshot(calls=10), "other": Snapshot(calls=5)})
    told = await coordinator.close()
    assert {name: (one.calls, one.answered) for name, one in told.items()} == {"mock": (14, 3), "other": (5, 0)}


async def test_the_first_failure_is_what_the_build_ends_with(coordinator: Coordinator) -> None:
    await coordinator.fail(EndpointError("first"))
    await coordinator.fail(EndpointError("second"))
    assert str(await coordinator.failure()) == "first"


async def test_a_keeper_that_cannot_begin_says_why(tmp_path: Path) -> None:
    path = tmp_path / "records.sqlite"
    path.write_text("not a database at all, but longer than a header of one " * 5)
    coordinator = Coordinator(CoordinatorOptions(path), patience_s=0.0)
    assert isinstance(await coordinator.failure(), UsageError)


def test_a_store_of_a_worker_holds_nothing() -> None:
    store, request = EmptyStore(), a_request()
    store.put(request, Completion(key=request.key, text="Question", finish_reason="stop"))
    assert store.find(request.key, include_transient=True) is None


@pytest.mark.parametrize(
    ("text", "workers", "engine"),
    [
        ("local", None, Engine()),
        ("ray", None, Engine(ray=True)),
        ("ray:auto", 3, Engine(ray=True, address="auto", workers=3)),
        ("ray:10.0.0.1:6379", None, Engine(ray=True, address="10.0.0.1:6379")),
    ],
)
def test_an_engine_is_named(text: str, workers: int | None, engine: Engine) -> None:
    assert parse_engine(text, workers) == engine


@pytest.mark.parametrize(
    ("text", "workers"), [("ray:", None), ("dask", None), ("", None), ("local", 2), ("local:", None)]
)
def test_other_engines_are_wrong_use(text: str, workers: int | None) -> None:
    with pytest.raises(UsageError, match="--engine"):
        parse_engine(text, workers)


async def test_workers_together_stop_a_build_whose_answers_are_of_no_use(coordinator: Coordinator) -> None:
    async def spend(worker: str, first: int) -> None:
        client = client_of(coordinator, worker)
        tally = SharedTally(FailureTally(plan_of(PANELS)), client)
        for number in range(first, first + 10):
            request = a_request(number)
            await tally.note(request, Completion(key=request.key, text="", finish_reason="length"))

    await spend("one", 0)
    assert await coordinator.failure() is None
    with pytest.raises(UnusableAnswersError, match="the planner the-planner: 20 of 20"):
        await spend("two", 10)
    assert isinstance(await coordinator.failure(), UnusableAnswersError)


async def test_usable_answers_are_told_with_the_next_that_is_not(coordinator: Coordinator) -> None:
    told: list[int] = []

    class Counting(CoordinatorClient):
        async def report_counts(self, counts: dict[TaskModel, AnswerCounts]) -> PrefDialError | None:
            told.extend(one.calls for one in counts.values())
            return await super().report_counts(counts)

    tally = SharedTally(FailureTally(plan_of(PANELS)), Counting(Handle(coordinator), WorkerId("one", "first")))
    for number in range(40):
        request = a_request(number)
        text, finish = ("", "length") if number == 20 else ("Question", "stop")
        await tally.note(request, Completion(key=request.key, text=text, finish_reason=finish))
    assert told == [21]
    await tally.report()
    assert told == [21, 40]
    assert await coordinator.failure() is None


async def test_a_call_that_was_not_answered_in_time_goes_to_one_of_those_who_wait(coordinator: Coordinator) -> None:
    key = a_request().key
    assert await coordinator.claim(key, ONE) is None
    waiting = [asyncio.ensure_future(coordinator.claim(key, worker)) for worker in (TWO, THREE)]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=5)
    await asyncio.sleep(0.02)
    assert [one.done() for one in waiting].count(True) == 1
    for one in waiting:
        one.cancel()


async def test_what_a_dead_process_settles_late_is_not_given_back_twice(tmp_path: Path) -> None:
    coordinator = Coordinator(CoordinatorOptions(tmp_path / "records.sqlite", budget_usd=10.0, prices=PRICES))
    assert await coordinator.reserve(10.0, ONE) is None
    await coordinator.register(ONE_AGAIN)
    await coordinator.settle(10.0, 0.0, kept=False, worker=ONE)
    assert await coordinator.reserve(10.0, ONE_AGAIN) is None
    await coordinator.register(ONE._replace(life="third"))
    assert await asyncio.wait_for(coordinator.reserve(10.0, TWO), timeout=1) is None
    await coordinator.close()

"""No more at once and no more in a minute than was said; less where the endpoint says so, and not for long."""

import asyncio
from bisect import bisect_left
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from servers.asking import make_request
from servers.virtual_time import run_virtually

from ipm_prefdial.builders.models.budget import Meter
from ipm_prefdial.builders.models.limit import ConcurrencyGate, Limited, Limits, Pace, estimate_tokens
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, Outcome, Request


class Server:
    """An endpoint in virtual time, which refuses at once what is more than `capacity`, and some more by number."""

    def __init__(self, latency_s: float = 0.05, capacity: int = 10**9, refuse_each: int = 10**9) -> None:
        self.latency_s, self.capacity, self.refuse_each = latency_s, capacity, refuse_each
        self.in_flight = self.max_in_flight = self.refused = self.asked = 0
        self.began: list[float] = []

    async def complete(self, request: Request) -> Outcome:
        self.asked += 1
        self.began.append(asyncio.get_running_loop().time())
        if self.in_flight >= self.capacity or self.asked % self.refuse_each == 0:
            self.refused += 1
            return Failed(key=request.key, reason=FailureReason.RATE_LIMITED, detail="")
        self.in_flight += 1
        self.max_in_flight = max(self.max_in_flight, self.in_flight)
        await asyncio.sleep(self.latency_s)
        self.in_flight -= 1
        return Completion(key=request.key, text="", finish_reason="stop")


async def ask_all(model: Limited, calls: int) -> float:
    """Seconds that it took."""
    loop = asyncio.get_running_loop()
    start, request = loop.time(), make_request()
    await asyncio.gather(*(model.complete(request) for _ in range(calls)))
    return loop.time() - start


def most_in_a_minute(times: list[float]) -> int:
    return max(bisect_left(times, start + 60) - number for number, start in enumerate(times))


@settings(max_examples=30)
@given(concurrency=st.integers(1, 20), calls=st.integers(1, 60), latencies=st.lists(st.floats(0, 1), min_size=1))
def test_never_more_at_once_than_the_limit(concurrency: int, calls: int, latencies: list[float]) -> None:
    server = Server()
    meter = Meter()
    waits = iter(latencies * 60)

    class Uneven(Server):
        async def complete(self, request: Request) -> Outcome:
            server.latency_s = next(waits)
            assert meter.in_flight <= concurrency
            return await server.complete(request)

    run_virtually(ask_all(Limited(Uneven(), Limits(concurrency=concurrency), meter), calls))
    assert server.max_in_flight <= concurrency
    assert server.asked == calls
    assert meter.in_flight == 0


def test_straggler_holds_nobody_up() -> None:
    class Straggling(Server):
        async def complete(self, request: Request) -> Outcome:
            self.latency_s = 100.0 if self.asked == 0 else 1.0
            return await super().complete(request)

    # One slot is taken for 100 s; the other does the 99 others in 99 s meanwhile.
    assert run_virtually(ask_all(Limited(Straggling(), Limits(concurrency=2)), 100)) == pytest.approx(100, abs=0.1)


def test_stray_refusals_leave_throughput_near_the_full_rate() -> None:
    full = run_virtually(ask_all(Limited(Server(), Limits(concurrency=64)), 6400))
    stray = run_virtually(ask_all(Limited(Server(refuse_each=20), Limits(concurrency=64)), 6400))
    assert stray < full * 1.05


@pytest.mark.parametrize("latency_s", [0.05, 5.0])
def test_real_ceiling_is_found_and_kept_to(latency_s: float) -> None:
    server = Server(latency_s, capacity=16)
    model = Limited(server, Limits(concurrency=64))

    async def ask_until_answered() -> None:
        for _ in range(100):
            outcome: Outcome | None = None
            while not isinstance(outcome, Completion):
                outcome = await model.complete(make_request())
                await asyncio.sleep(latency_s if isinstance(outcome, Failed) else 0)

    async def run() -> None:
        await asyncio.gather(*(ask_until_answered() for _ in range(64)))

    run_virtually(run())
    assert server.refused < 0.15 * server.asked


def test_limit_recovers_in_a_few_rounds_after_a_storm() -> None:
    gate = ConcurrencyGate(64)
    for _ in range(2000):
        gate.note(refused=True)
    assert gate.limit == 1
    successes = 0
    while gate.limit < 64:
        gate.note(refused=False)
        successes += 1
    assert successes < 150


@given(st.lists(st.booleans(), max_size=500), st.integers(1, 64))
def test_limit_stays_between_one_and_its_ceiling(refusals: list[bool], ceiling: int) -> None:
    gate = ConcurrencyGate(ceiling)
    for refused in refusals:
        gate.note(refused=refused)
        assert 1 <= gate.limit <= ceiling


async def test_cancelled_waiters_lose_no_slot() -> None:
    gate = ConcurrencyGate(1)
    await gate.enter()
    waiting = [asyncio.create_task(gate.enter()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    gate.leave()  # goes to the second: the first is cancelled and not yet gone
    waiting[1].cancel()  # let in and cancelled at one moment
    await asyncio.wait(waiting, timeout=5)
    assert [task.cancelled() for task in waiting] == [True, True, False]
    gate.leave()
    assert gate.in_flight == 0
    await gate.enter()


@pytest.mark.parametrize("rpm", [1, 2, 7, 60, 500, 3000])
def test_calls_in_any_minute_stay_within_rpm_and_are_spread(rpm: int) -> None:
    server = Server(latency_s=0.01)
    calls = 3 * rpm + 5
    took = run_virtually(ask_all(Limited(server, Limits(concurrency=50, rpm=rpm)), calls))
    assert most_in_a_minute(server.began) <= rpm
    assert most_in_a_minute([time * 60 for time in server.began]) <= max(2, rpm / 60 * 2 + 2)
    assert took / 60 < (calls / rpm) * (1.1 if rpm > 10 else 2.1)


def test_tokens_in_any_minute_stay_within_tpm() -> None:
    server = Server(latency_s=0.01)
    each = estimate_tokens(make_request())
    run_virtually(ask_all(Limited(server, Limits(concurrency=50, tpm=each * 20)), 70))
    assert most_in_a_minute(server.began) <= 20


def test_call_larger_than_a_minute_goes_through_alone() -> None:
    server = Server(latency_s=0.01)
    run_virtually(ask_all(Limited(server, Limits(tpm=10)), 3))
    assert all(later - earlier > 59 for earlier, later in pairwise(server.began))


def test_large_call_is_not_overtaken_for_ever() -> None:
    order: list[float] = []

    async def take(pace: Pace, amount: float) -> None:
        await pace.take(amount)
        order.append(amount)

    async def run() -> None:
        pace = Pace(6000)
        await asyncio.gather(*(take(pace, amount) for amount in (100, 500, 1, 1, 1)))

    run_virtually(run())
    assert order == [100, 500, 1, 1, 1]


def test_call_that_is_larger_than_a_minutes_amount_takes_a_minute_or_two() -> None:
    async def run() -> float:
        await Pace(60).take(6000)
        return asyncio.get_running_loop().time()

    start = run_virtually(_now())
    assert run_virtually(run()) - start < 120


async def _now() -> float:
    return asyncio.get_running_loop().time()

"""What is known is not asked, and what is being asked is not asked twice."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.asking import make_request

from ipm_prefdial.builders.models.budget import Meter
from ipm_prefdial.builders.models.client import ScriptedCompleter
from ipm_prefdial.builders.models.record import Recording, Records
from ipm_prefdial.schemas.errors import EndpointError
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, Outcome, Request


class Held:
    """A completer whose answers wait until `release` is set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked = 0
        self.release = asyncio.Event()
        self.error = error

    async def complete(self, request: Request) -> Outcome:
        self.asked += 1
        await self.release.wait()
        if self.error is not None:
            raise self.error
        return Completion(key=request.key, text=f"answer {self.asked}", finish_reason="stop")


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    with Records(tmp_path / "records.sqlite") as opened:
        yield opened


async def let_run() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_known_answer_is_not_asked_again(records: Records) -> None:
    inner, meter = ScriptedCompleter(["first"]), Meter()
    model = Recording(inner, records, meter)
    first = await model.complete(make_request())
    assert await model.complete(make_request()) == first
    assert len(inner.requests) == 1
    seen = meter.snapshot()
    assert (seen.calls, seen.answered, seen.from_records, seen.failed) == (2, 1, 1, 0)


async def test_final_failure_is_not_asked_again_and_a_transient_one_is(records: Records) -> None:
    final = Failed(key="", reason=FailureReason.REFUSED, detail="no")
    passing = Failed(key="", reason=FailureReason.TIMEOUT, detail="slow")
    model = Recording(ScriptedCompleter([final, passing, "at last"]), records)
    for _ in range(2):
        outcome = await model.complete(make_request("one"))
        assert isinstance(outcome, Failed) and outcome.reason is FailureReason.REFUSED
    assert isinstance(await model.complete(make_request("two")), Failed)
    assert isinstance(await model.complete(make_request("two")), Completion)


async def test_replay_gives_transient_failures_as_they_were(records: Records) -> None:
    request = make_request()
    passing = Failed(key=request.key, reason=FailureReason.TIMEOUT, detail="slow")
    records.put(request, passing)
    assert await Recording(ScriptedCompleter([]), records, replay=True).complete(request) == passing


async def test_equal_requests_in_flight_are_asked_once(records: Records) -> None:
    inner, meter = Held(), Meter()
    model = Recording(inner, records, meter)
    waiting = [asyncio.create_task(model.complete(make_request())) for _ in range(5)]
    await let_run()
    inner.release.set()
    answers = await asyncio.gather(*waiting)
    assert inner.asked == 1
    assert len(set(answers)) == 1
    seen = meter.snapshot()
    assert (seen.calls, seen.answered, seen.from_records) == (5, 1, 4)


@pytest.mark.parametrize("cancelled", [0, 1])
async def test_cancelling_one_of_two_leaves_the_other_its_answer(records: Records, cancelled: int) -> None:
    inner = Held()
    model = Recording(inner, records)
    both = [asyncio.create_task(model.complete(make_request())) for _ in range(2)]
    await let_run()
    both[cancelled].cancel()
    await let_run()
    inner.release.set()
    assert isinstance(await both[1 - cancelled], Completion)
    with pytest.raises(asyncio.CancelledError):
        await both[cancelled]
    assert inner.asked == (2 if cancelled == 0 else 1)


async def test_error_reaches_everybody_who_waits(records: Records) -> None:
    inner = Held(EndpointError("nobody there"))
    model = Recording(inner, records)
    waiting = [asyncio.create_task(model.complete(make_request())) for _ in range(3)]
    await let_run()
    inner.release.set()
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert all(isinstance(answer, EndpointError) for answer in answers)
    assert inner.asked == 1
    assert not model._flying


async def test_error_is_no_warning_when_everybody_who_waited_is_gone(records: Records) -> None:
    inner = Held(EndpointError("nobody there"))
    model = Recording(inner, records)
    first, second = (asyncio.create_task(model.complete(make_request())) for _ in range(2))
    await let_run()
    second.cancel()
    await let_run()
    inner.release.set()
    with pytest.raises(EndpointError):
        await first


async def test_a_failure_in_passing_is_shared_with_all_who_wait(records: Records) -> None:
    """Otherwise every one of them would ask an endpoint again that has just said that it is too busy."""
    release, asked = asyncio.Event(), 0

    class Busy:
        async def complete(self, request: Request) -> Outcome:
            nonlocal asked
            asked += 1
            await release.wait()
            return Failed(key=request.key, reason=FailureReason.RATE_LIMITED, detail="too many")

    model = Recording(Busy(), records)
    waiting = [asyncio.create_task(model.complete(make_request())) for _ in range(3)]
    await let_run()
    release.set()
    answers = await asyncio.gather(*waiting)
    assert asked == 1
    assert [isinstance(one, Failed) and one.reason for one in answers] == [FailureReason.RATE_LIMITED] * 3

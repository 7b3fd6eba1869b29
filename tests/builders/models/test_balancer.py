"""Several places that serve one model, over real sockets: the slow one gets less, the failing one next to nothing."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from servers.asking import make_request
from servers.chat_server import ChatServer, Faults, RawAnswer

from ipm_prefdial.builders.models._balancer import LoadBalanced
from ipm_prefdial.builders.models._http import open_model
from ipm_prefdial.builders.models._retry import RetryPolicy
from ipm_prefdial.builders.models.budget import Meter
from ipm_prefdial.builders.models.endpoint import Endpoint
from ipm_prefdial.builders.models.limit import Limits
from ipm_prefdial.builders.models.record import Records
from ipm_prefdial.schemas.errors import EndpointError
from ipm_prefdial.schemas.inference import Completion, Outcome, Request

NOBODY = "http://127.0.0.1:9/v1"
QUICK = RetryPolicy(first_wait_s=0.02, jitter_s=0.02, max_wait_s=0.3)


def endpoint_of(*urls: str, name: str = "mock") -> Endpoint:
    return Endpoint(name=name, base_url=urls[0], more_urls=urls[1:])


async def ask_all(
    path: Path, endpoint: Endpoint, requests: Sequence[Request], limits: Limits | None = None
) -> tuple[list[Outcome], Meter]:
    meter = Meter()
    with Records(path) as records:
        async with open_model(
            endpoint, records=records, limits=limits or Limits(concurrency=16), meter=meter, policy=QUICK
        ) as model:
            return await asyncio.gather(*(model.complete(request) for request in requests)), meter


def requests_of(number: int) -> list[Request]:
    return [make_request(f"row {one}") for one in range(number)]


async def test_a_slow_place_gets_less_and_a_failing_one_next_to_nothing(tmp_path: Path) -> None:
    with (
        ChatServer(latency_s=0.02) as quick,
        ChatServer(latency_s=0.2) as slow,
        ChatServer(faults=Faults(server_error=1.0)) as failing,
    ):
        outcomes, meter = await ask_all(
            tmp_path / "records", endpoint_of(quick.url, slow.url, failing.url), requests_of(400)
        )
    assert all(isinstance(outcome, Completion) for outcome in outcomes)
    assert quick.asked.total() > slow.asked.total() > 0
    assert 0 < failing.asked.total() <= 30
    assert sum((quick.answered + slow.answered).values()) == 400 == meter.snapshot().answered


async def test_a_place_that_comes_back_is_asked_again(tmp_path: Path) -> None:
    broken = RawAnswer(503, {"error": {"message": "starting"}})
    with ChatServer(latency_s=0.01) as steady, ChatServer(latency_s=0.01) as late:
        late.raw = lambda _: broken if late.asked.total() < 3 else None
        await ask_all(tmp_path / "records", endpoint_of(steady.url, late.url), requests_of(1500))
        assert sum(late.answered.values()) > 100


async def test_all_down_is_told_as_one_down_is(tmp_path: Path) -> None:
    with pytest.raises(EndpointError, match=r"no server answers at 127\.0\.0\.1:9, 127\.0\.0\.1:9"):
        await ask_all(tmp_path / "records", endpoint_of(NOBODY, f"{NOBODY}/other"), requests_of(4))


async def test_a_place_that_does_not_know_the_model_is_passed_over_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with ChatServer() as right, ChatServer(models=("other",)) as wrong:
        outcomes, _ = await ask_all(tmp_path / "records", endpoint_of(wrong.url, right.url), requests_of(50))
    assert all(isinstance(outcome, Completion) for outcome in outcomes)
    assert len([one for one in caplog.messages if "passed over" in one]) == 1
    with ChatServer(models=("a",)) as one, ChatServer(models=("b",)) as two, pytest.raises(EndpointError, match="mock"):
        await ask_all(tmp_path / "others", endpoint_of(one.url, two.url), requests_of(4))


async def test_the_limits_hold_over_all_places_together(tmp_path: Path) -> None:
    with ChatServer(latency_s=0.02) as one, ChatServer(latency_s=0.02) as two:
        _, meter = await ask_all(
            tmp_path / "records", endpoint_of(one.url, two.url), requests_of(60), Limits(concurrency=3)
        )
        assert one.max_in_flight <= 2 and two.max_in_flight <= 2  # three at once, shared out
    assert one.asked.total() + two.asked.total() == 60
    assert meter.snapshot().calls == 60


async def test_records_know_no_place(tmp_path: Path) -> None:
    with ChatServer() as one, ChatServer() as two:
        await ask_all(tmp_path / "records", endpoint_of(one.url), requests_of(10))
        await ask_all(tmp_path / "records", endpoint_of(two.url, one.url), requests_of(10))
    assert two.asked.total() == 0


async def test_a_call_that_is_cancelled_leaves_its_place_as_it_was() -> None:
    class Waits:
        async def complete(self, request: Request) -> Outcome:
            await asyncio.Event().wait()
            raise AssertionError

    spread = LoadBalanced([Waits(), Waits()], ["one", "two"])
    task = asyncio.ensure_future(spread.complete(make_request()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [(place.in_flight, place.failures) for place in spread.places.all] == [(0, 0), (0, 0)]

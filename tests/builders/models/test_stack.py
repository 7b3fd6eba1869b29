"""The whole of it against a server that misbehaves, and against being killed."""

import asyncio
import json
import logging
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic import SecretStr
from servers.asking import make_request
from servers.chat_server import ChatServer, Faults

from ipm_prefdial.builders.models._http import open_model
from ipm_prefdial.builders.models.budget import Budget, Meter, Price, Prices, load_prices
from ipm_prefdial.builders.models.endpoint import Endpoint
from ipm_prefdial.builders.models.limit import Limits
from ipm_prefdial.builders.models.record import Records
from ipm_prefdial.schemas.errors import BudgetError, EndpointError, UsageError
from ipm_prefdial.schemas.inference import Completion, Failed

KEY = "sk-very-secret-0123456789"


def holds(folder: Path, secret: str) -> bool:
    return any(secret.encode() in file.read_bytes() for file in folder.iterdir())


async def no_wait(_seconds: float) -> None:
    await asyncio.sleep(0)


async def test_everything_is_answered_in_spite_of_faults_and_nothing_is_asked_twice(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    path, meter = tmp_path / "records.sqlite", Meter()
    faults = Faults(rate_limited=0.05, server_error=0.05, reset=0.05, cut=0.05, empty_choices=0.05)
    requests = [make_request(f"row {number}") for number in range(200)]
    with ChatServer(faults=faults, key=KEY, seed=3) as server:
        endpoint = Endpoint(name="mock", base_url=server.url, key=SecretStr(KEY))
        with Records(path) as records:
            async with open_model(
                endpoint, records=records, limits=Limits(concurrency=8), meter=meter, sleep=no_wait
            ) as model:
                outcomes = await asyncio.gather(*(model.complete(request) for request in requests * 2))
    assert [outcome.key for outcome in outcomes] == [request.key for request in requests * 2]
    assert all(isinstance(outcome, Completion) for outcome in outcomes)
    assert server.max_in_flight <= 8
    assert set(server.answered.values()) == {1} and len(server.answered) == 200
    seen = meter.snapshot()
    assert (seen.calls, seen.answered, seen.from_records, seen.failed, seen.in_flight) == (400, 200, 200, 0, 0)
    assert sum(seen.retries.values()) == sum(server.met.values()) > 20
    assert KEY not in caplog.text + str(outcomes) + repr(endpoint)
    assert not holds(tmp_path, KEY)


async def test_failure_that_no_retry_mends_is_an_outcome_and_is_asked_again_next_time(tmp_path: Path) -> None:
    with ChatServer(faults=Faults(server_error=1)) as server, Records(tmp_path / "r.sqlite") as records:
        endpoint, request = Endpoint(name="mock", base_url=server.url), make_request()
        async with open_model(endpoint, records=records, sleep=no_wait) as model:
            first = await model.complete(request)
            assert isinstance(first, Failed)
        server.faults = Faults()
        async with open_model(endpoint, records=records, replay=True) as model:
            assert await model.complete(request) == first
        async with open_model(endpoint, records=records) as model:
            assert isinstance(await model.complete(request), Completion)


async def test_budget_stops_the_run_and_keeps_what_was_answered(tmp_path: Path) -> None:
    budget = Budget(100, Prices(models={"mock": Price(prompt=0, completion=1e6)}))
    meter = Meter(budget.price_of("mock"))
    with ChatServer() as server, Records(tmp_path / "r.sqlite") as records:
        endpoint = Endpoint(name="mock", base_url=server.url)
        async with open_model(endpoint, records=records, budget=budget, meter=meter) as model:
            outcomes = await asyncio.gather(
                *(model.complete(make_request(f"row {n}", max_tokens=10)) for n in range(20)), return_exceptions=True
            )
        kept = [outcome for outcome in outcomes if isinstance(outcome, Completion)]
        assert all(isinstance(outcome, Completion | BudgetError) for outcome in outcomes)
        assert len(kept) == server.answered.total() == sum(total.calls for total in records.spent()) == 13
        assert meter.snapshot().cost_usd == budget.spent == 91


async def test_model_without_a_price_opens_nothing(tmp_path: Path) -> None:
    with Records(tmp_path / "r.sqlite") as records, pytest.raises(UsageError, match="has no price"):
        endpoint = Endpoint(name="mine", base_url="http://127.0.0.1:9/v1")
        async with open_model(endpoint, records=records, budget=Budget(1, load_prices())):
            pytest.fail("opened")


async def test_nobody_there_is_said_with_host_and_port(tmp_path: Path) -> None:
    with socket.socket() as taken, Records(tmp_path / "r.sqlite") as records:
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        async with open_model(Endpoint(name="m", base_url=f"http://{place}"), records=records, sleep=no_wait) as model:
            with pytest.raises(EndpointError, match=f"no server answers at {place}"):
                await model.complete(make_request())


async def test_cancelled_calls_leave_the_model_usable(tmp_path: Path) -> None:
    meter = Meter()
    with ChatServer(latency_s=0.05) as server, Records(tmp_path / "r.sqlite") as records:
        endpoint = Endpoint(name="mock", base_url=server.url)
        async with open_model(endpoint, records=records, limits=Limits(concurrency=2), meter=meter) as model:
            calls = [asyncio.create_task(model.complete(make_request(f"row {n}"))) for n in range(6)]
            await asyncio.sleep(0.02)
            for call in calls:
                call.cancel()
            await asyncio.wait(calls)
            assert meter.in_flight == 0
            assert isinstance(await model.complete(make_request("after")), Completion)


def wait_until_answered(server: ChatServer, number: int) -> None:
    deadline = time.monotonic() + 60
    while server.answered.total() < number:
        assert time.monotonic() < deadline, "the run did not get going"
        time.sleep(0.005)


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_run_goes_on_without_asking_again_what_is_on_record(tmp_path: Path, seed: int) -> None:
    path, calls, concurrency = tmp_path / "records.sqlite", 400, 8
    with ChatServer(latency_s=0.01, seed=seed) as server:
        command = [sys.executable, "-m", "servers.asking", server.url, str(path), str(calls), str(concurrency)]
        place = Path(__file__).parents[2]
        with subprocess.Popen(command, cwd=place) as run:
            wait_until_answered(server, 100 * seed)
            run.send_signal(signal.SIGKILL)
        with Records(path) as records:
            known = {row.key for row in records.rows()}
        asked_before = {body["messages"][-1]["content"] for body in server.bodies}
        subprocess.run(command, cwd=place, check=True, timeout=120)
        with Records(path) as records:
            assert len({row.key for row in records.rows()}) == calls
    times: dict[str, int] = {}
    for body in server.bodies:
        times[body["messages"][-1]["content"]] = times.get(body["messages"][-1]["content"], 0) + 1
    keys = {text: make_request(text).key for text in times}
    assert len(times) == calls and known
    assert all(times[text] == 1 for text in times if keys[text] in known)
    twice = {text for text in times if times[text] > 1}
    assert twice == {text for text in asked_before if keys[text] not in known}
    assert max(times.values()) <= 2


def test_fake_server_runs_as_a_program() -> None:
    command = [sys.executable, "-m", "servers.chat_server", "--reply", "yes", "--server_error", "1"]
    with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        url = program.stdout.readline().strip()
        client = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"
        stats = url.removesuffix("/v1") + "/stats"
        shown = subprocess.run([sys.executable, "-c", client, stats], capture_output=True, text=True, check=True)
        program.terminate()
    assert json.loads(shown.stdout) == {"asked": {}, "answered": {}, "met": {}, "max_in_flight": 0}

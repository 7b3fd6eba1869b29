"""Builds on a Ray cluster of several nodes give the bytes of a local one, whoever dies on the way."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from servers.chat_server import ChatServer, Faults, RawAnswer
from support.command import clean_environ, command_line
from support.persona import play_role
from support.ray_cluster import RayCluster, ray_cluster, why_no_ray
from support.same import bytes_of_tables

from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.models.pool import ModelOptions
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import Config

pytestmark = [pytest.mark.slow, pytest.mark.skipif(why_no_ray() is not None, reason=str(why_no_ray()))]

LIMIT = 40
CONCURRENCY = 8
PATIENCE_S = float(os.environ.get("IPM_PREFDIAL_TEST_PATIENCE_S", "600"))
"""How long a build on the cluster may take on a busy machine."""


@pytest.fixture(scope="module")
def running_cluster() -> Iterator[RayCluster]:
    """Two nodes with a CPU each, beside the head."""
    with ray_cluster(nodes=2) as running:
        yield running


@pytest.fixture
def cluster(running_cluster: RayCluster) -> RayCluster:
    """The same, and whole, whatever the test before did to it."""
    running_cluster.restore()
    return running_cluster


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release as the local engine makes it."""
    out = tmp_path_factory.mktemp("local") / "release"
    with ChatServer(play_role) as server:
        model = (f"mock@{server.url}",)
        build(BuildOptions(out, models=ModelOptions(planner=model, responder=model, judge=model), limit=LIMIT))
    return out


def start(out: Path, cluster: RayCluster, server: ChatServer, *more: str) -> "subprocess.Popen[str]":
    """A build on the cluster, in a process of its own."""
    models = [word for role in ("planner", "responder", "judge") for word in (f"--{role}", f"mock@{server.url}")]
    words = ("build", "--out", out, "--limit", str(LIMIT), "--concurrency", str(CONCURRENCY), *models)
    engine = ("--engine", f"ray:{cluster.address}", "--workers", "2")
    command = command_line(*words, *engine, *more)
    environ = clean_environ()
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environ)


def end(running: "subprocess.Popen[str]") -> tuple[int, str]:
    """The exit code and the errors of a build that comes to its end."""
    _, told = running.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in told, told
    return running.returncode, told


def wait_for(server: ChatServer, requests: int) -> None:
    """Returns when so much was sent."""
    deadline = time.monotonic() + PATIENCE_S
    while server.asked.total() < requests:
        assert time.monotonic() < deadline, "the build never sent so much"
        time.sleep(0.02)


def sent_twice(server: ChatServer) -> int:
    """Answers beyond the first to one request."""
    return sum(times - 1 for times in server.answered.values())


def calls_of(out: Path) -> int:
    """Distinct calls of a release."""
    return sum(1 for _ in Release(out).rows(Config.COMPLETIONS))


def test_the_bytes_are_those_of_the_local_engine(tmp_path: Path, cluster: RayCluster, local: Path) -> None:
    with ChatServer(play_role, faults=Faults(rate_limited=0.05, server_error=0.03, straggle=0.02)) as server:
        code, told = end(start(tmp_path / "release", cluster, server))
        assert code == 0, told
        assert bytes_of_tables(tmp_path / "release") == bytes_of_tables(local)
        assert server.answered.total() == len(server.answered) == calls_of(local)
        assert server.max_in_flight <= CONCURRENCY
    told_of = Release(tmp_path / "release").manifest.run.endpoints["mock"]
    assert told_of["answered"] == calls_of(local)
    assert sum(told_of["retries"].values()) > 0


@pytest.mark.parametrize("victim", [RayCluster.kill_worker, RayCluster.kill_node, RayCluster.kill_coordinator])
def test_who_dies_is_replaced_and_nothing_is_paid_twice_but_what_was_in_flight(
    tmp_path: Path, cluster: RayCluster, local: Path, victim: Callable[[RayCluster], object]
) -> None:
    with ChatServer(play_role, latency_s=0.05) as server:
        running = start(tmp_path / "release", cluster, server)
        wait_for(server, 100)
        assert victim(cluster) is not False
        code, told = end(running)
        assert code == 0, told
        assert sent_twice(server) <= CONCURRENCY
    assert bytes_of_tables(tmp_path / "release") == bytes_of_tables(local)


def test_a_killed_build_goes_on_with_the_same_command(tmp_path: Path, cluster: RayCluster, local: Path) -> None:
    with ChatServer(play_role, latency_s=0.05) as server:
        for requests in (60, 200):
            running = start(tmp_path / "release", cluster, server)
            wait_for(server, requests)
            running.kill()
            running.communicate()
        code, told = end(start(tmp_path / "release", cluster, server))
        assert code == 0, told
        assert sent_twice(server) <= 2 * CONCURRENCY
    assert bytes_of_tables(tmp_path / "release") == bytes_of_tables(local)


def test_one_budget_holds_for_all_workers(tmp_path: Path, cluster: RayCluster, local: Path) -> None:
    prices = tmp_path / "prices.yaml"
    prices.write_text("models: {mock: {prompt: 1000, completion: 1000}}")
    with ChatServer(play_role) as server:
        code, told = end(start(tmp_path / "release", cluster, server, "--prices", str(prices), "--budget", "3"))
        assert code == 1
        assert "raise --budget" in told
        assert 0 < server.answered.total() * 19 * 1000 / 1e6 <= 3.0
        code, told = end(start(tmp_path / "release", cluster, server, "--prices", str(prices), "--budget", "1000"))
        assert code == 0, told
        assert sent_twice(server) == 0
    assert bytes_of_tables(tmp_path / "release") == bytes_of_tables(local)


def test_an_endpoint_that_will_not_have_us_ends_the_build_with_one_line(tmp_path: Path, cluster: RayCluster) -> None:
    with ChatServer(play_role, models=("other",)) as server:
        code, told = end(start(tmp_path / "release", cluster, server))
    assert code == 3
    assert "other" in told
    assert len([line for line in told.splitlines() if line.startswith("ipm-prefdial:")]) == 1


def test_a_role_that_fails_for_good_stops_the_whole_cluster(tmp_path: Path, cluster: RayCluster) -> None:
    refused = RawAnswer(400, {"error": {"message": "System role not supported"}})
    with ChatServer(play_role, raw=lambda body: refused) as server:
        code, told = end(start(tmp_path / "release", cluster, server))
        sent = server.asked.total()
        assert code == 3 and "System role not supported" in told and "are of no use" in told
        assert sent < 200
        assert end(start(tmp_path / "release", cluster, server))[0] == 3
    assert not (tmp_path / "release").exists()

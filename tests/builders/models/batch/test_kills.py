"""A run that is killed at any call, before or after the provider has carried it out, goes on and pays nothing twice."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from servers.batch_parts import Trouble
from servers.batch_server import BatchServer
from servers.batching import ask_in_batches
from support.kills import kill_at

from ipm_prefdial.builders.models.batch.ledger import Ledger
from ipm_prefdial.builders.models.record import Records

CALLS = 25
TESTS = Path(__file__).parents[3]

POINTS = [
    (when + name, number)
    for name in ("upload", "create", "retrieve", "download", "delete")
    for number in (1, 2)
    for when in ("", "done ")
]
"""The calls at which it is killed, before they are carried out or after, and the how-manieth of their name."""


def start(server: BatchServer, folder: Path) -> "subprocess.Popen[bytes]":
    words = [sys.executable, "-m", "servers.batching", server.url, str(folder), str(CALLS)]
    return subprocess.Popen(words, cwd=TESTS, stderr=subprocess.PIPE)


def check(server: BatchServer, folder: Path) -> None:
    """All is answered and on record, was paid once, and nothing is left at the provider or open in the books."""
    assert len(server.run_times) == CALLS and set(server.run_times.values()) == {1}
    assert server.files == {}
    marks = [batch.about["metadata"]["ipm_prefdial"] for batch in server.batches.values()]
    assert len(set(marks)) == len(marks) == 3
    with Records(folder / "records.sqlite") as records, Ledger(folder / "batches.sqlite") as ledger:
        assert {row.key for row in records.rows()} == set(server.run_times)
        assert ledger.open_jobs() == [] and ledger.waiting() == []


def end(running: "subprocess.Popen[bytes]") -> int:
    _, told = running.communicate(timeout=120)
    assert running.returncode in (0, -signal.SIGKILL), told.decode()
    return running.returncode


def run_with_kills(folder: Path, points: list[tuple[str, int]], trouble: Trouble | None = None) -> None:
    running: list[subprocess.Popen[bytes]] = []
    with BatchServer(trouble=trouble) as server:
        for name, number in points:
            server.on_call = kill_at(name, number, lambda: running[-1].pid)
            running.append(start(server, folder))
            assert end(running[-1]) == -signal.SIGKILL, f"never came to {name} {number}"
        server.on_call = lambda name: None
        running.append(start(server, folder))
        assert end(running[-1]) == 0
        check(server, folder)


def test_killed_at_one_stage_after_the_other(tmp_path: Path) -> None:
    points = [("done upload", 1), ("create", 2), ("done create", 1), ("done retrieve", 4), ("done download", 1)]
    run_with_kills(tmp_path, points)


def kill_and_cancel(folder: Path, point: tuple[str, int]) -> None:
    """Ends the batches of a killed run: what is answered stays, nothing is left, and the rest can be asked later."""
    running: list[subprocess.Popen[bytes]] = []
    with BatchServer() as server:
        server.on_call = kill_at(*point, lambda: running[-1].pid)
        running.append(start(server, folder))
        assert end(running[-1]) == -signal.SIGKILL
        server.on_call = lambda name: None
        ask_in_batches(server.url, folder, [], cancel=True)
        assert server.files == {}
        assert {batch.about["status"] for batch in server.batches.values()} <= {"cancelled", "completed"}
        with Records(folder / "records.sqlite") as records:
            assert {row.key for row in records.rows()} == set(server.run_times)
        running.append(start(server, folder))
        assert end(running[-1]) == 0
        assert len(server.run_times) == CALLS and set(server.run_times.values()) == {1}
        assert server.files == {}


def test_killed_and_then_cancelled(tmp_path: Path) -> None:
    kill_and_cancel(tmp_path, ("done create", 1))


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_killed_at_any_call_and_then_cancelled(tmp_path: Path, point: tuple[str, int]) -> None:
    kill_and_cancel(tmp_path, point)


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_killed_at_any_call(tmp_path: Path, point: tuple[str, int]) -> None:
    run_with_kills(tmp_path, [point])


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS, ids=str)
def test_killed_where_answers_get_lost_as_well(tmp_path: Path, point: tuple[str, int]) -> None:
    run_with_kills(tmp_path, [point], Trouble(lost_uploads=1, lost_creates=1, short_downloads=1, refused_creates=1))

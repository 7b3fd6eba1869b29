"""The command in batch mode, killed, interrupted or cancelled at any stage: it goes on, and nothing is paid twice."""

import json
import signal
import subprocess
from pathlib import Path

import pytest
from servers.batch_server import BatchServer
from support.batches import bytes_of, options, settled
from support.command import Done, clean_environ, command_line, ipm_prefdial
from support.kills import kill_at
from support.persona import play_role

from ipm_prefdial.builders.building.collect import cancel_batches
from ipm_prefdial.builders.building.estimate import estimate
from ipm_prefdial.builders.building.run import build
from ipm_prefdial.builders.building.workspace import Workspace
from ipm_prefdial.builders.models.batch.context import BatchLimits
from ipm_prefdial.builders.runtime.progress import NoProgress
from ipm_prefdial.schemas.errors import UsageError


def command(out: Path, server: BatchServer, *more: str) -> list[str]:
    models = [word for role in ("planner", "responder", "judge") for word in (f"--{role}", f"mock@{server.url}")]
    fast = ("--mode", "batch", "--batch-poll", "0.05", "--batch-requests", "40")
    return command_line("build", "--out", out, "--limit", "2", *models, *fast, *more)


def run(out: Path, server: BatchServer, *more: str) -> Done:
    done = subprocess.run(
        command(out, server, *more), capture_output=True, text=True, env=clean_environ(), timeout=300, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


STAGES = ["upload", "done upload", "create", "done create", "done retrieve", "download", "done download", "delete"]


def run_killed(
    out: Path, server: BatchServer, name: str, number: int, by: signal.Signals = signal.SIGKILL
) -> tuple[int, str]:
    """The command, killed at a call of the server's: its exit code, and what it said."""
    running: list[subprocess.Popen[str]] = []
    server.on_call = kill_at(name, number, lambda: running[-1].pid, by)
    running.append(subprocess.Popen(command(out, server), env=clean_environ(), stderr=subprocess.PIPE, text=True))
    _, told = running[-1].communicate(timeout=300)
    server.on_call = lambda name: None
    return running[-1].returncode, told


def test_an_interrupted_build_says_that_it_goes_on_and_does(tmp_path: Path) -> None:
    with BatchServer(play_role) as server:
        code, told = run_killed(tmp_path / "release", server, "retrieve", 2, signal.SIGINT)
        assert code == 130 and "Traceback" not in told
        assert "the same command goes on" in " ".join(told.split())
        wanted = options(tmp_path / "release", server, limit=2)
        waits = sum(len(batch.lines) for batch in server.batches.values())
        assert sum(one.recorded for one in estimate(wanted).roles) == waits > 0, "what is in a batch is not new"
        build(wanted)
        assert settled(server)


@pytest.mark.slow
def test_the_command_killed_after_a_submit_finds_its_batch(tmp_path: Path) -> None:
    with BatchServer(play_role) as server:
        assert run_killed(tmp_path / "release", server, "done create", 1)[0] == -signal.SIGKILL
        live = ipm_prefdial("build", "--out", tmp_path / "release", "--limit", "2")
        assert live.code == 2 and "pay for their requests twice" in live.err
        done = run(tmp_path / "release", server)
        assert done.code == 0, done.err
        assert "wave 2" in done.err
        assert settled(server)


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release of a command that nobody stopped."""
    out = tmp_path_factory.mktemp("calm") / "release"
    with BatchServer(play_role) as server:
        assert run(out, server).code == 0
    return out


@pytest.mark.slow
@pytest.mark.parametrize("number", [1, 3])
@pytest.mark.parametrize("stage", STAGES)
def test_the_command_killed_at_any_stage(tmp_path: Path, calm: Path, stage: str, number: int) -> None:
    with BatchServer(play_role) as server:
        assert run_killed(tmp_path / "release", server, stage, number)[0] == -signal.SIGKILL
        assert run(tmp_path / "release", server).code == 0
        assert settled(server)
    assert bytes_of(tmp_path / "release") == bytes_of(calm)


def test_cancelling_by_the_command(tmp_path: Path) -> None:
    with BatchServer(play_role) as server:
        run_killed(tmp_path / "release", server, "done retrieve", 6)
        assert server.files
        done = ipm_prefdial(
            "build", "--mode", "batch", "--cancel", "--out", tmp_path / "release", "--batch-poll", "0.05", "--json"
        )
        assert done.code == 0, done.err
        assert json.loads(done.out)["answers"] == len(server.run_times)
        assert not server.files
        build(options(tmp_path / "release", server))
        assert settled(server)


def test_there_is_nothing_to_cancel_where_nothing_was_begun(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no unfinished build"):
        cancel_batches(Workspace(tmp_path / "release"), BatchLimits(), NoProgress())

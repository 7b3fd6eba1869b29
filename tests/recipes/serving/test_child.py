"""Commands in the background end when they are told to, and when whoever started them is gone."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ipm_prefdial.recipes.serving.child import last_lines, started
from ipm_prefdial.schemas.errors import UsageError

_FAMILY = """
import pathlib, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
pathlib.Path("pids.part").write_text(f"{__import__('os').getpid()} {child.pid}")
pathlib.Path("pids.part").rename("pids")
time.sleep(300)
"""
"""A command with a child of its own; both sleep."""

_PARENT = f"""
import pathlib, sys, time
from ipm_prefdial.recipes.serving.child import started
with started([sys.executable, "-c", {_FAMILY!r}], pathlib.Path("log"), folder=pathlib.Path(".")):
    time.sleep(300)
"""


def _until(true: Callable[[], bool], within_s: float = 60) -> bool:
    end = time.monotonic() + within_s
    while not true() and time.monotonic() < end:
        time.sleep(0.05)
    return true()


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _pids(folder: Path) -> list[int]:
    assert _until((folder / "pids").exists)
    return [int(pid) for pid in (folder / "pids").read_text().split()]


def test_output_and_exit_code_of_a_command(tmp_path: Path) -> None:
    code = "import os, sys; print('out', os.getcwd()); print(os.environ['SAID'], file=sys.stderr); sys.exit(7)"
    with started(
        [sys.executable, "-c", code], tmp_path / "logs" / "a.log", folder=tmp_path, environ={"SAID": "err"}
    ) as child:
        assert child.wait() == 7
    assert sorted(last_lines(child.log, 5)) == sorted(["err", f"out {tmp_path.resolve()}"])
    assert last_lines(tmp_path / "nowhere", 5) == []


def test_command_that_a_signal_ends(tmp_path: Path) -> None:
    code = "import os; os.kill(os.getpid(), 9)"
    with started([sys.executable, "-c", code], tmp_path / "log", folder=tmp_path) as child:
        assert child.wait() == 128 + 9


def test_end_of_the_context_ends_the_whole_family(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        started([sys.executable, "-c", _FAMILY], tmp_path / "log", folder=tmp_path) as child,
    ):
        pids = _pids(tmp_path)
        assert all(map(_is_alive, pids))
        assert child.code is None
        raise KeyboardInterrupt
    assert child.code is not None
    assert _until(lambda: not any(map(_is_alive, pids)))


def test_death_of_the_parent_ends_the_whole_family(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", _PARENT], cwd=tmp_path) as parent:
        pids = _pids(tmp_path)
        assert all(map(_is_alive, pids))
        parent.send_signal(signal.SIGKILL)
    assert _until(lambda: not any(map(_is_alive, pids)))


def test_open_file_is_held_until_the_command_has_ended(tmp_path: Path) -> None:
    read, write = os.pipe()
    with started([sys.executable, "-c", "input()"], tmp_path / "log", folder=tmp_path, keeps=(write,)):
        os.close(write)
    assert os.read(read, 1) == b"", "nobody has the other end any more"
    os.close(read)


def test_log_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(UsageError, match="cannot be written"),
        started(["true"], tmp_path / "file" / "log", folder=tmp_path),
    ):
        pass

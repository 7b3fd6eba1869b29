"""Memory, resume, rebuild and validation of whole builds, measured on synthetic dialogues and the light mock endpoint.

`python tests/benchmarks/bench_release.py`; it prints what it measured and asserts nothing.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from mock_endpoint import MockEndpoint, why_not
from synthetic import TURNS, write_dialogues

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import Config

SMALL, LARGE, KILLED = 5_000, 100_000, 40_000
_ROWS_PER_TURN = 10
"""About: three demonstrations, three pairs or drops, four recorded calls."""
_COMMAND = (sys.executable, "-m", "ipm_prefdial.builders.cli.main")


@dataclass(frozen=True)
class Measured:
    """One command's resources."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def measure(*words: str | Path) -> Measured:
    """Runs the command to its end."""
    started = time.perf_counter()
    child = subprocess.Popen([*_COMMAND, *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        sys.exit(f"{words[0]} ended with status {status}")
    return Measured(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def build_words(folder: Path, rows: int, url: str) -> list[str | Path]:
    """The build command that makes about `rows` rows."""
    source = folder / f"{rows}.jsonl"
    if not source.exists():
        write_dialogues(source, rows // (_ROWS_PER_TURN * TURNS // 2))
    models = [word for role in ("planner", "responder", "judge") for word in (f"--{role}", f"mock@{url}")]
    return ["build", "--out", folder / f"release-{rows}", "--source", source, "--concurrency", "64", *models]


def rows_of(folder: Path) -> int:
    """Rows of all tables of a release."""
    return sum(record.rows or 0 for record in Release(folder).manifest.files.values())


def bench_memory(folder: Path, mock: MockEndpoint) -> None:
    """Peak memory and speed of a small and a large build, then rebuild and validation of the large one."""
    print(f"{'command':<28}{'rows':>9}{'wall s':>9}{'rows/s':>9}{'CPU s':>9}{'peak MB':>9}")
    peaks = {}
    for rows in (SMALL, LARGE):
        mock.reset(latency=0)
        words = build_words(folder, rows, mock.url)
        done = measure(*words)
        peaks[rows] = done.peak_mb
        _line("build", rows_of(folder / f"release-{rows}"), done)
    large = folder / f"release-{LARGE}"
    for verb in ("verify", "validate"):
        _line(verb, rows_of(large), measure(verb, large))
    print(f"peak memory of the large build over that of the small one: {peaks[LARGE] - peaks[SMALL]:+.0f} MB\n")


def _line(what: str, rows: int, done: Measured) -> None:
    speed = rows / done.wall_s
    print(f"{what:<28}{rows:>9}{done.wall_s:>9.1f}{speed:>9.0f}{done.cpu_s:>9.1f}{done.peak_mb:>9.0f}")


def bench_resume(folder: Path, mock: MockEndpoint, kills: int = 5) -> None:
    """Kills a build at random moments and counts what was sent twice in the end."""
    mock.reset(latency=50)
    words = [str(word) for word in build_words(folder, KILLED, mock.url)]
    dice = random.Random(11)
    for _ in range(kills):
        child = subprocess.Popen([*_COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(1.2 + dice.random())
        child.send_signal(signal.SIGKILL)
        child.wait()
    measure(*words)
    release = Release(folder / f"release-{KILLED}")
    answered = sum(1 for _ in release.rows(Config.COMPLETIONS))
    sent = mock.stats()["requests"]
    print(f"resume: {kills} kills, {answered} distinct calls, {sent} sent: {sent - answered} sent twice,")
    print(f"        {(sent - answered) / kills:.1f} a kill, with 64 in flight at most\n")


def main() -> None:
    """Runs both."""
    if reason := why_not():
        sys.exit(f"skipped: {reason}")
    with tempfile.TemporaryDirectory() as folder, MockEndpoint(Path(folder)) as mock:
        bench_memory(Path(folder), mock)
        bench_resume(Path(folder), mock)


if __name__ == "__main__":
    main()

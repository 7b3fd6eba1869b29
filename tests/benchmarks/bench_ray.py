"""Calls a second of a build's asking by 1, 2 and 4 workers of a Ray cluster, beside the local engine.

`python tests/benchmarks/bench_ray.py [--dialogues N] [WORKERS …]`; it prints what it measured and asserts nothing.
The endpoint is the light mock in C. What is measured is from its first call to its last, so neither Ray's start nor
the tables count. Beside calls a second stand the milliseconds of CPU that a call takes, by who spends them: the
command, the keeper of the records, and all workers together. They hold on a busy machine, too, and tell what bounds a
larger cluster: there is one keeper, so more workers help until it has a core to itself.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from mock_endpoint import MockEndpoint, why_not  # found by the line above
from support.command import clean_environ, command_line
from support.ray_cluster import processes, ray_cluster, why_no_ray
from synthetic import write_dialogues

WORKERS = (1, 2, 4)
CONCURRENCY = 64
LATENCY_MS = 20
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
_LOOK_S = 0.1


@dataclass(frozen=True)
class Asked:
    """One build's asking."""

    calls: int
    wall_s: float
    cpu_s: Counter[str]
    """Of the command, the keeper and the workers."""

    def __str__(self) -> str:
        costs = "".join(f"{self.cpu_s[who] / self.calls * 1000:11.2f}" for who in ("command", "keeper", "workers"))
        return f"{self.calls:8}{self.calls / self.wall_s:10.0f}{costs}"


def run(out: Path, source: Path, mock: MockEndpoint, *engine: str) -> Asked:
    """One build."""
    mock.reset(latency=LATENCY_MS)
    roles = [word for role in ("planner", "responder", "judge") for word in (f"--{role}", f"mock@{mock.url}")]
    words = ("build", "--out", out, "--source", source, "--concurrency", str(CONCURRENCY), *roles, *engine)
    running = subprocess.Popen(
        command_line(*words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=clean_environ()
    )
    spent: dict[tuple[str, int], float] = {}
    asked, before = mock.stats(), 0.0
    while running.poll() is None:
        at = mock.stats()
        if not at["requests"]:
            before = _cpu_s(running.pid)
        if at["requests"] > asked["requests"]:
            whose = {"command": [running.pid], "keeper": processes("ray::Keeper"), "workers": processes("ray::Map")}
            spent |= {(who, pid): _cpu_s(pid) for who, pids in whose.items() for pid in pids}
        asked = at
        time.sleep(_LOOK_S)
    if running.returncode:
        assert running.stderr is not None
        sys.exit(f"the build ended with {running.returncode}: {running.stderr.read()[-500:]}")
    cpu_s = Counter({"command": -before})
    for (who, _), seconds in spent.items():
        cpu_s[who] += seconds
    return Asked(asked["requests"], asked["span"], cpu_s)


def _cpu_s(pid: int) -> float:
    """What a process has spent so far; 0 where it is gone."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_A_SECOND
    return 0.0


def main() -> None:
    """The local engine, then every number of workers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workers", nargs="*", type=int, default=WORKERS)
    parser.add_argument("--dialogues", type=int, default=256)
    options = parser.parse_args()
    if reason := why_not() or why_no_ray():
        print(f"skipped: {reason}")
        return
    print(f"{CONCURRENCY} calls in flight, {LATENCY_MS} ms each, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    print("CPU in ms a call of:".rjust(51))
    print(f"{'':12}{'calls':>8}{'calls/s':>10}{'command':>11}{'keeper':>11}{'workers':>11}")
    with tempfile.TemporaryDirectory() as name, MockEndpoint(Path(name)) as mock:
        folder = Path(name)
        source = write_dialogues(folder / "dialogues.jsonl", options.dialogues)
        print(f"{'local':12}{run(folder / 'local', source, mock)}", flush=True)
        with ray_cluster(nodes=2) as cluster:
            for workers in options.workers:
                engine = ("--engine", f"ray:{cluster.address}", "--workers", str(workers))
                print(f"{workers:2} workers  {run(folder / str(workers), source, mock, *engine)}", flush=True)


if __name__ == "__main__":
    main()

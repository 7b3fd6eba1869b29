"""Kills what a build on a Ray cluster consists of, at random moments, and looks at what becomes of the build.

`python tests/benchmarks/bench_ray_kills.py [--times N] [--seed N] [VICTIM …]`, the victims being a worker, a node, the
driver and the keeper. A cluster of nodes that are processes with resources of their own asks three endpoints that serve
one model: a quick one, a slow one, and one that fails two calls in five. After each `kill -9` the same command goes on
(by itself, but where the driver died) until it is done. A line a kill tells whether the tables are then byte for byte
those of the local engine, and how many calls were made more often than their failures asked for; of these there may be
no more than were in flight. It prints, and ends with 1 where any line broke its word.
"""

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from servers.chat_server import ChatServer, Faults  # found by the line above
from support.command import clean_environ, command_line
from support.persona import play_role
from support.ray_cluster import RayCluster, ray_cluster, why_no_ray
from support.same import bytes_of_tables

LIMIT = 40
CONCURRENCY = 12
WORKERS = 2
FAILING = Faults(rate_limited=0.1, server_error=0.2, reset=0.05, cut=0.05)
_PATIENCE_S = 900.0
_COMMANDS = 4
"""How often the same command is given, at most, before a build counts as lost."""

VICTIMS: dict[str, Callable[[RayCluster], object]] = {
    "worker": RayCluster.kill_worker,
    "node": RayCluster.kill_node,
    "keeper": RayCluster.kill_keeper,
}
"""What is killed besides the driver, which is the command itself."""


@dataclass(frozen=True)
class Endpoints:
    """Several servers of one model."""

    servers: tuple[ChatServer, ...]

    @property
    def name(self) -> str:
        """What a role is given."""
        return "mock@" + ",".join(server.url for server in self.servers)

    @property
    def answers(self) -> int:
        """Whole answers so far."""
        return sum(server.answered.total() for server in self.servers)

    def requests(self) -> int:
        """Different requests that came, once all are through."""
        return len({name for server in self.servers for name in server.asked})

    @property
    def in_flight(self) -> int:
        """Calls that wait for their answer."""
        return sum(server.in_flight for server in self.servers)

    def paid_again(self) -> int:
        """Answers beyond the first to one request."""
        answered: Counter[str] = sum((server.answered for server in self.servers), Counter())
        return answered.total() - len(answered)

    def sent_again(self) -> int:
        """Calls beyond one a request and one more for each that the endpoint itself failed."""
        asked = sum(server.asked.total() - server.met.total() for server in self.servers)
        return asked - self.requests()


@contextmanager
def endpoints() -> Iterator[Endpoints]:
    """A quick one, a slow one and a failing one."""
    kinds = ((0.03, Faults()), (0.15, Faults()), (0.03, FAILING))
    with ExitStack() as stack:
        servers = (ChatServer(play_role, latency_s=latency, faults=faults) for latency, faults in kinds)
        yield Endpoints(tuple(stack.enter_context(server) for server in servers))


@dataclass(frozen=True)
class Told:
    """What became of one build."""

    at: int
    """Answers there were when the victim died; -1 where it was too late to kill anything."""
    in_flight: int
    """Calls that waited for an answer then."""
    commands: int
    """How often the command was given."""
    code: int
    """Its last exit code."""
    same: bool
    """Whether the tables are those of the local engine."""
    sent_again: int
    paid_again: int
    wall_s: float

    @property
    def kept(self) -> bool:
        """Whether everything was as it should be."""
        return self.code == 0 and self.same and self.paid_again <= self.sent_again <= CONCURRENCY

    def __str__(self) -> str:
        return (
            f"at {self.at:4} answers, {self.in_flight:2} in flight: {self.commands} command(s), exit {self.code}, "
            f"{'same bytes' if self.same else 'OTHER BYTES'}, {self.sent_again} sent again, {self.paid_again} paid "
            f"again, {self.wall_s:.0f} s: {'kept' if self.kept else 'BROKEN'}"
        )


def start(out: Path, model: str, *engine: str) -> "subprocess.Popen[str]":
    """The build, in a process of its own."""
    roles = [word for role in ("planner", "responder", "judge") for word in (f"--{role}", model)]
    words = ("build", "--out", out, "--limit", str(LIMIT), "--concurrency", str(CONCURRENCY), *roles, *engine)
    return subprocess.Popen(
        command_line(*words), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=clean_environ()
    )


def run_with_kill(out: Path, cluster: RayCluster, victim: str, after: int, due: dict[str, bytes]) -> Told:
    """One build, in which the victim dies after so many answers."""
    engine = ("--engine", f"ray:{cluster.address}", "--workers", str(WORKERS))
    began = time.monotonic()
    with endpoints() as asked:
        running, commands = start(out, asked.name, *engine), 1
        while (at := asked.answers) < after and running.poll() is None:
            time.sleep(0.005)
        in_flight = asked.in_flight
        if victim == "driver":
            running.send_signal(signal.SIGKILL)
        elif running.poll() is not None or VICTIMS[victim](cluster) is False:
            at = -1
        while (code := _end(running)) != 0 and commands < _COMMANDS:
            running, commands = start(out, asked.name, *engine), commands + 1
        same = code == 0 and bytes_of_tables(out) == due
        wall_s = time.monotonic() - began
        return Told(at, in_flight, commands, code, same, asked.sent_again(), asked.paid_again(), wall_s)


def _end(running: "subprocess.Popen[str]") -> int:
    _, told = running.communicate(timeout=_PATIENCE_S)
    if running.returncode > 0:
        print(f"    exit {running.returncode}: {told.strip()[-300:]}", flush=True)
    return running.returncode


def main() -> int:
    """Every victim in turn, so many times over; then a summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("victims", nargs="*", metavar="VICTIM", help="worker, node, driver or keeper; all if not given")
    parser.add_argument("--times", type=int, default=1, help="kills of each")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    if reason := why_no_ray():
        print(f"skipped: {reason}")
        return 0
    told: dict[str, list[Told]] = {victim: [] for victim in options.victims or ("worker", "node", "driver", "keeper")}
    moments = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder, ray_cluster(nodes=2) as cluster:
        due, calls = local_release(Path(folder) / "local")
        print(f"{calls} calls a build, at most {CONCURRENCY} in flight, {WORKERS} workers, seed {options.seed}")
        for number in range(options.times):
            for victim, lines in told.items():
                cluster.restore()
                after = moments.randrange(1, calls)
                lines.append(run_with_kill(Path(folder) / f"{victim}-{number}", cluster, victim, after, due))
                print(f"{victim:6} {number + 1:2}/{options.times} {lines[-1]}", flush=True)
    summarise(told)
    return 0 if all(line.kept for lines in told.values() for line in lines) else 1


def local_release(out: Path) -> tuple[dict[str, bytes], int]:
    """The tables as the local engine makes them, and how many calls that takes."""
    with endpoints() as asked:
        assert _end(start(out, asked.name)) == 0, "the local engine builds"
        return bytes_of_tables(out), asked.requests()


def summarise(told: dict[str, Sequence[Told]]) -> None:
    """A line a victim."""
    print(
        f"{'killed':8}{'times':>7}{'too late':>10}{'kept':>7}{'same bytes':>12}{'most sent again':>17}{'most paid':>11}"
    )
    for victim, lines in told.items():
        late = sum(line.at < 0 for line in lines)
        kept, same = sum(line.kept for line in lines), sum(line.same for line in lines)
        again, paid = max(line.sent_again for line in lines), max(line.paid_again for line in lines)
        print(f"{victim:8}{len(lines):7}{late:10}{kept:7}{same:12}{again:17}{paid:11}", flush=True)


if __name__ == "__main__":
    sys.exit(main())

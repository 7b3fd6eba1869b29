"""A whole build, validate, audit and diff by number of supporter turns: rows a second, peak memory and disk.

`python tests/benchmarks/bench_many.py [TURNS …] [VERSION …] [--in FOLDER]`; it prints what it measured and asserts
nothing. The models are a null endpoint in the build's own process, which answers by script, so that what is measured is
ours. Beside it the same job through plain `datasets`, see `plain_datasets`.

With `--in`, releases stay in that folder: what is there is not built again, a build that was killed goes on, and of
every command `FOLDER/<command>-<turns>.rss` has the seconds and the memory in MB every ten seconds.
"""

import argparse
import asyncio
import hashlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.script import scripted_answer, spelt_answer  # found by the line above
from synthetic import TURNS, write_dialogues

from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.models.client import Completers
from ipm_prefdial.builders.models.pool import ModelOptions, ModelPool
from ipm_prefdial.builders.models.record import Recording, Records
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.inference import Outcome, Request
from ipm_prefdial.schemas.spec import SourceRef

SIZES = (10_000, 100_000)
VERSIONS = ("1.0.0", "2.0.0")
_COMMAND = (sys.executable, "-m", "ipm_prefdial.builders.cli.main")
_HERE = (sys.executable, str(Path(__file__)))


@dataclass(frozen=True)
class Measured:
    """One process's resources."""

    wall_s: float
    cpu_s: float
    peak_mb: float


class NullEndpoint:
    """Answers at once, by script; as an endpoint does, it lets others go first."""

    def __init__(self, layout: int) -> None:
        self._answer = scripted_answer if layout == 1 else spelt_answer

    async def complete(self, request: Request) -> Outcome:
        """What the script says."""
        await asyncio.sleep(0)
        return self._answer(request)


class Stages:
    """Prints how long every stage of a build took, and the peak memory at its end."""

    def __init__(self) -> None:
        self._name = "start"
        self._began = time.perf_counter()

    def stage(self, name: str, total: int | None) -> None:
        """The stage before this one is over."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"    {self._name:<24}{time.perf_counter() - self._began:>9.1f} s{peak:>8.0f} MB", flush=True)
        self._name, self._began = name, time.perf_counter()

    def advance(self, note: str = "") -> None:
        """Prints nothing."""


def build_null(out: Path, source: Path, version: str) -> None:
    """A build in which the null endpoint plays every role."""

    @asynccontextmanager
    async def opened(pool: ModelPool, records: Records, *more: Any) -> AsyncIterator[Completers]:
        model = Recording(NullEndpoint(1 if version == "1.0.0" else 2), records)
        yield {(role, ref): model for role, refs in pool.models.items() for ref in refs}

    ModelPool.open = opened  # type: ignore[method-assign, assignment]
    null = ("null@http://127.0.0.1:9/v1",)
    pool = ModelOptions(planner=null, responder=null, judge=null)
    stages = Stages()
    build(BuildOptions(out, version, (SourceRef(uri=str(source)),), pool), stages)
    stages.stage("", None)


def plain_datasets(out: Path, source: Path) -> None:
    """The job of 1.0.0 through `datasets`, as a script without this package does it.

    Every supporter turn gives a prompt for each of three tasks, each reply is judged beside the human's by two more
    calls, and what is left becomes Parquet. The model is a digest of its prompt, and is asked in line. So there are no
    records, no drops, no demonstrations, no de-duplication, no splits and no provenance.
    """
    from datasets import Dataset

    def talks() -> Iterator[dict[str, Any]]:
        with source.open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)

    def pairs(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        found = [pair for turns in batch["turns"] for pair in _pairs_of(turns)]
        return {name: [pair[name] for pair in found] for name in ("prompt", "chosen", "rejected", "task")}

    data = Dataset.from_generator(talks, cache_dir=str(out / "cache"))
    mapped = data.map(pairs, batched=True, batch_size=100, remove_columns=data.column_names)
    mapped.to_parquet(str(out / "pairs.parquet"))


def _pairs_of(turns: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The pairs of a dialogue whose inferred side the null judge finds flawed, and the human's not."""
    talk = [{"role": "user" if turn["speaker"] == "seeker" else "assistant", "content": turn["text"]} for turn in turns]
    for at in range(1, len(talk), 2):
        for task in ("planner", "responder", "joint"):
            prompt = [{"role": "system", "content": f"{task}: {ASKED}"}, *talk[:at]]
            reply = f"Scripted reply {_null(prompt)}"
            shown = "\n".join(f"{message['role']}: {message['content']}" for message in talk[:at])
            sides = [
                [{"role": "user", "content": f"{ASKED}\n{shown}\n{side}"}] for side in (talk[at]["content"], reply)
            ]
            if task == "planner" or (_null(sides[0]) % 16 and _null(sides[1]) % 8):
                chosen, rejected = talk[at : at + 1], [{"role": "assistant", "content": reply}]
                yield {"prompt": prompt, "chosen": chosen, "rejected": rejected, "task": task}


ASKED = "Read what was said so far and answer as an emotional supporter would, in the form that is asked for. " * 6
"""As long as the instructions of a prompt are."""


def _null(messages: list[dict[str, str]]) -> int:
    """A model's answer to a prompt."""
    return int(hashlib.sha256(json.dumps(messages).encode()).hexdigest()[:8], 16)


def measure(*words: str | Path, samples: Path | None = None, allowed: tuple[int, ...] = (0,)) -> Measured:
    """Runs a command to its end, and shows what a build prints; where `samples` is named its memory goes there."""
    started = time.perf_counter()
    sink = None if "--build" in words else subprocess.DEVNULL
    child = subprocess.Popen([*map(str, words)], stdout=sink, stderr=sink)
    if samples is not None:
        threading.Thread(target=_sample, args=(child.pid, samples), daemon=True).start()
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) not in allowed:
        sys.exit(f"{words} ended with status {status}")
    return Measured(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _sample(process: int, samples: Path) -> None:
    """Seconds and resident MB of a process, every ten seconds for as long as there is one."""
    started, page = time.perf_counter(), os.sysconf("SC_PAGE_SIZE")
    with samples.open("a") as file:
        while True:
            try:
                resident = int(Path(f"/proc/{process}/statm").read_text().split()[1]) * page
            except (OSError, IndexError):
                return
            print(f"{time.perf_counter() - started:.0f} {resident / 1e6:.0f}", file=file, flush=True)
            time.sleep(10)


def rows_of(folder: Path) -> int:
    """Rows of all tables of a release."""
    return sum(record.rows or 0 for record in Release(folder).manifest.files.values())


def disk_mb(folder: Path) -> float:
    """What a folder takes."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def _line(what: str, turns: int, rows: int, done: Measured, disk: float = 0.0) -> None:
    print(
        f"{what:<20}{turns:>9}{rows:>10}{done.wall_s:>9.1f}{rows / done.wall_s:>9.0f}{done.cpu_s:>9.1f}"
        f"{done.peak_mb:>9.0f}{disk:>9.0f}",
        flush=True,
    )


def bench(folder: Path, turns: int, versions: tuple[str, ...] = VERSIONS) -> None:
    """Everything at one size."""
    source = write_dialogues(folder / f"{turns}.jsonl", turns * 2 // TURNS)

    def run(what: str, *words: str | Path) -> Measured:
        return measure(*words, samples=folder / f"{what.replace(' ', '-')}-{turns}.rss", allowed=(0, 1))

    for version in versions:
        out = folder / f"{version}-{turns}"
        if not out.exists():
            done = run(f"build {version}", *_HERE, "--build", out, source, version)
            _line(f"build {version}", turns, rows_of(out), done, disk_mb(out))
        for verb in ("validate", "audit"):
            _line(f"{verb} {version}", turns, rows_of(out), run(f"{verb} {version}", *_COMMAND, verb, out, "--json"))
    old, new = (folder / f"{version}-{turns}" for version in (versions[0], versions[-1]))
    if old != new:
        _line("diff", turns, rows_of(old) + rows_of(new), run("diff", *_COMMAND, "diff", old, new, "--json"))
    plain = folder / f"plain-{turns}"
    done = run("plain", *_HERE, "--plain", plain, source)
    _line("plain datasets", turns, plain_rows(plain), done, disk_mb(plain))
    shutil.rmtree(plain)


def plain_rows(folder: Path) -> int:
    """Rows of what `plain_datasets` wrote."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(folder / "pairs.parquet").num_rows)


def main() -> None:
    """At every size; `--build` and `--plain` are how it calls itself."""
    verbs = {"--build": build_null, "--plain": plain_datasets}
    if sys.argv[1:2] and sys.argv[1] in verbs:
        out, source, *more = sys.argv[2:]
        return verbs[sys.argv[1]](Path(out), Path(source), *more)  # type: ignore[operator]
    asked = argparse.ArgumentParser()
    asked.add_argument("what", nargs="*", help="numbers of turns, and versions")
    asked.add_argument("--in", type=Path, dest="folder", help="where releases stay")
    told = asked.parse_args()
    print(
        f"{'':<20}{'turns':>9}{'rows':>10}{'wall s':>9}{'rows/s':>9}{'CPU s':>9}{'peak MB':>9}{'disk MB':>9}",
        flush=True,
    )
    versions = tuple(word for word in told.what if "." in word) or VERSIONS
    with nullcontext(told.folder) if told.folder else tempfile.TemporaryDirectory() as folder:
        for turns in [int(word) for word in told.what if "." not in word] or SIZES:
            bench(Path(folder), turns, versions)
    return None


if __name__ == "__main__":
    main()

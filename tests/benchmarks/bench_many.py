"""A whole build, validate, audit and diff by number of supporter turns: rows a second, peak memory and disk.

`python tests/benchmarks/bench_many.py [TURNS …] [VERSION …]`; it prints what it measured and asserts nothing. The
models are a null endpoint in the build's own process, which answers by script, so that what is measured is ours. Beside
it the same dialogues through plain `datasets` as far as that goes: prompts and invented replies by `map`, no judge.
"""

import asyncio
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from support.script import scripted_answer, spelt_answer  # found by the line above
from synthetic import TURNS, write_dialogues

from ipm_prefdial.builders.answers import Completers
from ipm_prefdial.builders.cast import Cast, CastOptions
from ipm_prefdial.builders.inference.record import Records
from ipm_prefdial.builders.inference.recording import Recording
from ipm_prefdial.builders.pipeline import BuildOptions, build
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
    async def opened(cast: Cast, records: Records, *more: Any) -> AsyncIterator[Completers]:
        model = Recording(NullEndpoint(1 if version == "1.0.0" else 2), records)
        yield {(role, ref): model for role, refs in cast.models.items() for ref in refs}

    Cast.open = opened  # type: ignore[method-assign, assignment]
    null = ("null@http://127.0.0.1:9/v1",)
    cast = CastOptions(planner=null, responder=null, judge=null)
    stages = Stages()
    build(BuildOptions(out, version, (SourceRef(uri=str(source)),), cast), stages)
    stages.stage("", None)


def plain_datasets(out: Path, source: Path) -> None:
    """Prompt and invented reply of every supporter turn through `datasets`, as a script without this package does."""
    from datasets import load_dataset

    def pairs(batch: dict[str, list[Any]]) -> dict[str, list[Any]]:
        rows: dict[str, list[Any]] = {"prompt": [], "chosen": [], "rejected": []}
        for turns in batch["turns"]:
            talk = [{"role": "user" if t["speaker"] == "seeker" else "assistant", "content": t["text"]} for t in turns]
            for at in range(1, len(talk), 2):
                rows["prompt"].append(talk[:at])
                rows["chosen"].append([talk[at]])
                rows["rejected"].append(
                    [{"role": "assistant", "content": f"A reply to {talk[at - 1]['content'][:40]}"}]
                )
        return rows

    data = load_dataset("json", data_files=str(source), split="train", cache_dir=str(out / "cache"))
    mapped = data.map(pairs, batched=True, remove_columns=data.column_names)
    mapped.to_parquet(str(out / "pairs.parquet"))


def measure(*words: str | Path, quiet: bool = True, allowed: tuple[int, ...] = (0,)) -> Measured:
    """Runs a command to its end."""
    started = time.perf_counter()
    sink = subprocess.DEVNULL if quiet else None
    child = subprocess.Popen([*map(str, words)], stdout=sink, stderr=sink)
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) not in allowed:
        sys.exit(f"{words} ended with status {status}")
    return Measured(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


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
    for version in versions:
        out = folder / f"{version}-{turns}"
        done = measure(*_HERE, "--build", out, source, version, quiet=False)
        rows = rows_of(out)
        _line(f"build {version}", turns, rows, done, disk_mb(out))
        _line(f"validate {version}", turns, rows, measure(*_COMMAND, "validate", out))
        _line(f"audit {version}", turns, rows, measure(*_COMMAND, "audit", out, "--json", allowed=(0, 1)))
    if versions == VERSIONS:
        old, new = (folder / f"{version}-{turns}" for version in versions)
        _line("diff", turns, rows_of(old) + rows_of(new), measure(*_COMMAND, "diff", old, new, allowed=(0, 1)))
    plain = folder / f"plain-{turns}"
    done = measure(*_HERE, "--plain", plain, source)
    _line("plain datasets", turns, turns, done, disk_mb(plain))
    shutil.rmtree(plain)


def main() -> None:
    """At every size; `--build` and `--plain` are how it calls itself."""
    verbs = {"--build": build_null, "--plain": plain_datasets}
    if sys.argv[1:2] and sys.argv[1] in verbs:
        out, source, *more = sys.argv[2:]
        return verbs[sys.argv[1]](Path(out), Path(source), *more)  # type: ignore[operator]
    print(f"{'':<20}{'turns':>9}{'rows':>10}{'wall s':>9}{'rows/s':>9}{'CPU s':>9}{'peak MB':>9}{'disk MB':>9}")
    versions = tuple(word for word in sys.argv[1:] if "." in word) or VERSIONS
    with tempfile.TemporaryDirectory() as folder:
        for turns in [int(word) for word in sys.argv[1:] if "." not in word] or SIZES:
            bench(Path(folder), turns, versions)
    return None


if __name__ == "__main__":
    main()

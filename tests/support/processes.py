"""Fresh processes that start quickly: each is forked from a server that has imported the large libraries already.

Starting Python and importing what a command needs takes one to five seconds, and the tests do it a thousand times.
`multiprocessing` keeps the server, one for each test process. Libraries that read the environment when they are
imported, as the Hub's client does, are not imported there: each process imports them under its own environment.
"""

import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PRELOADED = (
    "aiohttp",
    "dill",
    "fsspec",
    "httpcore2",
    "httpx2",
    "jinja2",
    "multiprocess",
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "rich.progress",
    "scipy.stats",
    "sklearn.feature_extraction.text",
    "sklearn.linear_model",
    "torch",
    "trio",
    "xxhash",
    "ipm_prefdial.builders.auditing.run",
    "ipm_prefdial.builders.building.rebuild",
    "ipm_prefdial.builders.cli.main",
    "ipm_prefdial.builders.distributed.run",
    "ipm_prefdial.builders.models.baseline._completer",
    "ipm_prefdial.builders.models._http",
    "ipm_prefdial.builders.release.diff.run",
    "ipm_prefdial.builders.release.report",
)


@dataclass(frozen=True)
class Done:
    """A process that came to its end."""

    code: int
    out: str
    err: str


def run_fresh(
    body: Callable[[list[str]], int | None],
    words: Sequence[str | Path],
    environ: Mapping[str, str],
    *,
    timeout_s: float = 300,
) -> Done:
    """Calls `body`, a function of a module, in a process of its own, as `sys.argv` and environment say.

    Args:
        body: what the process does; its result is the exit code, where None is 0.
        words: its arguments.
        environ: its whole environment.
        timeout_s: seconds after which it is killed.

    Raises:
        subprocess.TimeoutExpired: it was killed.
    """
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(list(_PRELOADED))
    with tempfile.TemporaryDirectory() as folder:
        out, err = Path(folder, "out"), Path(folder, "err")
        out.touch(), err.touch()
        given = (body, [str(word) for word in words], dict(environ), Path.cwd(), out, err)
        process = server.Process(target=_run, args=given)
        process.start()
        process.join(timeout_s)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired([str(word) for word in words], timeout_s)
        return Done(process.exitcode, out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8"))


def _run(
    body: Callable[[list[str]], int | None], words: list[str], environ: dict[str, str], folder: Path, *streams: Path
) -> None:
    os.environ.clear()
    os.environ.update(environ)
    os.chdir(folder)
    for number, path in enumerate((Path(os.devnull), *streams)):
        os.dup2(os.open(path, os.O_RDWR), number)
    # Python's own streams were opened by the server, over other files.
    sys.stdin, sys.stdout, sys.stderr = (os.fdopen(number, "rww"[number], closefd=False) for number in range(3))
    sys.argv = ["test", *words]
    sys.exit(body(words))

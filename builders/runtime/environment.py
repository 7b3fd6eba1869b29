"""The environment of a build or a training run, and the engine of its parallel parts."""

import platform
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Protocol, TypeVar

from ...schemas.errors import UsageError

# The libraries that decide a release's bytes or the embedded models' answers.
_BUILD_PACKAGES = (
    "ipm-prefdial",
    "datasets",
    "datasketch",
    "huggingface-hub",
    "numpy",
    "pyarrow",
    "pydantic",
    "scikit-learn",
)


def package_versions(names: Sequence[str] = _BUILD_PACKAGES) -> dict[str, str]:
    """The versions of some packages; what is not installed is not named."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def python_version() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def git_commit() -> str | None:
    """The commit of the code, with `+dirty` where it was changed since; None where it is not a checkout."""
    here = Path(__file__).resolve().parent.parent
    try:
        commit = _git(here, "rev-parse", "HEAD")
        return f"{commit}+dirty" if _git(here, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(("git", *words), cwd=folder, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


# Where a command does its work: in its own process, or in independent parts on a Ray cluster.


Part = TypeVar("Part")
Result = TypeVar("Result")


class ParallelMap(Protocol):
    """Has parts of some work done; as `map`, but where there is room. Work, parts and results can be pickled."""

    def __call__(self, work: Callable[[Part], Result], parts: Iterable[Part], /) -> Iterator[Result]:
        """The result of each part, in the order of the parts."""
        ...


@dataclass(frozen=True)
class Engine:
    """The engine that `--engine` selects."""

    ray: bool = False
    """Whether it is a Ray cluster."""
    address: str | None = None
    """The cluster's; None starts one on this machine for as long as the command runs, unless `RAY_ADDRESS` is set."""
    workers: int | None = None
    """Worker processes of a build; None for one per CPU of the cluster."""

    def place(self, folder: Path) -> Path:
        """A folder as all processes that work may call it."""
        return folder.absolute() if self.ray else folder


def parse_engine(text: str, workers: int | None = None) -> Engine:
    """Parses `local`, `ray` or `ray:ADDRESS`.

    Raises:
        UsageError: it is none of these.
    """
    kind, colon, address = text.partition(":")
    if kind == "ray" and (address or not colon):
        return Engine(ray=True, address=address or None, workers=workers)
    if text == "local" and workers is None:
        return Engine()
    if text == "local":
        raise UsageError("--workers is for --engine ray; --concurrency says how much one process asks at once")
    raise UsageError(f"--engine is local, ray or ray:ADDRESS, not {text!r}")

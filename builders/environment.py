"""What a build, or a training run, ran on."""

import platform
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

BUILD_PACKAGES = (
    "ipm-prefdial",
    "datasets",
    "datasketch",
    "huggingface-hub",
    "numpy",
    "pyarrow",
    "pydantic",
    "scikit-learn",
)
"""The libraries that decide a release's bytes or the embedded models' answers."""


def package_versions(names: Sequence[str] = BUILD_PACKAGES) -> dict[str, str]:
    """The versions of some packages; what is not installed is not named."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def python_version() -> str:
    """Such as `CPython 3.11.7`."""
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

"""What a run ran on, for its record."""

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ...schemas.base import Frozen

_PACKAGES = (
    "ipm-prefdial",
    "trl",
    "transformers",
    "peft",
    "accelerate",
    "deepspeed",
    "torch",
    "datasets",
    "tokenizers",
)


class Environment(Frozen):
    """The machine and the software of a run; no name of a host or of a folder."""

    python: str
    """Such as `CPython 3.11.7`."""
    platform: str
    """System and processor."""
    device: str
    """The accelerator's name, or `cpu`."""
    processes: int
    """Processes that trained together."""
    cuda: str | None
    """The CUDA that torch was built for."""
    packages: dict[str, str]
    """Versions of what decides the numbers; what is not installed is not named."""
    git: str | None
    """Commit of this code, with `+dirty` where it had changes; null outside a checkout."""


def environment_of(processes: int, *, use_cpu: bool) -> Environment:
    """The environment of this process.

    Args:
        processes: how many train together.
        use_cpu: whether an accelerator that is there is left alone.
    """
    import torch

    on_gpu = not use_cpu and torch.cuda.is_available()
    return Environment(
        python=f"{platform.python_implementation()} {platform.python_version()}",
        platform=f"{platform.system()} {platform.machine()}",
        device=torch.cuda.get_device_name() if on_gpu else "cpu" if use_cpu else _accelerator(),
        processes=processes,
        cuda=torch.version.cuda,
        packages=_versions(),
        git=_git_commit(),
    )


def _accelerator() -> str:
    import torch

    device = torch.accelerator.current_accelerator(check_available=True)
    return "cpu" if device is None else device.type


def _versions() -> dict[str, str]:
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _git_commit() -> str | None:
    here = Path(__file__).resolve().parent
    try:
        commit = _git(here, "rev-parse", "HEAD")
        return f"{commit}+dirty" if _git(here, "status", "--porcelain", "--untracked-files=no") else commit
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *words: str) -> str:
    done = subprocess.run(("git", *words), cwd=folder, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()

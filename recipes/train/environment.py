"""What a run ran on, for its record."""

import platform

from ...builders.environment import git_commit, package_versions, python_version
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
        python=python_version(),
        platform=f"{platform.system()} {platform.machine()}",
        device=torch.cuda.get_device_name() if on_gpu else "cpu" if use_cpu else _accelerator(),
        processes=processes,
        cuda=torch.version.cuda,
        packages=package_versions(_PACKAGES),
        git=git_commit(),
    )


def _accelerator() -> str:
    import torch

    device = torch.accelerator.current_accelerator(check_available=True)
    return "cpu" if device is None else device.type

"""What a run ran on, for its record."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from ...builders.environment import git_commit, package_versions, python_version
from ...schemas.base import Frozen
from ...schemas.errors import UsageError

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


# The machine that a run is on: whether it is what the recipe needs, and what to say when its memory is full.


def check_device(recipe: str, *, use_cpu: bool, bf16: bool | None, fp16: bool) -> None:
    """Looks whether the machine can run the recipe.

    Raises:
        UsageError: there is no accelerator and the recipe was not told to do without, or it has no bfloat16.
    """
    if use_cpu:
        return
    import torch

    if not torch.accelerator.is_available():
        raise UsageError(
            f"{recipe}: needs a GPU, and torch sees none here; the tiny/… recipes run on a CPU, and any other does, "
            "slowly, with use_cpu=true and bf16=false"
        )
    wants_bf16 = not fp16 if bf16 is None else bf16
    if wants_bf16 and torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise UsageError(f"{recipe}: this GPU has no bfloat16: set bf16=false and fp16=true")


@contextmanager
def memory_errors(recipe: str) -> Iterator[None]:
    """What torch raises where memory is full becomes one line with what to set.

    Raises:
        UsageError: memory was full.
    """
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "allocate memory" not in str(error):
            raise
        raise UsageError(
            f"{recipe}: out of memory: set per_device_train_batch_size lower and gradient_accumulation_steps higher "
            "by the same factor, activation_checkpointing=true, a shorter max_length, or use_peft=true; a smaller "
            "per_device_eval_batch_size where it happened in an evaluation"
        ) from error


# The launcher configurations that there are, for `accelerate launch`.


_LAUNCHERS = Path(str(files("ipm_prefdial.recipes") / "accelerate"))


def launchers() -> list[str]:
    """Their names, sorted."""
    return sorted(path.stem for path in _LAUNCHERS.glob("*.yaml"))


def launcher_words(config: str) -> tuple[str, ...]:
    """The words that stand between the interpreter and a module's name.

    Args:
        config: a name, or a YAML file.

    Raises:
        UsageError: there is no such configuration.
    """
    path = Path(config) if config.endswith((".yaml", ".yml")) else _LAUNCHERS / f"{config}.yaml"
    if not path.is_file():
        raise UsageError(f"--launch: there is no {config!r}; there are {', '.join(launchers())} (or give a .yaml file)")
    return ("-m", "accelerate.commands.launch", "--config_file", str(path.resolve()), "-m")

"""The machine and the software that a run runs on: recorded, checked, and used through `accelerate launch`."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from ...builders.runtime.environment import git_commit, package_versions, python_version
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
_LAUNCHERS = Path(str(files("ipm_prefdial.recipes") / "accelerate"))


class Environment(Frozen):
    """The machine and the software of a run, without host names or folders, since a record may be published."""

    python: str
    """Such as `CPython 3.11.7`."""
    platform: str
    """System and processor."""
    device: str
    """The accelerator's name, or `cpu`."""
    processes: int
    """Number of processes that trained together."""
    cuda: str | None
    """The CUDA version that torch was built for; null without CUDA."""
    packages: dict[str, str]
    """Versions of the installed packages that decide the results."""
    git: str | None
    """Commit of this code, with `+dirty` where it had changes; null outside a checkout."""


def environment_of(processes: int, *, use_cpu: bool) -> Environment:
    """The environment of this process, one of `processes`; `use_cpu` ignores an accelerator."""
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


def check_device(recipe: str, *, use_cpu: bool, bf16: bool | None, fp16: bool) -> None:
    """Checks that the machine can run the recipe.

    Raises:
        UsageError: there is no accelerator and `use_cpu` is off, or the accelerator has no bfloat16.
    """
    if use_cpu:
        return
    import torch

    if not torch.accelerator.is_available():
        raise UsageError(
            f"{recipe}: needs a GPU, and torch sees none here; the tiny/… recipes run on a CPU, and so does any other, "
            "slowly, with use_cpu=true and bf16=false"
        )
    wants_bf16 = not fp16 if bf16 is None else bf16
    if wants_bf16 and torch.cuda.is_available() and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise UsageError(f"{recipe}: this GPU has no bfloat16: set bf16=false and fp16=true")


@contextmanager
def memory_errors(recipe: str) -> Iterator[None]:
    """Turns torch's errors about full memory into one line that says what to set; other errors pass.

    Raises:
        UsageError: memory was full.
    """
    import torch

    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        # Torch's own allocator on the CPU raises a plain RuntimeError.
        if not isinstance(error, torch.OutOfMemoryError | MemoryError) and "allocate memory" not in str(error):
            raise
        raise UsageError(
            f"{recipe}: out of memory: set per_device_train_batch_size lower and gradient_accumulation_steps higher "
            "by the same factor, activation_checkpointing=true, a shorter max_length, or use_peft=true; if it "
            "happened in an evaluation, set per_device_eval_batch_size lower"
        ) from error


def launchers() -> list[str]:
    """The names of the packaged configurations for `accelerate launch`, sorted."""
    return sorted(path.stem for path in _LAUNCHERS.glob("*.yaml"))


def launcher_words(config: str) -> tuple[str, ...]:
    """The words between the interpreter and a module's name that start the module by `accelerate launch`.

    Args:
        config: one of `launchers()`, or a YAML file.

    Raises:
        UsageError: the configuration does not exist.
    """
    path = Path(config) if config.endswith((".yaml", ".yml")) else _LAUNCHERS / f"{config}.yaml"
    if not path.is_file():
        raise UsageError(f"--launch: there is no {config!r}; there are {', '.join(launchers())} (or give a .yaml file)")
    return ("-m", "accelerate.commands.launch", "--config_file", str(path.resolve()), "-m")

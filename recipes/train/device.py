"""The machine that a run is on: whether it is what the recipe needs, and what to say when its memory is full."""

from collections.abc import Iterator
from contextlib import contextmanager

from ...schemas.errors import UsageError


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

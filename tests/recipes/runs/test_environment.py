"""What torch says when memory is full becomes one line with what to set; nothing else is touched."""

import pytest

pytest.importorskip("torch", reason="needs the [train] extra")

import torch

from ipm_prefdial.recipes.runs.environment import check_device, memory_errors
from ipm_prefdial.schemas.errors import UsageError

pytestmark = pytest.mark.train


def test_full_memory_of_this_machine() -> None:
    """Torch itself is asked for what no machine has."""
    with (
        pytest.raises(UsageError, match=r"mine: out of memory: set per_device_train_batch_size lower"),
        memory_errors("mine"),
    ):
        torch.empty(10**15)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError()])
def test_full_memory_of_a_gpu(error: Exception) -> None:
    with pytest.raises(UsageError, match="out of memory"), memory_errors("mine"):
        raise error


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="shapes"), memory_errors("mine"):
        raise RuntimeError("shapes do not match")


def test_cpu_is_enough_where_it_was_asked_for() -> None:
    check_device("mine", use_cpu=True, bf16=None, fp16=False)

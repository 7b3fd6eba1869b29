"""What an interrupted run needs to continue as if nothing had happened: its last checkpoint, and the order of rows."""

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import TrainerCallback

_STATE = "trainer_state.json"
_STEP = re.compile(r"^checkpoint-(\d+)$")
# `state.epoch` is a sum of fractions: this close below a whole number, it is that number.
_EPOCH_ERROR = 1e-6


def last_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint in a run's folder, or None."""
    return max((path for path in _checkpoints(folder) if _is_complete(path)), key=step_of, default=None)


def remove_broken(folder: Path) -> None:
    """Deletes incomplete checkpoints, which the trainer would take for the newest one."""
    for path in _checkpoints(folder):
        if not _is_complete(path):
            shutil.rmtree(path)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was saved."""
    found = _STEP.match(checkpoint.name)
    return int(found[1]) if found else 0


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.glob("checkpoint-*") if path.is_dir() and _STEP.match(path.name)]


def _is_complete(checkpoint: Path) -> bool:
    # The trainer writes its state last.
    return (checkpoint / _STATE).is_file()


def epoch_callback() -> "TrainerCallback":
    """A callback by which the order of rows in an epoch depends only on the seed and the epoch.

    Transformers' samplers do so, except for the one of `group_by_length`. That one draws from the global random state,
    which differs between an epoch that is reached by training and one from which a run resumes.
    """
    import torch
    from transformers import TrainerCallback
    from transformers.trainer_pt_utils import LengthGroupedSampler

    class SeedEpochs(TrainerCallback):  # type: ignore[misc]  # Transformers has no types of its own
        """Gives that sampler a new generator before each epoch, the same in every process."""

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            sampler = _find_sampler(rest.get("train_dataloader"))
            if isinstance(sampler, LengthGroupedSampler):
                seed = args.seed if args.data_seed is None else args.data_seed
                sampler.generator = torch.Generator().manual_seed(seed + int((state.epoch or 0) + _EPOCH_ERROR))

    return SeedEpochs()


# The sampler inside the batch samplers that Accelerate wraps around each other.
def _find_sampler(loader: Any) -> Any:
    batches = getattr(loader, "batch_sampler", None)
    while (inner := getattr(batches, "batch_sampler", None)) is not None:
        batches = inner
    return getattr(batches, "sampler", None)

"""The order of rows in each epoch hangs on seed and epoch alone, so that an interrupted run goes on in the same order.

Transformers' samplers do so by themselves, but for the one of `group_by_length`: it draws from the random state that it
finds, which in a run that goes on in a later epoch is another one than there was at that epoch's beginning.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import TrainerCallback

_WHOLE = 1e-6
"""An epoch that is this close to its end is at its end: `state.epoch` is a sum of fractions."""


def epoch_callback() -> "TrainerCallback":
    """Gives the sampler that groups by length a generator of its own at the beginning of every epoch."""
    import torch
    from transformers import TrainerCallback
    from transformers.trainer_pt_utils import LengthGroupedSampler

    class Epochs(TrainerCallback):  # type: ignore[misc]  # Transformers has no types of its own
        """Seeds it alike in every process."""

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            """Before the rows of the epoch are drawn."""
            sampler = _sampler_of(rest.get("train_dataloader"))
            if isinstance(sampler, LengthGroupedSampler):
                seed = args.seed if args.data_seed is None else args.data_seed
                sampler.generator = torch.Generator().manual_seed(seed + int((state.epoch or 0) + _WHOLE))

    return Epochs()


def _sampler_of(loader: Any) -> Any:
    """The sampler at the bottom of whatever Accelerate has wrapped around it."""
    batches = getattr(loader, "batch_sampler", None)
    while (inner := getattr(batches, "batch_sampler", None)) is not None:
        batches = inner
    return getattr(batches, "sampler", None)

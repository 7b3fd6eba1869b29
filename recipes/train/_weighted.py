"""SFT in which every row counts by its weight: TRL's own trainer, with one factor for each row.

A release gives near-duplicate rows one weight together, and TRL's loss has no row weights. Our own design, as far as
TRL allows one: the loss of each token is multiplied by the weight of its row, and the mean over the tokens of a step
becomes a weighted mean.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...schemas.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor
    from trl import SFTConfig

WEIGHT = "weight"
"""The column with the weight of a row."""
_IGNORED = -100
# The settings, and their values, with which every token has a loss of its own that belongs to one row.
_REQUIRED = {"packing": False, "padding_free": False, "label_smoothing_factor": 0, "loss_type": "nll"}


def check_weighable(recipe: str, training: "SFTConfig") -> None:
    """Checks that rows can be weighted under these settings.

    Raises:
        UsageError: a setting joins rows, or has a loss without a value for each token.
    """
    for name, value in _REQUIRED.items():
        if (given := getattr(training, name, value)) != value:
            raise UsageError(f"{recipe}: {name}={given} is not possible: the rows have weights, which it would lose")


def make_weighted_trainer(**given: Any) -> Any:
    """TRL's `SFTTrainer`, from its own arguments, over rows with the column `weight`.

    The loss of a step, over all accumulated batches and processes, is the sum of token losses times the weights of
    their rows, divided by the sum of these weights. Equal weights give TRL's own loss, a row of weight 0 teaches
    nothing, and two equal rows of weight 1/2 count as one of weight 1. Weights are relative: a step over a single row
    has nothing to weight it against. Evaluation does the same for each batch. The logged accuracy and entropy are
    unweighted.
    """
    return _trainer_class()(**given)


def _trainer_class() -> Any:
    from trl import SFTTrainer

    class WeightedTrainer(SFTTrainer):  # type: ignore[misc]  # TRL has no types of its own
        """Weights the token losses before TRL sums them."""

        data_collator: Any

        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self.data_collator = partial(_collate, self.data_collator)

        def _set_signature_columns_if_needed(self) -> None:
            super()._set_signature_columns_if_needed()
            if WEIGHT not in self._signature_columns:
                self._signature_columns.append(WEIGHT)

        def _get_num_items_in_batch(self, batch_samples: list[dict[str, Any]], device: Any) -> Any:
            def sum_processes(sums: "Tensor") -> "Tensor":
                several = self.args.average_tokens_across_devices and self.args.world_size > 1
                return self.accelerator.gather(sums.to(device)[None]).sum(0) if several else sums

            _normalise_weights(batch_samples, sum_processes)
            return super()._get_num_items_in_batch(batch_samples, device)

        def compute_loss(
            self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
        ) -> Any:
            if num_items_in_batch is None:  # then TRL takes the mean over this batch alone
                _normalise_weights([inputs])
            weights = inputs.pop(WEIGHT)

            def weighted_model(**given: Any) -> Any:
                return _weight_outputs(model(**given), weights)

            return super().compute_loss(weighted_model, inputs, return_outputs, num_items_in_batch)

    return WeightedTrainer


def _normalise_weights(
    batches: Sequence[dict[str, Any]], sum_processes: "Callable[[Tensor], Tensor]" = lambda sums: sums
) -> None:
    """Scales the weights in batches to a mean of 1 over their labelled tokens; weights that are all 0 stay 0.

    A weighted sum divided by the number of tokens, as TRL divides it, is then a weighted mean.

    Args:
        batches: with `labels` and `weight`.
        sum_processes: adds the sums of all processes.
    """
    import torch

    if not batches:
        return
    tokens = [(batch["labels"][:, 1:] != _IGNORED).sum(1) for batch in batches]
    weighted = [(counts * batch[WEIGHT]).sum() for counts, batch in zip(tokens, batches, strict=True)]
    number = torch.stack([one.sum() for one in tokens]).sum()
    total, total_weight = sum_processes(torch.stack([number, torch.stack(weighted).sum()]))
    if total_weight > 0:
        for batch in batches:
            batch[WEIGHT] = batch[WEIGHT] * (total / total_weight).to(batch[WEIGHT])


def _collate(collate: Any, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    import torch

    return {**collate(rows), WEIGHT: torch.tensor([row[WEIGHT] for row in rows], dtype=torch.float32)}


def _weight_outputs(outputs: Any, weights: "Tensor") -> Any:
    # TRL's loss reads `log_probs`; older versions compute it from the logits, out of reach.
    if getattr(outputs, "log_probs", None) is None:
        raise UsageError("the rows have weights, which this version of TRL does not support; install trl 1.16 or newer")
    outputs.log_probs = outputs.log_probs * weights[:, None].to(outputs.log_probs)
    return outputs

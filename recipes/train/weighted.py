"""SFT in which every row counts by its weight: TRL's own trainer, but for one factor a row.

A release gives rows that nearly repeat each other one weight together, and TRL's loss knows no weights of rows. Our own
design, as far as TRL lets one: what each token costs is multiplied by the weight of its row, and the mean over the
tokens of a step becomes the mean by these weights.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...schemas.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor
    from trl import SFTConfig

WEIGHT = "weight"
"""The column with what a row counts for."""
_IGNORED = -100
_UNWEIGHABLE = {"packing": False, "padding_free": False, "label_smoothing_factor": 0, "loss_type": "nll"}
"""Settings that leave no cost of a row to be weighed, with the values that do."""


def check_weighable(recipe: str, training: "SFTConfig") -> None:
    """Looks whether rows keep their weights under these settings.

    Raises:
        UsageError: a setting joins rows, or asks for a loss that has no cost a token.
    """
    for name, needed in _UNWEIGHABLE.items():
        if (given := getattr(training, name, needed)) != needed:
            raise UsageError(f"{recipe}: {name}={given} cannot be had here: the rows have weights, which it would lose")


def make_weighted_trainer(**given: Any) -> Any:
    """TRL's `SFTTrainer` over rows with a column `weight`, made from the same arguments.

    The loss of a step, with all its accumulated batches in all processes, is the sum of the tokens' losses by the
    weights of their rows over the sum of these weights: with equal weights it is TRL's own, a row of weight 0 teaches
    nothing, and two equal rows of 1/2 count as one of 1. So weights are relative: a step over a single row has nothing
    to weigh it against. Evaluation does the same over each batch. What is logged of accuracy and entropy is unweighted.
    """
    from trl import SFTTrainer

    class WeightedTrainer(SFTTrainer):  # type: ignore[misc]  # TRL has no types of its own
        """Weighs the tokens' losses before TRL sums them up."""

        data_collator: Any

        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self.data_collator = partial(_collate, self.data_collator)

        def _set_signature_columns_if_needed(self) -> None:
            super()._set_signature_columns_if_needed()
            if WEIGHT not in self._signature_columns:
                self._signature_columns.append(WEIGHT)

        def _get_num_items_in_batch(self, batch_samples: list[dict[str, Any]], device: Any) -> Any:
            def of_all(sums: "Tensor") -> "Tensor":
                several = self.args.average_tokens_across_devices and self.args.world_size > 1
                return self.accelerator.gather(sums.to(device)[None]).sum(0) if several else sums

            even_out(batch_samples, of_all)
            return super()._get_num_items_in_batch(batch_samples, device)

        def compute_loss(
            self,
            model: Any,
            inputs: dict[str, Any],
            return_outputs: bool = False,
            num_items_in_batch: "Tensor | int | None" = None,
        ) -> Any:
            """TRL's loss, of tokens that count by the weight of their row."""
            if num_items_in_batch is None:  # then TRL takes the mean over this batch by itself
                even_out([inputs])
            weights = inputs.pop(WEIGHT)

            def weighed(**asked: Any) -> Any:
                return _weigh(model(**asked), weights)

            return super().compute_loss(weighed, inputs, return_outputs, num_items_in_batch)

    return WeightedTrainer(**given)


def even_out(batches: Sequence[dict[str, Any]], of_all: "Callable[[Tensor], Tensor]" = lambda sums: sums) -> None:
    """Scales the weights in batches so that the mean over their tokens that cost anything is 1.

    Then a sum by weights over the number of tokens is a mean by weights. Where all weigh 0 they stay as they are.

    Args:
        batches: with `labels` and `weight`.
        of_all: adds up the two sums of all processes, where there are several.
    """
    import torch

    if not batches:
        return
    tokens = [(batch["labels"][:, 1:] != _IGNORED).sum(1) for batch in batches]
    weighed = [(counts * batch[WEIGHT]).sum() for counts, batch in zip(tokens, batches, strict=True)]
    every, heavy = of_all(torch.stack([torch.stack([one.sum() for one in tokens]).sum(), torch.stack(weighed).sum()]))
    if heavy > 0:
        for batch in batches:
            batch[WEIGHT] = batch[WEIGHT] * (every / heavy).to(batch[WEIGHT])


def _collate(collate: Any, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """A batch as TRL makes it, and the weights of its rows."""
    import torch

    return {**collate(rows), WEIGHT: torch.tensor([row[WEIGHT] for row in rows], dtype=torch.float32)}


def _weigh(outputs: Any, weights: "Tensor") -> Any:
    """A model's outputs, whose log-probabilities count by the weight of their row."""
    if getattr(outputs, "log_probs", None) is None:
        raise UsageError("the rows have weights, which this version of TRL cannot take; install trl 1.16 or newer")
    outputs.log_probs = outputs.log_probs * weights[:, None].to(outputs.log_probs)
    return outputs

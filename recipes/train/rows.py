"""The rows of a run: loaded as its stage wants them, drawn, and cut to the length."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from ...schemas.base import digest_of
from ...schemas.dialogue import Split
from ...schemas.errors import DataError, UsageError
from ..data.fit import RowCounts, draw_rows, fit_rows, load_rows, measure_with, no_rows
from ..data.release import SelectedData
from ..reward.rows import load_reward_rows, measure_traces
from ..runs.arguments import Arguments
from ..runs.start import check_end_of_turn
from ..tasks import ANSWERS, TrainingStage, TrainingTask, configs_of

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase
    from trl import SFTConfig

# SFT in which every row counts by its weight: TRL's own trainer, but for one factor a row.
#
# A release gives rows that nearly repeat each other one weight together, and TRL's loss knows no weights of rows. Our
# own design, as far as TRL lets one: what each token costs is multiplied by the weight of its row, and the mean over
# the tokens of a step becomes the mean by these weights.


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


_OTHERS = {
    (TrainingTask.REASONER, TrainingStage.SFT): (WEIGHT,),
    (TrainingTask.REASONER, TrainingStage.GRPO): ("human_strategy",),
}
"""Columns that a task's stage wants besides prompts and answers."""


def load_stage_rows(data: SelectedData, task: TrainingTask, stage: TrainingStage, split: Split) -> "Dataset":
    """All rows of a split that a task's stage trains on; of GRPO one row a prompt, however many demonstrations it has.

    GRPO takes no more than the prompt from a row, so a turn with several draws and rewritings would be met several
    times over; the weights of its demonstrations say how alike these are, and nothing of the prompt.

    Raises:
        DataError: there are none.
    """
    configs = configs_of(task, stage)
    if stage is not TrainingStage.REWARD:
        loaded = load_rows(data, configs[0], split, ANSWERS[stage], _OTHERS.get((task, stage), ()))
        return _each_prompt_once(loaded) if stage is TrainingStage.GRPO else loaded
    rows = load_reward_rows(data, split)
    if not len(rows):
        raise no_rows(data, configs, split)
    return rows


def _each_prompt_once(rows: "Dataset") -> "Dataset":
    """The first row of every prompt, in order."""
    first: dict[str, int] = {}
    for at, prompt in enumerate(rows["prompt"]):
        first.setdefault(digest_of(prompt), at)
    return rows.select(list(first.values()))


def texts_of(rows: "Dataset", stage: TrainingStage) -> Iterator[str]:
    """Every text in rows of a stage."""
    names = ("prompt", *ANSWERS[stage])
    return (message["content"] for row in rows for name in names for message in row[name])


def stage_rows(
    arguments: Arguments, data: SelectedData, split: Split, tokenizer: "PreTrainedTokenizerBase"
) -> tuple["Dataset", RowCounts]:
    """The rows of a split that a run uses, and what became of all that there are.

    Raises:
        DataError: there are none, or none that fits.
        UsageError: the tokenizer or its chat template is none for them.
    """
    recipe, training = arguments.recipe, arguments.training
    answers = ANSWERS[recipe.stage]
    loaded = load_stage_rows(data, recipe.task, recipe.stage, split)
    if recipe.stage is not TrainingStage.REWARD:
        check_end_of_turn(recipe.name, tokenizer, loaded[0], answers[0])
    with training.main_process_first(desc="cutting rows"):
        measure = (measure_traces if recipe.stage is TrainingStage.REWARD else measure_with)(tokenizer)
        drawn = draw_rows(loaded, arguments.own.max_rows, training.seed)
        processes = getattr(training, "dataset_num_proc", None)
        rows, counts = fit_rows(drawn, answers, measure, arguments.max_length, processes)
    if not counts.used:
        raise DataError(
            f"{data.name}: every row of {split} is longer than max_length={arguments.max_length}, even "
            "with the last turn of its dialogue alone: set it higher"
        )
    return rows, counts.model_copy(update={"available": len(loaded)})

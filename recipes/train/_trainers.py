"""The trainer of a recipe's stage: TRL's own where there is one, and ours over Transformers' for a reward model."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.dialogue import Split
from ...schemas.errors import LostRowsError, UsageError
from ..catalogue import TrainingStage
from ..data.fit import LENGTH
from ..grpo.trainer import check_credit, make_trace_trainer
from ..runs.arguments import Arguments, GrpoArguments, RewardArguments
from ..runs.start import StartingRun, model_errors

if TYPE_CHECKING:
    from datasets import Dataset
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase, Trainer
    from trl import SFTConfig

# SFT in which every row counts by its weight: TRL's own trainer, with one factor for each row.
#
# A release gives near-duplicate rows one weight together, and TRL's loss has no row weights. Our own design, as far as
# TRL allows one: the loss of each token is multiplied by the weight of its row, and the mean over the tokens of a step
# becomes a weighted mean.


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


# TRL's name for the frozen copy of an adapter that DPO continues.
_REFERENCE_ADAPTER = "ref"


def make_trainer(
    arguments: Arguments,
    model: str,
    tokenizer: "PreTrainedTokenizerBase",
    rows: Mapping[Split, "Dataset"],
    start: StartingRun | None,
    reward: StartingRun | None = None,
) -> "Trainer":
    """The trainer of a recipe's stage, ready to train.

    DPO's start is also its reference, without a second copy of the model: TRL copies an adapter and shares the base
    model; for a whole model it computes the reference log-probabilities before the first step.

    Args:
        arguments: of the run.
        model: a name on the Hub, or a folder; for DPO and GRPO, the folder of `start`.
        tokenizer: the model's.
        rows: rows that fit; those of `validation` only if the recipe evaluates.
        start: the run that DPO or GRPO starts from; `reward`: the run of GRPO's reward model.

    Raises:
        UsageError: the model cannot be loaded, or the settings cannot weight rows or tokens as the recipe needs.
        LostRowsError: the trainer dropped rows.
    """
    if isinstance(arguments.stage, RewardArguments):
        return _reward_trainer(arguments, arguments.stage, model, tokenizer, rows)
    make = _choose_trainer(arguments, rows)
    rewarded = {"reward_funcs": _trace_reward(arguments, reward)} if reward is not None else {}
    with model_errors(model):
        trainer: Trainer = make(
            **_model_arguments(arguments, model, start),
            args=arguments.training,
            processing_class=tokenizer,
            train_dataset=rows[Split.TRAIN],
            eval_dataset=rows.get(Split.VALIDATION),
            **rewarded,
        )
    if not getattr(arguments.training, "packing", False):
        _check_rows(trainer, rows)
    return trainer


def _choose_trainer(arguments: Arguments, rows: Mapping[Split, "Dataset"]) -> Callable[..., Any]:
    from trl import DPOTrainer, SFTTrainer

    recipe, training = arguments.recipe, arguments.training
    if recipe.stage is TrainingStage.DPO:
        # `group_by_length` reads lengths from `input_ids`, which rows of DPO lack: it must find our column instead.
        training.remove_unused_columns = False
        training.length_column_name = LENGTH
        return DPOTrainer  # type: ignore[no-any-return]  # TRL has no types of its own
    if isinstance(arguments.stage, GrpoArguments):
        check_credit(recipe.name, arguments.stage, training)
        return make_trace_trainer
    if WEIGHT in rows[Split.TRAIN].column_names:
        check_weighable(recipe.name, training)
        return make_weighted_trainer
    return SFTTrainer  # type: ignore[no-any-return]


# The arguments of a trainer for its model: loaded if it continues an adapter, else loaded by the trainer.
def _model_arguments(arguments: Arguments, model: str, start: StartingRun | None) -> dict[str, Any]:
    if start is not None and start.is_adapter:
        return {"model": _load_adapter(arguments, start.folder)}
    revision = _revision(arguments, model)
    arguments.training.model_init_kwargs = _loading_arguments(arguments, revision)
    return {"model": model, "peft_config": _adapter_config(arguments, revision)}


def _trace_reward(arguments: Arguments, reward: StartingRun) -> Any:
    from ..grpo.reward import TraceReward
    from ..reward.model import RewardModel

    assert isinstance(arguments.stage, GrpoArguments), "only GRPO has a reward model"
    return TraceReward(arguments.stage, RewardModel.load(reward.folder, use_cpu=arguments.training.use_cpu))


# The trainer of a reward model: a new head on the language model's backbone.
def _reward_trainer(
    arguments: Arguments,
    weights: RewardArguments,
    model: str,
    tokenizer: "PreTrainedTokenizerBase",
    rows: Mapping[Split, "Dataset"],
) -> "Trainer":
    from peft import get_peft_model
    from transformers import set_seed

    from ..reward.model import load_scorer
    from ..reward.trainer import make_reward_trainer

    training, revision = arguments.training, _revision(arguments, model)
    set_seed(training.seed)  # the new head's weights are random
    with model_errors(model):
        scorer = load_scorer(model, **_loading_arguments(arguments, revision))
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    scorer.config.pad_token_id = tokenizer.pad_token_id
    if (config := _adapter_config(arguments, revision)) is not None:
        scorer = get_peft_model(scorer, config)
    return make_reward_trainer(
        training, scorer, tokenizer, rows, step_weight=weights.step_weight, pair_weight=weights.pair_weight
    )


# The revision of a model on the Hub; None for a folder.
def _revision(arguments: Arguments, model: str) -> str | None:
    return None if Path(model).is_dir() else arguments.model.model_revision


# The arguments of `from_pretrained`, without the name.
def _loading_arguments(arguments: Arguments, revision: str | None) -> dict[str, Any]:
    from trl import get_quantization_config

    model, extra = arguments.model, arguments.training.model_init_kwargs
    given = {
        "dtype": model.dtype,
        "attn_implementation": model.attn_implementation,
        "quantization_config": get_quantization_config(model),
        "revision": revision,
    }
    found = {name: value for name, value in given.items() if value is not None}
    return found | (extra if isinstance(extra, dict) else {})


# PEFT's configuration of a new adapter; None to train all weights.
def _adapter_config(arguments: Arguments, revision: str | None) -> Any:
    from trl import get_peft_config

    config = get_peft_config(arguments.model)
    if config is not None and revision is not None:
        config.revision = revision  # so that PEFT loads the same base model again
    return config


# The adapter of a checkpoint over its base model, trainable.
def _load_adapter(arguments: Arguments, folder: Path) -> Any:
    import torch
    from peft import AutoPeftModelForCausalLM

    loading = _loading_arguments(arguments, None)
    if loading.get("dtype") in ("bfloat16", "float16", "float32"):
        loading["dtype"] = getattr(torch, loading["dtype"])
    return AutoPeftModelForCausalLM.from_pretrained(str(folder), is_trainable=True, **loading)


def _check_rows(trainer: Any, rows: Mapping[Split, "Dataset"]) -> None:
    # TRL silently drops rows that have no labelled token left after truncation. Ours fit, so that it has no reason to.
    for split, prepared in ((Split.TRAIN, trainer.train_dataset), (Split.VALIDATION, trainer.eval_dataset)):
        if prepared is not None and len(prepared) != len(rows[split]):
            raise LostRowsError(f"the trainer kept {len(prepared)} of {len(rows[split])} rows of {split}")


@contextmanager
def settings_errors(recipe: str) -> Iterator[None]:
    """Turns TRL's errors about settings, some of them only raised at the first step, into one line.

    Raises:
        UsageError: TRL refused the settings.
    """
    try:
        yield
    except (ValueError, NotImplementedError, ImportError) as error:
        raise UsageError(f"{recipe}: TRL refuses these settings: {' '.join(str(error).split())[:400]}") from error


def save_checkpoint(trainer: Any, folder: Path) -> None:
    """Writes the trained model and its tokenizer in the form of `from_pretrained`.

    Raises:
        UsageError: the folder cannot be written to.
    """
    from peft import PeftModel

    model = trainer.accelerator.unwrap_model(trainer.model)
    # Training switches the cache off, and a saved `use_cache: false` makes every later generation slow.
    model.config.use_cache = True
    if isinstance(model, PeftModel) and _REFERENCE_ADAPTER in model.peft_config:
        model.delete_adapter(_REFERENCE_ADAPTER)
    try:
        trainer.save_model(str(folder))
    except OSError as error:
        raise UsageError(f"{folder}: the checkpoint cannot be written: {error}") from error

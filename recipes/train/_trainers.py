"""The trainer of a recipe's stage: TRL's own where there is one, and ours over Transformers' for a reward model."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.dialogue import Split
from ...schemas.errors import LostRowsError, UsageError
from ..catalogue import TrainingStage
from ..data.fit import LENGTH
from ..grpo.trainer import check_credit, make_trace_trainer
from ..runs.arguments import Arguments, GrpoArguments, RewardArguments
from ..runs.start import StartingRun, model_errors
from ._weighted import WEIGHT, check_weighable, make_weighted_trainer

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase, Trainer

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

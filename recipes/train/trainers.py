"""The trainers, given what a recipe says: TRL's own, and Transformers' for a reward model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.dialogue import Split
from ...schemas.errors import LostRowsError, UsageError
from ..data.fit import LENGTH
from ..grpo.trainer import check_credit, make_trace_trainer
from ..runs.arguments import Arguments, GrpoArguments, RewardArguments
from ..runs.start import StartingRun, model_errors
from ..tasks import TrainingStage
from .rows import WEIGHT, check_weighable, make_weighted_trainer

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase, Trainer

REFERENCE_ADAPTER = "ref"
"""What TRL calls the frozen copy of an adapter that DPO continues."""


def make_trainer(
    arguments: Arguments,
    model: str,
    tokenizer: "PreTrainedTokenizerBase",
    rows: Mapping[Split, "Dataset"],
    start: StartingRun | None,
    reward: StartingRun | None = None,
) -> "Trainer":
    """The trainer of a recipe's stage, ready to train.

    Args:
        arguments: of the run.
        model: a name on the Hub, or a folder; of a run that starts from another one, that one's folder.
        tokenizer: the model's.
        rows: that fit; of `validation` only where the recipe evaluates.
        start: where DPO or GRPO begins; of DPO it is also the reference, without a second copy of the model: an adapter
            is copied and the base model shared, and of a whole model the log-probabilities are taken before the first
            step.
        reward: what rewards a GRPO run.

    Raises:
        UsageError: the model cannot be loaded, or the settings leave no place for the weights of rows.
        LostRowsError: the trainer left out rows that it was given.
    """
    if isinstance(arguments.stage, RewardArguments):
        return _reward_trainer(arguments, arguments.stage, model, tokenizer, rows)
    from trl import DPOTrainer, SFTTrainer, get_peft_config

    training = arguments.training
    kinds = {TrainingStage.SFT: SFTTrainer, TrainingStage.DPO: DPOTrainer, TrainingStage.GRPO: make_trace_trainer}
    kind = kinds[arguments.recipe.stage]
    if arguments.recipe.stage is TrainingStage.SFT and WEIGHT in rows[Split.TRAIN].column_names:
        check_weighable(arguments.recipe.name, training)
        kind = make_weighted_trainer
    _choose_lengths(arguments)
    given: dict[str, Any] = {
        "args": training,
        "processing_class": tokenizer,
        "train_dataset": rows[Split.TRAIN],
        "eval_dataset": rows.get(Split.VALIDATION),
    }
    if isinstance(arguments.stage, GrpoArguments):
        check_credit(arguments.recipe.name, arguments.stage, training)
        given["reward_funcs"] = _trace_reward(arguments, arguments.stage, reward)
    with model_errors(model):
        if start is not None and start.is_adapter:
            given["model"] = _load_adapter(arguments, start.folder)
        else:
            on_hub = not Path(model).is_dir()
            training.model_init_kwargs = _loading(arguments, arguments.model.model_revision if on_hub else None)
            config = _pinned(get_peft_config(arguments.model), arguments, on_hub=on_hub)
            given |= {"model": model, "peft_config": config}
        trainer = kind(**given)
    if not getattr(training, "packing", False):
        _check_rows(trainer, rows)
    return trainer


def _trace_reward(arguments: Arguments, weights: GrpoArguments, reward: StartingRun | None) -> Any:
    """What a GRPO run is rewarded by."""
    from ..grpo.reward import TraceReward
    from ..reward.model import RewardModel

    assert reward is not None, "a GRPO run without a reward model does not begin"
    return TraceReward(weights, RewardModel.load(reward.folder, use_cpu=arguments.training.use_cpu))


def _reward_trainer(
    arguments: Arguments,
    weights: RewardArguments,
    model: str,
    tokenizer: "PreTrainedTokenizerBase",
    rows: Mapping[Split, "Dataset"],
) -> "Trainer":
    """The trainer of a reward model, whose head is new and whose backbone is that of the language model."""
    from peft import get_peft_model
    from transformers import set_seed
    from trl import get_peft_config

    from ..reward.model import load_scorer
    from ..reward.trainer import make_reward_trainer

    training, on_hub = arguments.training, not Path(model).is_dir()
    set_seed(training.seed)  # the head's weights are drawn
    with model_errors(model):
        loading = _loading(arguments, arguments.model.model_revision if on_hub else None)
        scorer = load_scorer(model, **loading)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    scorer.config.pad_token_id = tokenizer.pad_token_id
    config = _pinned(get_peft_config(arguments.model), arguments, on_hub=on_hub)
    scorer = scorer if config is None else get_peft_model(scorer, config)
    parts = {"step_weight": weights.step_weight, "pair_weight": weights.pair_weight}
    return make_reward_trainer(training, scorer, tokenizer, rows, **parts)


def _choose_lengths(arguments: Arguments) -> None:
    """DPO's rows have no `input_ids`, which lengths are usually taken of: the column with them must not be removed."""
    if arguments.recipe.stage is TrainingStage.DPO:
        arguments.training.remove_unused_columns = False
        arguments.training.length_column_name = LENGTH


def _loading(arguments: Arguments, revision: str | None) -> dict[str, Any]:
    """What `from_pretrained` is given besides the name."""
    from trl import get_quantization_config

    model, extra = arguments.model, arguments.training.model_init_kwargs
    given = {
        "dtype": model.dtype,
        "attn_implementation": model.attn_implementation,
        "quantization_config": get_quantization_config(model),
        "revision": revision,
    }
    return {name: value for name, value in given.items() if value is not None} | (
        extra if isinstance(extra, dict) else {}
    )


def _pinned(config: Any, arguments: Arguments, *, on_hub: bool) -> Any:
    """An adapter's configuration that knows the revision of its base model, which PEFT then loads again."""
    if config is not None and on_hub:
        config.revision = arguments.model.model_revision
    return config


def _load_adapter(arguments: Arguments, folder: Path) -> Any:
    """The adapter of a checkpoint over its base model, to be trained on."""
    import torch
    from peft import AutoPeftModelForCausalLM

    loading = _loading(arguments, None)
    if loading.get("dtype") in ("bfloat16", "float16", "float32"):
        loading["dtype"] = getattr(torch, loading["dtype"])
    return AutoPeftModelForCausalLM.from_pretrained(str(folder), is_trainable=True, **loading)


def _check_rows(trainer: Any, rows: Mapping[Split, "Dataset"]) -> None:
    """A trainer leaves out rows without a word; ours fit, so it must not."""
    for split, prepared in ((Split.TRAIN, trainer.train_dataset), (Split.VALIDATION, trainer.eval_dataset)):
        if prepared is not None and len(prepared) != len(rows[split]):
            raise LostRowsError(f"{len(rows[split])} rows of {split} went into the trainer, {len(prepared)} are left")


@contextmanager
def settings_errors(recipe: str) -> Iterator[None]:
    """What TRL says of settings that do not go together, some of it only at the first step, becomes one line.

    Raises:
        UsageError: TRL refused them.
    """
    try:
        yield
    except (ValueError, NotImplementedError, ImportError) as error:
        raise UsageError(f"{recipe}: TRL refuses these settings: {' '.join(str(error).split())[:400]}") from error


def save_checkpoint(trainer: Any, folder: Path) -> None:
    """Writes the trained model and its tokenizer, as `from_pretrained` loads them.

    Raises:
        UsageError: nothing can be written there.
    """
    from peft import PeftModel

    model = trainer.accelerator.unwrap_model(trainer.model)
    # Training switches the cache off, and a saved `use_cache: false` makes every later generation slow.
    model.config.use_cache = True
    if isinstance(model, PeftModel) and REFERENCE_ADAPTER in model.peft_config:
        model.delete_adapter(REFERENCE_ADAPTER)
    try:
        trainer.save_model(str(folder))
    except OSError as error:
        raise UsageError(f"{folder}: the checkpoint cannot be written: {error}") from error

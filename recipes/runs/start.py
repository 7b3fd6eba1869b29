"""What a run starts from: its tokenizer, the SFT checkpoint of DPO and GRPO, and the reward model of GRPO."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.errors import EndpointError, UsageError
from ..catalogue import TrainingStage, TrainingTask
from ..data.fit import token_ids
from .arguments import Arguments, GrpoArguments
from .record import TRAINING_FILE, StartRecord, TrainingRecord, read_run

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ADAPTER_FILE = "adapter_config.json"
"""The file by which a checkpoint is an adapter."""


@dataclass(frozen=True)
class StartingRun:
    """A finished run that another one builds on."""

    folder: Path
    run: TrainingRecord

    @property
    def is_adapter(self) -> bool:
        """Whether the checkpoint is an adapter over its base model."""
        return (self.folder / ADAPTER_FILE).is_file()

    def record(self) -> StartRecord:
        """What `run.json` of the new run records about it."""
        digest = hashlib.sha256((self.folder / TRAINING_FILE).read_bytes()).hexdigest()
        return StartRecord(name=self.run.recipe, run_sha256=digest, data=self.run.data)


def find_start(arguments: Arguments) -> StartingRun | None:
    """The SFT run that a DPO or GRPO recipe starts from; None for stages that start from a base model.

    Raises:
        UsageError: it is missing, unfinished, of another task, or of another model than the recipe names.
    """
    recipe = arguments.recipe
    if recipe.stage not in (TrainingStage.DPO, TrainingStage.GRPO):
        return None
    given = arguments.own.sft_checkpoint
    folder = Path(given) if given else arguments.out.parent / TrainingStage.SFT
    run = read_run(folder)
    if run is None:
        raise UsageError(
            f"{recipe.name}: starts from an SFT checkpoint, and {folder} holds no training run: run the sft recipe of "
            "the same task first, or name its folder with --set sft_checkpoint=DIR"
        )
    if run.task is not recipe.task:
        raise UsageError(f"{recipe.name}: {folder} is a checkpoint of the {run.task}; this recipe trains {recipe.task}")
    if run.state != "done":
        raise UsageError(f"{recipe.name}: {folder} is not finished; repeat the command that started it")
    start = StartingRun(folder, run)
    _check_model(arguments, start)
    return start


def find_reward(arguments: Arguments) -> StartingRun | None:
    """The reward model of a GRPO recipe; None for other stages.

    Raises:
        UsageError: it is missing, unfinished, or not a reward model.
    """
    recipe, own = arguments.recipe, arguments.stage
    if not isinstance(own, GrpoArguments):
        return None
    folder = (
        Path(own.reward_model)
        if own.reward_model
        else arguments.out.parent.parent / TrainingTask.REWARD / TrainingStage.REWARD
    )
    run = read_run(folder)
    if run is None:
        raise UsageError(
            f"{recipe.name}: {folder} holds no reward model: run the reward recipe first, or name its folder with "
            "--set reward_model=DIR"
        )
    check_reward_run(folder, run)
    return StartingRun(folder, run)


def check_reward_run(folder: Path, run: TrainingRecord) -> None:
    """Checks that the run in `folder` is a finished run of a reward recipe.

    Raises:
        UsageError: it is not.
    """
    if run.task is not TrainingTask.REWARD:
        raise UsageError(f"{folder}: holds a {run.task}, not a reward model; name the folder of a reward recipe's run")
    if run.state != "done":
        raise UsageError(f"{folder}: the reward model is not finished; repeat the command that started it")


def _check_model(arguments: Arguments, start: StartingRun) -> None:
    recipe, wanted = arguments.recipe, arguments.model.model_name_or_path
    if wanted is not None and plain_name(wanted) != start.run.base_model:
        raise UsageError(
            f"{recipe.name}: {start.folder} is a checkpoint of {start.run.base_model}, not of {wanted}; choose that "
            "model's recipe, or set model_name_or_path to that model"
        )
    if start.is_adapter and not arguments.model.use_peft:
        raise UsageError(f"{recipe.name}: {start.folder} is an adapter; continue it with use_peft=true")


def plain_name(model: str) -> str:
    """A model's name on the Hub, or the name of its folder without the folders above it."""
    return Path(model).resolve().name if Path(model).exists() else model


def load_tokenizer(arguments: Arguments, name: str, revision: str | None) -> "PreTrainedTokenizerBase":
    """The tokenizer of a model, with the chat template and the tokens that the run's arguments set.

    Args:
        arguments: of the run.
        name: the model on the Hub, or the folder of a checkpoint.
        revision: of a model on the Hub.

    Raises:
        UsageError: the model cannot be loaded, has no chat template, or lacks a token that the arguments name.
        EndpointError: the Hub cannot be reached.
    """
    from transformers import AutoTokenizer

    with model_errors(name):
        # `ModelConfig` holds it in TRL 1.0, the stage's configuration in later versions.
        holder = arguments.training if hasattr(arguments.training, "trust_remote_code") else arguments.model
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=holder.trust_remote_code)
    _set_tokens(arguments, tokenizer)
    if tokenizer.chat_template is None:
        raise UsageError(
            f"{arguments.recipe.name}: the tokenizer of {name} has no chat template; train the instruct variant of the "
            "model, or set chat_template_path=FILE.jinja in the sft recipe"
        )
    return tokenizer


def _set_tokens(arguments: Arguments, tokenizer: Any) -> None:
    # TRL sets the same, but only in its trainer: the rows are cut to length before that, and need the final template.
    template = getattr(arguments.training, "chat_template_path", None)
    if template is not None:
        if not Path(template).is_file():
            raise UsageError(f"{arguments.recipe.name}: chat_template_path: {template}: no such file")
        tokenizer.chat_template = Path(template).read_text(encoding="utf-8")
    wanted = {"pad_token": arguments.own.padding_token, "eos_token": getattr(arguments.training, "eos_token", None)}
    for name, token in wanted.items():
        if token is None:
            continue
        if token not in tokenizer.get_vocab():
            raise UsageError(f"{arguments.recipe.name}: {name}: {token!r} is not in the vocabulary of the tokenizer")
        setattr(tokenizer, name, token)


def check_end_of_turn(recipe: str, tokenizer: "PreTrainedTokenizerBase", row: dict[str, Any], answer: str) -> None:
    """Checks that the chat template ends an answer with the token that ends a generation.

    Without it, a model trained on these rows would never stop.

    Args:
        recipe: named in the error.
        tokenizer: with the template.
        row: any row.
        answer: the name of its column with an answer.

    Raises:
        UsageError: the template ends answers otherwise, or refuses the messages.
    """
    whole, prompt = token_ids(tokenizer, [[*row["prompt"], *row[answer]], row["prompt"]])
    if whole.count(tokenizer.eos_token_id) <= prompt.count(tokenizer.eos_token_id):
        raise UsageError(
            f"{recipe}: the chat template does not end an answer with {tokenizer.eos_token!r}, which ends a generation"
            ": a model trained on it would never stop; set the template's end token as eos_token in the sft recipe"
        )


@contextmanager
def model_errors(name: str) -> Iterator[None]:
    """Turns the errors of Transformers, when it cannot load the model `name`, into one line.

    Raises:
        UsageError: the model does not exist, or cannot be loaded.
        EndpointError: the Hub cannot be reached.
    """
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        yield
    except (OSError, HfHubHTTPError) as error:
        # Transformers wraps the error of a Hub that cannot be reached in an OSError like that of a missing model.
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, LocalEntryNotFoundError | ConnectionError):
            cause = cause.__cause__ or cause.__context__
        reason = " ".join(str(error).split())[:300]
        if cause is not None and not Path(name).exists():
            raise EndpointError(f"cannot load {name} from the Hub: {reason}; repeat the command later") from error
        raise UsageError(f"{name}: cannot load this model: {reason}") from error

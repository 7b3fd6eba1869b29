"""Where training begins: the tokenizer, the SFT checkpoint that a run goes on from, and what rewards it."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.errors import EndpointError, UsageError
from ..data.fit import token_ids
from ..tasks import TrainingStage, TrainingTask
from .arguments import Arguments, GrpoArguments
from .record import TRAINING_FILE, StartRecord, TrainingRecord, read_run

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ADAPTER = "adapter_config.json"


@dataclass(frozen=True)
class StartingRun:
    """A finished run that another one starts from."""

    folder: Path
    """Where its checkpoint is."""
    run: TrainingRecord
    """What it was."""

    @property
    def is_adapter(self) -> bool:
        """Whether the checkpoint is an adapter over its base model."""
        return (self.folder / _ADAPTER).is_file()

    def record(self) -> StartRecord:
        """What the next run's record says of it."""
        digest = hashlib.sha256((self.folder / TRAINING_FILE).read_bytes()).hexdigest()
        return StartRecord(name=self.run.recipe, run_sha256=digest, data=self.run.data)


def find_start(arguments: Arguments) -> StartingRun | None:
    """The checkpoint that a DPO or GRPO recipe starts from; None of a recipe that begins with a base model.

    Raises:
        UsageError: there is none, it is not finished, or it is of another task.
    """
    recipe = arguments.recipe
    if recipe.stage not in (TrainingStage.DPO, TrainingStage.GRPO):
        return None
    given = arguments.own.sft_checkpoint
    folder = Path(given) if given else arguments.out.parent / TrainingStage.SFT
    run = read_run(folder)
    if run is None:
        how = "holds no training run" if given else "is not there"
        raise UsageError(
            f"{recipe.name}: starts from an SFT checkpoint, and {folder} {how}: run the sft recipe of the same task "
            "first, or name its folder with --set sft_checkpoint=DIR"
        )
    if run.task is not recipe.task:
        raise UsageError(f"{recipe.name}: {folder} is a checkpoint of the {run.task}; this recipe trains {recipe.task}")
    if run.state != "done":
        raise UsageError(f"{recipe.name}: {folder} is not finished; repeat the command that began it")
    start = StartingRun(folder, run)
    _check_model(arguments, start)
    return start


def find_reward(arguments: Arguments) -> StartingRun | None:
    """The reward model of a GRPO recipe; None of other recipes.

    Raises:
        UsageError: there is none, it is not finished, or it is of another task.
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
    """Looks whether a run is one of a reward recipe, and finished.

    Raises:
        UsageError: it is not.
    """
    if run.task is not TrainingTask.REWARD:
        raise UsageError(
            f"{folder}: holds a {run.task}, which scores nothing; name the folder of a reward recipe's run"
        )
    if run.state != "done":
        raise UsageError(f"{folder}: the reward model is not finished; repeat the command that began it")


def _check_model(arguments: Arguments, start: StartingRun) -> None:
    """A recipe that names a model starts from that model's checkpoint, and one for all weights from all weights."""
    recipe, wanted = arguments.recipe, arguments.model.model_name_or_path
    if wanted is not None and plain_name(wanted) != start.run.base_model:
        raise UsageError(
            f"{recipe.name}: {start.folder} is a checkpoint of {start.run.base_model}, not of {wanted}; choose that "
            "model's recipe, or say the same with model_name_or_path"
        )
    if start.is_adapter and not arguments.model.use_peft:
        raise UsageError(f"{recipe.name}: {start.folder} is an adapter; train it on with use_peft=true")


def plain_name(model: str) -> str:
    """A model's name: on the Hub, or of its folder without the folders above it."""
    return Path(model).resolve().name if Path(model).exists() else model


def load_tokenizer(arguments: Arguments, name: str, revision: str | None) -> "PreTrainedTokenizerBase":
    """The model's own tokenizer, with its own chat template.

    Args:
        arguments: of the run.
        name: of the model, or the folder of a checkpoint.
        revision: of the model on the Hub.

    Raises:
        UsageError: there is no such model, it has no chat template, or no token to pad with as was asked for.
        EndpointError: the Hub cannot be reached.
    """
    from transformers import AutoTokenizer

    with model_errors(name):
        # TRL 1.0 has it among the model's arguments.
        holder = arguments.training if hasattr(arguments.training, "trust_remote_code") else arguments.model
        trust = holder.trust_remote_code
        tokenizer = AutoTokenizer.from_pretrained(name, revision=revision, trust_remote_code=trust)
    _set_tokens(arguments, tokenizer)
    if tokenizer.chat_template is None:
        raise UsageError(
            f"{arguments.recipe.name}: the tokenizer of {name} has no chat template; train the instruct variant of the "
            "model, or give the sft recipe a template: chat_template_path=FILE.jinja"
        )
    return tokenizer


def _set_tokens(arguments: Arguments, tokenizer: Any) -> None:
    """What TRL would set as well, but only after the rows have been cut by this tokenizer."""
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
    """Looks whether an answer ends with the token that ends a generation.

    Raises:
        UsageError: it does not, and a model trained on it would never stop; or the template refuses the messages.
    """
    whole, prompt = token_ids(tokenizer, [[*row["prompt"], *row[answer]], row["prompt"]])
    if whole.count(tokenizer.eos_token_id) <= prompt.count(tokenizer.eos_token_id):
        raise UsageError(
            f"{recipe}: the chat template ends an answer with another token than {tokenizer.eos_token!r}, which ends a "
            "generation: a model trained on it would never stop; give the sft recipe the token as eos_token"
        )


@contextmanager
def model_errors(name: str) -> Iterator[None]:
    """What Transformers raises where it cannot load a model becomes one line.

    Raises:
        UsageError: there is no such model, or it is none that can be loaded.
        EndpointError: the Hub cannot be reached.
    """
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        yield
    except (OSError, HfHubHTTPError) as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, LocalEntryNotFoundError | ConnectionError):
            cause = cause.__cause__ or cause.__context__
        reason = " ".join(str(error).split())[:300]
        if cause is not None and not Path(name).exists():
            raise EndpointError(f"the Hub did not give {name}: {reason}; repeat the command when it answers") from error
        raise UsageError(f"{name}: no model that can be loaded: {reason}") from error

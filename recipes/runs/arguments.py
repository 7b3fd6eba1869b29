"""What the training script is given: a recipe's file, and whatever the command line says otherwise.

Every argument of TRL's configuration of the stage, such as `SFTConfig`, and of its `ModelConfig` is taken by its own
name, and those of `RecipeArguments` and of the stage besides.
"""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ...schemas.errors import UsageError
from ..catalogue import Recipe, find_recipe
from ..tasks import TrainingStage
from .environment import check_device

if TYPE_CHECKING:
    from trl import DPOConfig, GRPOConfig, ModelConfig, RewardConfig, SFTConfig

# What a GRPO recipe says besides the arguments of TRL's `GRPOConfig`.


PARTS = ("process", "outcome", "redundancy")
"""The parts of the reward, by the names of the settings that say what they count for; at 0 a part is switched off."""

MEAN, MIN, PER_STEP = "mean", "min", "per_step"
CREDITS = (MEAN, MIN, PER_STEP)
"""How the scores of the steps before the reply become credit; see `GrpoArguments.process_credit`."""


@dataclass
class GrpoArguments:
    """What a trace is rewarded with: our own choice, since PEER's weights (arXiv 2508.09521) are not published.

    A trace that can be read is the precondition and earns nothing by itself: what cannot be read has a reward of 0,
    the least that there is. So there is no weight for the format.
    """

    process: float = field(
        default=1.0, metadata={"help": "of the reward model's scores of history, emotion and strategy"}
    )
    process_credit: str = field(
        default=MEAN,
        metadata={
            "help": "how these scores become credit: mean; min, the weakest step's; or per_step, where the tokens of a "
            "step answer for it and for what comes after it, not for what came before"
        },
    )
    outcome: float = field(default=1.0, metadata={"help": "of the reward model's score of the reply"})
    redundancy: float = field(
        default=1.0, metadata={"help": "how strongly repeating others, or oneself, lowers an advantage above 0"}
    )
    redundancy_floor: float = field(
        default=0.25, metadata={"help": "the least share of its advantage that a reply keeps, however it repeats"}
    )
    reward_model: str | None = field(
        default=None, metadata={"help": "a finished run of a reward recipe; ../../reward/reward if it is left out"}
    )
    max_length: int | None = field(
        default=2048, metadata={"help": "tokens of a prompt with its demonstration; prompts are cut from the left"}
    )

    def check(self, recipe: str) -> None:
        """Looks whether there is anything to learn.

        Raises:
            UsageError: a weight is below 0, the floor is not a share, there is no such credit, or nothing is rewarded.
        """
        for name in PARTS:
            if not getattr(self, name) >= 0:
                raise UsageError(f"{recipe}: {name}: {getattr(self, name)} is not 0 or more")
        if not 0 < self.redundancy_floor <= 1:
            raise UsageError(f"{recipe}: redundancy_floor: {self.redundancy_floor} is not above 0 and at most 1")
        if self.process_credit not in CREDITS:
            raise UsageError(
                f"{recipe}: process_credit: {self.process_credit!r} is none of {', '.join(CREDITS)} (process is the "
                "weight of it, a number)"
            )
        if not (self.process or self.outcome):
            raise UsageError(
                f"{recipe}: process and outcome are both 0: nothing is rewarded, since a whole trace earns nothing by "
                "itself"
            )


# What a reward recipe says besides the arguments of TRL's `RewardConfig`.


@dataclass
class RewardArguments:
    """What the parts of the loss count for."""

    step_weight: float = field(default=1.0, metadata={"help": "of the labelled steps in the loss; 0 leaves them out"})
    pair_weight: float = field(default=1.0, metadata={"help": "of the pairs in the loss; 0 leaves them out"})

    def check(self, recipe: str) -> None:
        """Looks whether there is anything to learn.

        Raises:
            UsageError: a weight is below 0, or both are 0.
        """
        for name in ("step_weight", "pair_weight"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{recipe}: {name}: {getattr(self, name)} is not 0 or more")
        if not self.step_weight and not self.pair_weight:
            raise UsageError(f"{recipe}: step_weight and pair_weight are both 0: nothing is learnt")


_OWN_MODEL = (TrainingStage.SFT, TrainingStage.REWARD)
"""The stages that begin with a model that the recipe names; the others go on from an SFT checkpoint."""
_PLACES = frozenset(
    {"data", "revision", "dialogues", "sft_checkpoint", "reward_model", "output_dir", "task", "stage", "needs"}
)
"""Settings that say where something is or what a recipe is, which a run records in fields of their own."""


@dataclass
class RecipeArguments:
    """What a recipe says besides the arguments of TRL."""

    task: str = field(default="", metadata={"help": "planner, responder, joint, reasoner or reward"})
    stage: str = field(default="", metadata={"help": "sft, dpo, grpo or reward"})
    needs: str = field(default="", metadata={"help": "the machine that the recipe is made for, in words"})
    data: list[str] | None = field(
        default=None, metadata={"help": "a release: a folder, or ORG/NAME on the Hub; several folders are used as one"}
    )
    revision: str | None = field(default=None, metadata={"help": "the tag that pins a release on the Hub"})
    dialogues: str | None = field(
        default=None, metadata={"help": "a file with ids, a line each: only the rows of these dialogues are used"}
    )
    sft_checkpoint: str | None = field(
        default=None,
        metadata={"help": "where dpo and grpo start: a finished run of the same task; ../sft if it is left out"},
    )
    max_rows: int | None = field(
        default=None, metadata={"help": "rows of a split that are used at most, drawn by the seed"}
    )
    padding_token: str | None = field(
        default=None, metadata={"help": "a token of the vocabulary to pad with, where the tokenizer names none"}
    )
    random_width: int | None = field(
        default=None, metadata={"help": "train a model of this width from random weights, made on the spot"}
    )
    random_layers: int = field(default=2, metadata={"help": "layers of the model from random weights"})
    random_vocabulary: int = field(default=2000, metadata={"help": "tokens of the model from random weights"})


@dataclass(frozen=True)
class Arguments:
    """Everything that decides a run."""

    recipe: Recipe
    """The file that it comes from."""
    own: RecipeArguments
    """What is ours of it."""
    training: "SFTConfig | DPOConfig | GRPOConfig | RewardConfig"
    """TRL's, of the stage."""
    model: "ModelConfig"
    """TRL's, of the model."""
    stage: GrpoArguments | RewardArguments | None
    """What is ours of the stage, where it has any."""
    settings: dict[str, Any]
    """The values that the file or the command line gave, without places."""

    @property
    def out(self) -> Path:
        """Where the run writes."""
        return Path(str(self.training.output_dir))

    @property
    def max_length(self) -> int | None:
        """Tokens of a row at most."""
        holder = self.stage if isinstance(self.stage, GrpoArguments) else self.training
        return holder.max_length


def parse(argv: Sequence[str]) -> Arguments:
    """The arguments in `--config RECIPE [--NAME VALUE …]`; RECIPE is a recipe's name or a YAML file.

    Raises:
        UsageError: there is no such recipe or argument, a value is wrong, or this machine is not what it needs.
    """
    from trl import TrlParser

    recipe, rest = _split_config(argv)
    parser = TrlParser((RecipeArguments, *_kinds(recipe.stage)), prog="recipe", allow_abbrev=False)
    parser.error = _refuse
    known = {action.dest for action in parser._actions}
    _check_names(recipe, known)
    parser.set_defaults_with_config(**recipe.settings)
    filed, _ = parser.parse_known_args([])
    given, unknown = parser.parse_known_args(list(rest))
    if unknown:
        raise UsageError(f"{recipe.name}: there is no setting {unknown[0].lstrip('-')!r}{_near(unknown[0], known)}")
    _check_values(recipe, given)
    try:
        own, training, model, *stage = parser.parse_args_into_dataclasses(args=list(rest))
    except (ValueError, TypeError, ImportError) as error:
        raise UsageError(f"{recipe.name}: {' '.join(str(error).split())}") from error
    changed = {name for name, value in vars(given).items() if value != getattr(filed, name)}
    settings = {name: _plain(vars(given)[name]) for name in sorted((changed | set(recipe.settings)) - _PLACES)}
    arguments = Arguments(recipe, own, training, model, stage[0] if stage else None, settings)
    if arguments.stage is not None:
        arguments.stage.check(recipe.name)
    return arguments


def _kinds(stage: TrainingStage) -> tuple[type, ...]:
    """The arguments of a stage: TRL's, TRL's of the model, and ours where there are any."""
    from trl import DPOConfig, GRPOConfig, ModelConfig, RewardConfig, SFTConfig

    kinds: dict[TrainingStage, tuple[type, ...]] = {
        TrainingStage.SFT: (SFTConfig, ModelConfig),
        TrainingStage.DPO: (DPOConfig, ModelConfig),
        TrainingStage.GRPO: (GRPOConfig, ModelConfig, GrpoArguments),
        TrainingStage.REWARD: (RewardConfig, ModelConfig, RewardArguments),
    }
    return kinds[stage]


def words_of(settings: Sequence[tuple[str, Any]]) -> list[str]:
    """Settings as words of a command line.

    Raises:
        UsageError: a value is null or a mapping inside a mapping, which cannot be written there.
    """
    words = []
    for name, value in settings:
        if value is None:
            raise UsageError(f"{name}: null cannot be set; copy the recipe's file and leave the line out")
        values = value if isinstance(value, list) else [value]
        words += [f"--{name}", *(str(one).lower() if isinstance(one, bool) else str(one) for one in values)]
    return words


def _split_config(argv: Sequence[str]) -> tuple[Recipe, list[str]]:
    words = list(argv)
    if "--config" not in words[:-1]:
        raise UsageError("name the recipe: --config RECIPE, a name or a YAML file")
    place = words.index("--config")
    return find_recipe(words[place + 1]), words[:place] + words[place + 2 :]


def _check_names(recipe: Recipe, known: set[str]) -> None:
    for name in recipe.settings:
        if name not in known:
            raise UsageError(f"{recipe.name}: there is no setting {name!r}{_near(name, known)}")


def _near(name: str, known: set[str]) -> str:
    near = get_close_matches(name.lstrip("-"), known, n=2)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def _check_values(recipe: Recipe, given: Namespace) -> None:
    """What is wrong without TRL looking at it, or would be told by it in many lines."""
    if (given.task, given.stage) != (recipe.task, recipe.stage):
        raise UsageError(f"{recipe.name}: task and stage are what the recipe is; choose another recipe instead")
    if not given.data or not all(given.data):
        raise UsageError(f"{recipe.name}: name a release to train on with --data: a folder, or ORG/NAME on the Hub")
    if recipe.stage in _OWN_MODEL and not given.model_name_or_path and given.random_width is None:
        raise UsageError(f"{recipe.name}: name a model with model_name_or_path")
    check_device(recipe.name, use_cpu=given.use_cpu, bf16=given.bf16, fp16=given.fp16)


def _refuse(message: str) -> NoReturn:
    """What argparse says of a wrong value, without its page of usage."""
    raise UsageError(message)


def _plain(value: Any) -> Any:
    """A value without folders: what a run records may be published."""
    if isinstance(value, str) and "/" in value and Path(value).exists():
        return Path(value).name
    return [_plain(one) for one in value] if isinstance(value, list) else value

"""The settings of a training run: a recipe's file, overridden by the command line.

A recipe may set any argument of TRL's configuration for its stage, such as `SFTConfig`, and of TRL's `ModelConfig`, by
its own name, and those of `RecipeArguments` and of the stage's own class. These are plain dataclasses, as TRL's parser
needs them, and stand below the stages, so that a run's arguments can be read without their code.
"""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ...schemas.documents import DocumentError, parse_yaml
from ...schemas.errors import UsageError
from ..catalogue import Recipe, TrainingStage, find_recipe
from .environment import check_device

if TYPE_CHECKING:
    from trl import DPOConfig, GRPOConfig, ModelConfig, RewardConfig, SFTConfig

PARTS = ("process", "outcome", "redundancy")
"""The parts of the GRPO reward, by the settings that weigh them; a weight of 0 switches a part off."""

MEAN, MIN, PER_STEP = "mean", "min", "per_step"
CREDITS = (MEAN, MIN, PER_STEP)
"""The values of `GrpoArguments.process_credit`."""

# The stages whose recipe names the model; the others continue an SFT checkpoint.
_NAMED_MODEL = (TrainingStage.SFT, TrainingStage.REWARD)
# Settings that `TrainingRecord` has fields for, or that hold paths of this machine.
_NOT_RECORDED = frozenset(
    {"data", "revision", "dialogues", "sft_checkpoint", "reward_model", "output_dir", "task", "stage", "needs"}
)


@dataclass
class RecipeArguments:
    """The settings of a recipe that TRL does not have."""

    task: str = field(default="", metadata={"help": "planner, responder, joint, reasoner or reward"})
    stage: str = field(default="", metadata={"help": "sft, dpo, grpo or reward"})
    needs: str = field(default="", metadata={"help": "the machine that the recipe is made for, in words"})
    data: list[str] | None = field(
        default=None, metadata={"help": "a release: a folder, or ORG/NAME on the Hub; several folders are used as one"}
    )
    revision: str | None = field(default=None, metadata={"help": "the tag that pins a release on the Hub"})
    dialogues: str | None = field(
        default=None, metadata={"help": "a file of dialogue ids, one a line; only their rows are used"}
    )
    sft_checkpoint: str | None = field(
        default=None, metadata={"help": "where dpo and grpo start: a finished run of the same task; default: ../sft"}
    )
    max_rows: int | None = field(default=None, metadata={"help": "maximum rows of a split, drawn by the seed"})
    padding_token: str | None = field(
        default=None, metadata={"help": "the padding token, for a tokenizer that has none; must be in the vocabulary"}
    )
    random_width: int | None = field(
        default=None, metadata={"help": "train a new model of this width from random weights"}
    )
    random_layers: int = field(default=2, metadata={"help": "layers of the model from random weights"})
    random_vocabulary: int = field(default=2000, metadata={"help": "tokens of the model from random weights"})


@dataclass
class GrpoArguments:
    """The weights of the GRPO reward: our own choice, since PEER's (arXiv 2508.09521) are not published.

    A trace that cannot be parsed has a reward of 0, the minimum, so the format needs no weight of its own.
    """

    process: float = field(
        default=1.0, metadata={"help": "weight of the reward model's scores of history, emotion and strategy"}
    )
    process_credit: str = field(
        default=MEAN,
        metadata={
            "help": "how these scores become credit: mean; min, the weakest step's; or per_step, where the tokens of a "
            "step are credited with that step and those after it"
        },
    )
    outcome: float = field(default=1.0, metadata={"help": "weight of the reward model's score of the reply"})
    redundancy: float = field(
        default=1.0, metadata={"help": "how strongly a repetitive reply lowers its advantage, if that is above 0"}
    )
    redundancy_floor: float = field(
        default=0.25, metadata={"help": "the smallest share of its advantage that a repetitive reply keeps"}
    )
    reward_model: str | None = field(
        default=None, metadata={"help": "a finished run of a reward recipe; default: ../../reward/reward"}
    )
    max_length: int | None = field(
        default=2048, metadata={"help": "tokens of a prompt with its demonstration; prompts are cut from the left"}
    )

    def check(self, recipe: str) -> None:
        """Checks that these weights reward something.

        Raises:
            UsageError: a weight is below 0, the floor is not in (0, 1], the credit is unknown, or no score counts.
        """
        _check_weights(self, PARTS, recipe)
        if not 0 < self.redundancy_floor <= 1:
            raise UsageError(f"{recipe}: redundancy_floor: {self.redundancy_floor} is not above 0 and at most 1")
        if self.process_credit not in CREDITS:
            raise UsageError(
                f"{recipe}: process_credit: {self.process_credit!r} is none of {', '.join(CREDITS)} (the weight of "
                "these scores is called process)"
            )
        if not (self.process or self.outcome):
            raise UsageError(
                f"{recipe}: process and outcome are both 0: nothing is rewarded, since a well-formed trace earns "
                "nothing by itself"
            )


@dataclass
class RewardArguments:
    """The weights of the two parts of a reward model's loss."""

    step_weight: float = field(
        default=1.0, metadata={"help": "weight of labelled steps in the loss; 0 leaves them out"}
    )
    pair_weight: float = field(default=1.0, metadata={"help": "weight of pairs in the loss; 0 leaves them out"})

    def check(self, recipe: str) -> None:
        """Checks that these weights leave something to learn.

        Raises:
            UsageError: a weight is below 0, or both are 0.
        """
        _check_weights(self, ("step_weight", "pair_weight"), recipe)
        if not self.step_weight and not self.pair_weight:
            raise UsageError(f"{recipe}: step_weight and pair_weight are both 0: nothing is learnt")


def _check_weights(arguments: GrpoArguments | RewardArguments, names: Sequence[str], recipe: str) -> None:
    for name in names:
        if not (value := getattr(arguments, name)) >= 0:  # so that NaN is refused as well
            raise UsageError(f"{recipe}: {name}: {value} is not 0 or more")


@dataclass(frozen=True)
class Arguments:
    """Everything that decides a run."""

    recipe: Recipe
    own: RecipeArguments
    training: "SFTConfig | DPOConfig | GRPOConfig | RewardConfig"
    """TRL's, of the stage."""
    model: "ModelConfig"
    """TRL's, of the model."""
    stage: GrpoArguments | RewardArguments | None
    """Ours, of the stage."""
    settings: dict[str, Any]
    """The values that the recipe's file or the command line set, as `run.json` records them."""

    @property
    def out(self) -> Path:
        return Path(str(self.training.output_dir))

    @property
    def max_length(self) -> int | None:
        """Maximum tokens of a row; None for no limit."""
        holder = self.stage if isinstance(self.stage, GrpoArguments) else self.training
        return holder.max_length


def parse(argv: Sequence[str]) -> Arguments:
    """Parses `--config RECIPE [--NAME VALUE …]`; RECIPE is a recipe's name or a YAML file.

    Raises:
        UsageError: the recipe or a setting does not exist, a value is wrong, or the machine lacks what it needs.
    """
    from trl import TrlParser

    recipe, rest = _split_config(argv)
    # Without abbreviations: `--max_len` would silently mean whatever setting happens to begin like that.
    parser = TrlParser((RecipeArguments, *_argument_classes(recipe.stage)), prog="recipe", allow_abbrev=False)
    parser.error = _refuse
    known = {action.dest for action in parser._actions}
    for name in recipe.settings:
        if name not in known:
            raise UsageError(f"{recipe.name}: there is no setting {name!r}{_suggest(name, known)}")
    parser.set_defaults_with_config(**recipe.settings)
    # Parsed twice: what differs from the defaults is what the user set, and that goes on record.
    defaults, _ = parser.parse_known_args([])
    given, unknown = parser.parse_known_args(list(rest))
    if unknown:
        raise UsageError(f"{recipe.name}: there is no setting {unknown[0].lstrip('-')!r}{_suggest(unknown[0], known)}")
    _check_values(recipe, given)
    try:
        own, training, model, *stage = parser.parse_args_into_dataclasses(args=list(rest))
    except (ValueError, TypeError, ImportError) as error:
        raise UsageError(f"{recipe.name}: {' '.join(str(error).split())}") from error
    changed = {name for name, value in vars(given).items() if value != getattr(defaults, name)}
    recorded = sorted((changed | set(recipe.settings)) - _NOT_RECORDED)
    settings = {name: _strip_folders(vars(given)[name]) for name in recorded}
    arguments = Arguments(recipe, own, training, model, stage[0] if stage else None, settings)
    if arguments.stage is not None:
        arguments.stage.check(recipe.name)
    return arguments


def words_of(settings: Sequence[tuple[str, Any]]) -> list[str]:
    """Settings as command-line words, which `parse` reads back as the same values.

    Raises:
        UsageError: a value is null, which no word stands for.
    """
    words = []
    for name, value in settings:
        if value is None:
            raise UsageError(f"{name}: null cannot be set; copy the recipe's file and delete the line")
        values = value if isinstance(value, list) else [value]
        words += [f"--{name}", *(str(one).lower() if isinstance(one, bool) else str(one) for one in values)]
    return words


def _argument_classes(stage: TrainingStage) -> tuple[type, ...]:
    from trl import DPOConfig, GRPOConfig, ModelConfig, RewardConfig, SFTConfig

    classes: dict[TrainingStage, tuple[type, ...]] = {
        TrainingStage.SFT: (SFTConfig, ModelConfig),
        TrainingStage.DPO: (DPOConfig, ModelConfig),
        TrainingStage.GRPO: (GRPOConfig, ModelConfig, GrpoArguments),
        TrainingStage.REWARD: (RewardConfig, ModelConfig, RewardArguments),
    }
    return classes[stage]


def _split_config(argv: Sequence[str]) -> tuple[Recipe, list[str]]:
    words = list(argv)
    if "--config" not in words[:-1]:
        raise UsageError("name the recipe: --config RECIPE, a name or a YAML file")
    place = words.index("--config")
    return find_recipe(words[place + 1]), words[:place] + words[place + 2 :]


def _suggest(name: str, known: set[str]) -> str:
    near = get_close_matches(name.lstrip("-"), known, n=2)
    return f"; did you mean {' or '.join(near)}?" if near else ""


# Refuses what TRL would accept, or would refuse with a page of text.
def _check_values(recipe: Recipe, given: Namespace) -> None:
    if (given.task, given.stage) != (recipe.task, recipe.stage):
        raise UsageError(f"{recipe.name}: task and stage are fixed by the recipe; choose another recipe instead")
    if not given.data or not all(given.data):
        raise UsageError(f"{recipe.name}: name a release to train on with --data: a folder, or ORG/NAME on the Hub")
    if recipe.stage in _NAMED_MODEL and not given.model_name_or_path and given.random_width is None:
        raise UsageError(f"{recipe.name}: name a model with model_name_or_path")
    check_device(recipe.name, use_cpu=given.use_cpu, bf16=given.bf16, fp16=given.fp16)


# Replaces argparse's `error`, which prints the usage of hundreds of settings and exits.
def _refuse(message: str) -> NoReturn:
    raise UsageError(message)


# A value without the folders above a path: a run's record may be published.
def _strip_folders(value: Any) -> Any:
    # Only what exists here is a path; `ORG/NAME` has a slash as well.
    if isinstance(value, str) and "/" in value and Path(value).exists():
        return Path(value).name
    return [_strip_folders(one) for one in value] if isinstance(value, list) else value


# Reads `--set NAME=VALUE`.


# What YAML 1.1 takes for truth values, and trainers take as names, such as `eval_strategy=no`, or as either.
_WORDS = ("no", "off", "on", "yes")


def read_settings(given: Sequence[str], *, dotted: bool = False) -> Iterator[tuple[str, Any]]:
    """The settings in `NAME=VALUE` words; a value is read as YAML reads it, but `no` and its like stay words.

    Args:
        given: the words.
        dotted: whether a name may be of several parts, as in `planner.sft.max_steps`.

    Raises:
        UsageError: there is no equals sign, or no name before it, or the value is not YAML.
    """
    for word in given:
        name, equals, value = word.partition("=")
        parts = name.split(".") if dotted else [name]
        if not equals or not all(part.isidentifier() for part in parts):
            raise UsageError(f"--set: {word!r} is not of the form NAME=VALUE")
        try:
            yield name, value if value.lower() in _WORDS else parse_yaml(value)
        except DocumentError as error:
            raise UsageError(f"--set: {name}: {value[:60]!r} is not a value: {error}") from error

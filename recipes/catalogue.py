"""The reference recipes, `MODEL/TASK/STAGE`, and recipes in a file of the user's own.

A reference recipe is put together from three files of `recipes/yaml`: what its stage always needs
(`stages/sft.yaml`), what fits the machine (`scales/lora.yaml`), and the model (`models/…`), which names its recipes.
Each has sections: `all`, one for a stage, one for a task at a stage (`reasoner/sft`). A later line replaces an earlier
one of the same key. The result is one complete YAML text, which `recipe show` prints and which also works as a file.
"""

import re
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..schemas.config import Config
from ..schemas.documents import DocumentError, parse_yaml, read_yaml
from ..schemas.errors import UsageError

# What a recipe trains: a task in one of its stages, and the configs of a release that this stage reads.


class TrainingTask(StrEnum):
    """What the trained model does."""

    PLANNER = "planner"
    """Dialogue to strategy."""
    RESPONDER = "responder"
    """Dialogue and strategy to reply."""
    JOINT = "joint"
    """Dialogue to `[Strategy] reply`: the entangled baseline."""
    REASONER = "reasoner"
    """Dialogue to a reasoning trace that ends with the reply."""
    REWARD = "reward"
    """Dialogue and trace to a score of every step."""


class TrainingStage(StrEnum):
    """How it is trained."""

    SFT = "sft"
    """On demonstrations."""
    DPO = "dpo"
    """On pairs, from an SFT checkpoint of the same task."""
    GRPO = "grpo"
    """On its own traces, scored by a reward model, from an SFT checkpoint of the same task."""
    REWARD = "reward"
    """On labelled steps and pairs, in one loss."""


SYSTEM_TASKS = (TrainingTask.PLANNER, TrainingTask.RESPONDER, TrainingTask.JOINT)
"""The decoupled system's two models and the joint baseline, which are trained and compared together."""
SYSTEM_STAGES = (TrainingStage.SFT, TrainingStage.DPO)
"""The stages of each of them, in order."""

ANSWERS = {
    TrainingStage.SFT: ("completion",),
    TrainingStage.DPO: ("chosen", "rejected"),
    TrainingStage.GRPO: ("completion",),
    TrainingStage.REWARD: ("trace", "worse"),
}
"""The columns of a stage's rows that hold answers to the prompt."""

_CONFIGS = {
    (TrainingTask.PLANNER, TrainingStage.SFT): (Config.STRATEGY_SFT,),
    (TrainingTask.PLANNER, TrainingStage.DPO): (Config.STRATEGY,),
    (TrainingTask.RESPONDER, TrainingStage.SFT): (Config.RESPONSE_SFT,),
    (TrainingTask.RESPONDER, TrainingStage.DPO): (Config.RESPONSE,),
    (TrainingTask.JOINT, TrainingStage.SFT): (Config.JOINT_SFT,),
    (TrainingTask.JOINT, TrainingStage.DPO): (Config.JOINT,),
    (TrainingTask.REASONER, TrainingStage.SFT): (Config.REASONING,),
    (TrainingTask.REASONER, TrainingStage.GRPO): (Config.REASONING,),
    (TrainingTask.REWARD, TrainingStage.REWARD): (Config.REASONING_STEPS, Config.REASONING_PAIRS),
}


def stages_of(task: TrainingTask) -> tuple[TrainingStage, ...]:
    """The stages of a task, in order."""
    return tuple(stage for one, stage in _CONFIGS if one is task)


def configs_of(task: TrainingTask, stage: TrainingStage) -> tuple[Config, ...]:
    """The configs of a release that a task's stage trains on; a KeyError for a stage not in `stages_of(task)`."""
    return _CONFIGS[task, stage]


_FOLDER = Path(str(files(__package__) / "yaml"))
_SUFFIXES = (".yaml", ".yml")
_SECTION, _SETTING = re.compile(r"([\w/]+):\s*(?:#.*)?"), re.compile(r"  (\w+): .+")


@dataclass(frozen=True)
class Recipe:
    """A recipe, complete."""

    name: str
    """`MODEL/TASK/STAGE`; of a user's own file its stem."""
    text: str
    """Its YAML, with comments."""
    settings: dict[str, Any]
    """The arguments of the training script by their names."""

    @property
    def task(self) -> TrainingTask:
        return TrainingTask(self.settings["task"])

    @property
    def stage(self) -> TrainingStage:
        return TrainingStage(self.settings["stage"])


def recipe_names() -> list[str]:
    """The name of every reference recipe, sorted."""
    return sorted(_origins())


def find_recipe(name: str) -> Recipe:
    """The recipe of a name, or in a YAML file of the user's own.

    Raises:
        UsageError: there is no such recipe, or its file is not a mapping with a task and a stage.
    """
    if name.endswith(_SUFFIXES):
        return _read_recipe(Path(name))
    if name not in _origins():
        near = get_close_matches(name, _origins(), n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise UsageError(f"there is no recipe {name!r}{hint} (`recipe list` names them; or give a .yaml file)")
    text = _compose(name)
    return Recipe(name, text, parse_yaml(text))


def _read_recipe(path: Path) -> Recipe:
    """The recipe in a file of the user's own.

    Raises:
        UsageError: there is no such file, or it is not a mapping with a task and a stage.
    """
    try:
        settings = read_yaml(path)
    except (OSError, DocumentError) as error:
        raise UsageError(f"{path}: no recipe: {getattr(error, 'strerror', None) or error}") from error
    if not isinstance(settings, dict):
        raise UsageError(f"{path}: no recipe: it is not a mapping of settings")
    for key, known in (("task", TrainingTask), ("stage", TrainingStage)):
        if settings.get(key) not in tuple(known):
            raise UsageError(f"{path}: {key}: {settings.get(key)!r} is none of {', '.join(known)}")
    if settings["stage"] not in (stages := stages_of(TrainingTask(settings["task"]))):
        raise UsageError(
            f"{path}: task {settings['task']} is trained by {' or '.join(stages)}, not {settings['stage']}"
        )
    return Recipe(path.stem, path.read_text(encoding="utf-8"), settings)


# The files of every reference recipe by its name: of its stage, its scale and its model, in this order.
@cache
def _origins() -> dict[str, tuple[Path, ...]]:
    found: dict[str, tuple[Path, ...]] = {}
    for model in _FOLDER.glob("models/*.yaml"):
        for first, made in read_yaml(model)["recipes"].items():
            for task in map(TrainingTask, made["tasks"]):
                for stage in stages_of(task):
                    scale = _FOLDER / "scales" / f"{made['scale']}.yaml"
                    found[f"{first}/{task}/{stage}"] = (_FOLDER / "stages" / f"{stage}.yaml", scale, model)
    return found


# The complete YAML of a reference recipe: what each file adds, under the file's name.
def _compose(name: str) -> str:
    _, task, stage = name.split("/")
    parts = {path: _settings_in(path, ("all", stage, f"{task}/{stage}")) for path in _origins()[name]}
    origin = {key: path for path, settings in parts.items() for key in settings}
    about = [read_yaml(path).get("about", {}) for path in parts]
    first = [*about[0][task].splitlines(), about[2].get(task, about[2]["all"])]
    blocks = ["\n".join([*(f"# {line}" for line in first), f"task: {task}", f"stage: {stage}"])]
    for path, settings in parts.items():
        lines = [settings[key] for key in settings if origin[key] == path]
        if lines:
            blocks.append("\n".join([f"# {path.relative_to(_FOLDER).as_posix()}", *lines]))
    return "\n\n".join(blocks) + "\n"


# The settings of some sections of a file by key, as their lines with the comments above them.
def _settings_in(path: Path, sections: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    here, comments = "", list[str]()
    for line in path.read_text(encoding="utf-8").splitlines():
        if section := _SECTION.fullmatch(line):
            here, comments = section[1], []
        elif line.startswith("  #"):
            comments.append(line[2:])
        elif here in sections and (setting := _SETTING.fullmatch(line)):
            found[setting[1]] = "\n".join([*comments, line[2:]])
            comments = []
        else:
            comments = []
    return found

"""What a validation is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...schemas.errors import UsageError
from ...schemas.study import Scale
from ..catalogue import SYSTEM_STAGES, SYSTEM_TASKS, TrainingStage, TrainingTask, find_recipe
from ..evaluate.players import PlayerOptions
from .questions import FEWER_ERRORS, REQUIRED, REQUIRED_OF_PRETRAINED, SEEDS

# What each scale trains, and how much of the test split it looks at.


Settings = Mapping[str, Any]


@dataclass(frozen=True)
class ScalePlan:
    """What a scale does."""

    model: str
    """The recipes are `MODEL/TASK/STAGE`."""
    needs: str
    """The machine, in words."""
    dialogues: int | None
    """Test dialogues that the systems are asked in; None for all."""
    pairs: int | None
    """Test pairs of a task whose rewards are taken; None for all."""
    batch: int
    """Answers that are generated at once."""
    required: tuple[str, ...]
    """Questions that a run must answer to pass."""
    settings: Mapping[tuple[TrainingTask, TrainingStage], Settings] = field(default_factory=dict)
    """What is set otherwise than in the recipes."""

    def recipe(self, task: TrainingTask, stage: TrainingStage) -> str:
        return f"{self.model}/{task}/{stage}"


# Rewards are taken on the test pairs afterwards, so that no time goes into validation rows meanwhile.
_QUICK: Settings = {"eval_strategy": "no", "max_length": 384}
_REPLIES = {
    TrainingStage.SFT: {**_QUICK, "max_rows": 480, "max_steps": 60},
    TrainingStage.DPO: {**_QUICK, "max_rows": 160, "max_steps": 20},
}
_LABELS = {
    # A label is one of eight, and most of what it depends on stands in the last turns: one layer over a short prompt is
    # enough for that, and quick enough to see most demonstrations.
    TrainingStage.SFT: {
        **_QUICK,
        "max_length": 320,
        "random_layers": 1,
        "random_vocabulary": 2000,
        "max_rows": 3_200,
        "max_steps": 200,
        "per_device_train_batch_size": 16,
    },
    TrainingStage.DPO: {**_QUICK, "max_length": 320, "max_rows": 160, "max_steps": 20},
}

# Every scale's.
_PLANS: Mapping[Scale, ScalePlan] = {
    Scale.TINY: ScalePlan(
        model="tiny",
        needs="two CPU cores, some ten minutes with three seeds",
        dialogues=40,
        pairs=80,
        batch=64,
        required=REQUIRED,
        settings={
            (task, stage): (_LABELS if task is TrainingTask.PLANNER else _REPLIES)[stage]
            for task in SYSTEM_TASKS
            for stage in SYSTEM_STAGES
        },
    ),
    Scale.SMALL: ScalePlan(
        "qwen2.5-0.5b-instruct", "one GPU of 16 GB, some hours a seed", None, 1_000, 32, REQUIRED_OF_PRETRAINED
    ),
    Scale.FULL: ScalePlan(
        "qwen2.5-7b-instruct-lora", "one GPU of 40 GB, a day or so a seed", None, None, 16, REQUIRED_OF_PRETRAINED
    ),
}


@dataclass(frozen=True)
class Setting:
    """Another value of a setting, for every training or for some."""

    name: str
    value: Any
    task: TrainingTask | None = None
    stage: TrainingStage | None = None

    def concerns(self, task: TrainingTask, stage: TrainingStage) -> bool:
        """Whether a training has it."""
        return self.task in (None, task) and self.stage in (None, stage)


@dataclass(frozen=True)
class ValidateOptions:
    """What a validation is asked to do."""

    place: str
    """The release: a folder, or `ORG/NAME` on the Hub."""
    out: Path
    """Where checkpoints, answers, tables and pictures go."""
    scale: Scale
    revision: str | None = None
    """The tag of a repo."""
    settings: tuple[Setting, ...] = ()
    players: PlayerOptions = field(default_factory=PlayerOptions)
    """Its judges are asked."""
    seeds: int = SEEDS
    """Trainings of every model, which differ in their seed alone."""
    required: tuple[str, ...] | None = None
    """Ids of the questions that a run must answer to pass; the scale's own where it is left out."""
    dialogues: int | None = None
    """Test dialogues at most, instead of the scale's."""
    replicates: int | None = None
    """Bootstrap samples of the evaluation's intervals, instead of its own number."""

    @property
    def plan(self) -> ScalePlan:
        return _PLANS[self.scale]

    @property
    def limit(self) -> int | None:
        """Test dialogues that systems are asked in."""
        return self.dialogues or self.plan.dialogues

    @property
    def must_answer(self) -> tuple[str, ...]:
        """Ids of the questions that a run must answer to pass."""
        if self.required is not None:
            return self.required
        judged = (FEWER_ERRORS.id,) if self.players.judges and self.scale is not Scale.TINY else ()
        return (*self.plan.required, *judged)

    def seed_of(self, task: TrainingTask, stage: TrainingStage, number: int) -> int:
        """The seed of a training, by the number of the seed from 1: the recipe's own, or what is set, and the next."""
        first = self.settings_of(task, stage).get("seed", find_recipe(self.plan.recipe(task, stage)).settings["seed"])
        if not isinstance(first, int):
            raise UsageError(f"--set: seed: {first!r} is not a whole number")
        return first + number - 1

    def settings_of(self, task: TrainingTask, stage: TrainingStage) -> dict[str, Any]:
        """What a training is set otherwise than in its recipe: by the scale, then by the command."""
        given = {one.name: one.value for one in self.settings if one.concerns(task, stage)}
        return {**self.plan.settings.get((task, stage), {}), **given}

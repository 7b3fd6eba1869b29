"""What a validation is asked to do."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...schemas.errors import UsageError
from ...schemas.validation import Scale
from ..catalogue import find_recipe
from ..evaluate.players import PlayerOptions
from ..tasks import Stage, Task
from .preconditions import SEEDS
from .questions import FEWER_ERRORS
from .scales import PLANS, Plan


@dataclass(frozen=True)
class Setting:
    """Another value of a setting, for every training or for some."""

    name: str
    value: Any
    task: Task | None = None
    """Of this task's alone, where it is given."""
    stage: Stage | None = None
    """Of this stage's alone, where it is given."""

    def concerns(self, task: Task, stage: Stage) -> bool:
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
    def plan(self) -> Plan:
        """What the scale does."""
        return PLANS[self.scale]

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

    def seed_of(self, task: Task, stage: Stage, number: int) -> int:
        """The seed of a training, by the number of the seed from 1: the recipe's own, or what is set, and the next."""
        first = self.settings_of(task, stage).get("seed", find_recipe(self.plan.recipe(task, stage)).settings["seed"])
        if not isinstance(first, int):
            raise UsageError(f"--set: seed: {first!r} is no whole number")
        return first + number - 1

    def settings_of(self, task: Task, stage: Stage) -> dict[str, Any]:
        """What a training is set otherwise than in its recipe: by the scale, then by the command."""
        given = {one.name: one.value for one in self.settings if one.concerns(task, stage)}
        return {**self.plan.settings.get((task, stage), {}), **given}

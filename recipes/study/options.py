"""What a validation is asked to do."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from pydantic import JsonValue, ValidationError

from ...schemas.base import Frozen
from ...schemas.documents import read_json
from ...schemas.errors import OutputExistsError, UsageError
from ...schemas.files import write_whole
from ...schemas.study import Scale, StageTime
from ..catalogue import SYSTEM_STAGES, SYSTEM_TASKS, TrainingStage, TrainingTask, find_recipe
from ..evaluate.options import SystemOptions
from ..runs.record import json_text
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
    models: SystemOptions = field(default_factory=SystemOptions)
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
        judged = (FEWER_ERRORS.id,) if self.models.judges and self.scale is not Scale.TINY else ()
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


# The folder of a validation: what it is of, what is done already, and how long each part took.


_START = "start.json"
_TIMES = "seconds.json"

Value = TypeVar("Value", bound=Frozen)


class StudyKey(Frozen):
    """What decides a validation; the same command finds its folder by it."""

    manifest_sha256: str
    scale: str
    settings: dict[str, JsonValue]
    """What was set for each training, by recipe."""
    dialogues: int | None


class Folder:
    """Where a validation writes.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._seconds: dict[str, float] = {}

    def open(self, start: StudyKey) -> None:
        """Makes the folder, or finds that an earlier part of the same validation made it.

        Raises:
            OutputExistsError: it holds something else, or another validation.
            UsageError: it cannot be written to.
        """
        try:
            if self.root.exists() and any(self.root.iterdir()):
                self._check(start)
            self.root.mkdir(parents=True, exist_ok=True)
            write_whole(self.root / _START, json_text(start.model_dump(mode="json")))
        except OSError as error:
            raise UsageError(f"{self.root}: cannot be written: {error.strerror}; choose another --out") from error
        times = self.root / _TIMES
        self._seconds = self._earlier_seconds(times)

    def _earlier_seconds(self, path: Path) -> dict[str, float]:
        try:
            return {str(name): float(seconds) for name, seconds in read_json(path, self.root).items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"{path}: cannot be read: {error}; remove it, and repeat the command") from error

    def _check(self, start: StudyKey) -> None:
        earlier = self.read(_START, StudyKey)
        if earlier is None:
            raise OutputExistsError(f"{self.root}: it exists and is not a validation; choose another --out")
        pairs = ((name, getattr(earlier, name), getattr(start, name)) for name in StudyKey.model_fields)
        if changed := [name for name, before, now in pairs if before != now]:
            raise OutputExistsError(
                f"{self.root}: holds another validation: {', '.join(changed)} differ{'s' if len(changed) == 1 else ''}"
                "; choose another --out, or remove it"
            )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds what a part takes to what it took in earlier runs of the command, also where it is stopped."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] = round(self._seconds.get(name, 0.0) + time.monotonic() - began, 2)
            self.write(_TIMES, json_text(self._seconds))

    @property
    def times(self) -> tuple[StageTime, ...]:
        """How long every part took, in the order in which they were begun."""
        return tuple(StageTime(name=name, seconds=seconds) for name, seconds in self._seconds.items())

    def once(self, name: str, kind: type[Value], make: Callable[[], Value], fits: Callable[[Value], bool]) -> Value:
        """What a file holds, where it fits; else what `make` gives, which then stands in the file.

        Args:
            name: of the file.
            kind: what it holds.
            make: takes long.
            fits: whether what the file holds is about the same things.
        """
        there = self.read(name, kind)
        if there is not None and fits(there):
            return there
        made = make()
        self.write(name, json_text(made.model_dump(mode="json")))
        return made

    def read(self, name: str, kind: type[Value]) -> Value | None:
        """What a file holds; None where there is no such file, or another version of this program wrote it."""
        path = self.root / name
        try:
            return kind.model_validate(read_json(path, self.root))
        except (OSError, ValidationError, ValueError):
            return None

    def write(self, name: str, text: str | bytes) -> None:
        """Writes a file, whole or not at all.

        Raises:
            UsageError: it cannot be written.
        """
        path = self.root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, text)
        except OSError as error:
            raise UsageError(
                f"{path}: cannot be written: {error.strerror}; make room, and repeat the command"
            ) from error


def plain(value: Any) -> JsonValue:
    """A setting's value as JSON holds it."""
    return json.loads(json.dumps(value, default=str))  # type: ignore[no-any-return]

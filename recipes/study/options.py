"""The options of a validation, its scales, and its folder."""

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

# The trainings of each scale, and its share of the test split.


Settings = Mapping[str, Any]


@dataclass(frozen=True)
class ScalePlan:
    """The plan of a scale."""

    model: str
    """The recipes are `MODEL/TASK/STAGE`."""
    needs: str
    """The machine that it needs, in words."""
    dialogues: int | None
    """Test dialogues of the evaluation; None for all."""
    pairs: int | None
    """Test pairs of a task that are scored; None for all."""
    batch: int
    """Answers that are generated together."""
    required: tuple[str, ...]
    """Questions that a run must answer to pass."""
    settings: Mapping[tuple[TrainingTask, TrainingStage], Settings] = field(default_factory=dict)
    """Settings that differ from the recipes'."""

    def recipe(self, task: TrainingTask, stage: TrainingStage) -> str:
        return f"{self.model}/{task}/{stage}"


# Rewards are computed on the test pairs afterwards, so no time is spent on validation rows during training.
_QUICK: Settings = {"eval_strategy": "no", "max_length": 384}
_REPLIES = {
    TrainingStage.SFT: {**_QUICK, "max_rows": 480, "max_steps": 60},
    TrainingStage.DPO: {**_QUICK, "max_rows": 160, "max_steps": 20},
}
_LABELS = {
    # A label is one of eight and depends mostly on the last turns: one layer over a short prompt is enough for that,
    # and quick enough to see most demonstrations.
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
    """A setting of the command, for every training or for some."""

    name: str
    value: Any
    task: TrainingTask | None = None
    stage: TrainingStage | None = None

    def concerns(self, task: TrainingTask, stage: TrainingStage) -> bool:
        """Whether it applies to a training."""
        return self.task in (None, task) and self.stage in (None, stage)


@dataclass(frozen=True)
class ValidateOptions:
    """The options of a validation."""

    place: str
    """The release: a folder, or `ORG/NAME` on the Hub."""
    out: Path
    """The folder for checkpoints, answers, tables and figures."""
    scale: Scale
    revision: str | None = None
    """The tag of a repo."""
    settings: tuple[Setting, ...] = ()
    models: SystemOptions = field(default_factory=SystemOptions)
    """The judges, with the options of their calls."""
    seeds: int = SEEDS
    """The number of trainings of every model, which differ only in their seed."""
    required: tuple[str, ...] | None = None
    """Ids of the questions that a run must answer to pass; None for the scale's own."""
    dialogues: int | None = None
    """The most test dialogues; None for the scale's number."""
    replicates: int | None = None
    """Bootstrap samples of the evaluation's intervals; None for its default."""

    @property
    def plan(self) -> ScalePlan:
        return _PLANS[self.scale]

    @property
    def limit(self) -> int | None:
        """The most test dialogues of the evaluation."""
        return self.dialogues or self.plan.dialogues

    @property
    def must_answer(self) -> tuple[str, ...]:
        """Ids of the questions that a run must answer to pass."""
        if self.required is not None:
            return self.required
        judged = (FEWER_ERRORS.id,) if self.models.judges and self.scale is not Scale.TINY else ()
        return (*self.plan.required, *judged)

    def seed_of(self, task: TrainingTask, stage: TrainingStage, number: int) -> int:
        """The seed of training `number`, from 1: the recipe's or the set seed, and then the next ones."""
        first = self.settings_of(task, stage).get("seed", find_recipe(self.plan.recipe(task, stage)).settings["seed"])
        if not isinstance(first, int):
            raise UsageError(f"--set: seed: {first!r} is not a whole number")
        return first + number - 1

    def settings_of(self, task: TrainingTask, stage: TrainingStage) -> dict[str, Any]:
        """The settings of a training that differ from its recipe's: the scale's, overridden by the command's."""
        given = {one.name: one.value for one in self.settings if one.concerns(task, stage)}
        return {**self.plan.settings.get((task, stage), {}), **given}


# The folder of a validation: its key, its finished parts, and the duration of each part.


_START = "start.json"
_TIMES = "seconds.json"

Value = TypeVar("Value", bound=Frozen)


class StudyKey(Frozen):
    """Everything that decides a validation; a repeated command recognises its folder by it."""

    manifest_sha256: str
    scale: str
    settings: dict[str, JsonValue]
    """The settings of each training, by recipe."""
    dialogues: int | None


class Folder:
    """The folder that a validation writes to.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._seconds: dict[str, float] = {}

    def open(self, start: StudyKey) -> None:
        """Creates the folder, or opens the one of the same validation.

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
        """Adds the duration of a part to that of earlier runs of the command, even if it is interrupted."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._seconds[name] = round(self._seconds.get(name, 0.0) + time.monotonic() - began, 2)
            self.write(_TIMES, json_text(self._seconds))

    @property
    def times(self) -> tuple[StageTime, ...]:
        """The duration of every part, in the order of their starts."""
        return tuple(StageTime(name=name, seconds=seconds) for name, seconds in self._seconds.items())

    def once(self, name: str, kind: type[Value], make: Callable[[], Value], fits: Callable[[Value], bool]) -> Value:
        """The contents of a file if they fit; otherwise the result of `make`, which is then written to the file.

        Args:
            name: the name of the file.
            kind: the schema of its contents.
            make: computes the contents, which takes long.
            fits: whether existing contents belong to the same validation.
        """
        there = self.read(name, kind)
        if there is not None and fits(there):
            return there
        made = make()
        self.write(name, json_text(made.model_dump(mode="json")))
        return made

    def read(self, name: str, kind: type[Value]) -> Value | None:
        """The contents of a file; None if there is none, or if another version of this package wrote it."""
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
    """The value of a setting as JSON."""
    return json.loads(json.dumps(value, default=str))  # type: ignore[no-any-return]

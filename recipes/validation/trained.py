"""Trains every model of a scale: each by its recipe, one after the other; what is finished already is left as it is."""

import gc
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...schemas.dialogue import Split
from ...schemas.validation import TrainedModel
from ..tasks import SYSTEM_STAGES, SYSTEM_TASKS, Stage, Task
from ..train.arguments import parse, words_of
from ..train.record import FILE_NAME, RunRecord
from ..train.run import train
from .folder import Folder
from .options import ValidateOptions

_MODELS = "models"


@dataclass(frozen=True)
class Trained:
    """A model that was trained."""

    task: Task
    stage: Stage
    folder: Path
    run: RunRecord

    def told(self) -> TrainedModel:
        """What the validation says of it."""
        rows = self.run.rows.get(Split.TRAIN)
        return TrainedModel(
            recipe=self.run.recipe,
            base_model=self.run.base_model,
            steps=self.run.steps,
            rows=rows.used if rows is not None else 0,
            run_sha256=hashlib.sha256((self.folder / FILE_NAME).read_bytes()).hexdigest(),
        )


def folder_of(out: Path, task: Task, stage: Stage) -> Path:
    """Where a model is trained; DPO finds its start beside it."""
    return out / _MODELS / task / stage


def check_recipes(options: ValidateOptions) -> None:
    """Looks whether every training could begin here, before any does.

    Raises:
        UsageError: a setting is wrong, or this machine is not what a recipe needs.
    """
    for task in SYSTEM_TASKS:
        for stage in SYSTEM_STAGES:
            parse(_words(options, task, stage))


def train_all(options: ValidateOptions, folder: Folder, tell: Callable[[str], None]) -> tuple[Trained, ...]:
    """Every model of the scale.

    Raises:
        UsageError: a training cannot begin, or memory was full.
        OutputExistsError: the folder holds another run.
        DataError: the release does not have what a recipe needs.
        EndpointError: the Hub cannot be reached.
    """
    return tuple(_train(options, folder, task, stage, tell) for task in SYSTEM_TASKS for stage in SYSTEM_STAGES)


def _train(options: ValidateOptions, folder: Folder, task: Task, stage: Stage, tell: Callable[[str], None]) -> Trained:
    name = options.plan.recipe(task, stage)
    with folder.stage(f"train {task} {stage}"):
        run = train(_words(options, task, stage), lambda line: tell(f"{name}: {line}"))
        _free_memory()
    return Trained(task, stage, folder_of(options.out, task, stage), run)


def _free_memory() -> None:
    """Gives back what a trainer held: the next model needs all of it."""
    import torch

    gc.collect()  # a trainer and its callbacks hold each other
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _words(options: ValidateOptions, task: Task, stage: Stage) -> Sequence[str]:
    """The words of the training script."""
    places = [("data", options.place), ("output_dir", str(folder_of(options.out, task, stage)))]
    if options.revision:
        places.append(("revision", options.revision))
    settings = words_of([*places, *options.settings_of(task, stage).items()])
    return ["--config", options.plan.recipe(task, stage), *settings]

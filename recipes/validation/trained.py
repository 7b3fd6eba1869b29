"""Trains every model of a scale with every seed, one after the other; what is finished already is left as it is."""

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
    number: int
    """Of its seed, from 1."""
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
            seed=self.run.seed,
            run_sha256=hashlib.sha256((self.folder / FILE_NAME).read_bytes()).hexdigest(),
        )


def seed_name(number: int) -> str:
    """What folders of a seed are called, by its number from 1."""
    return f"seed-{number}"


def folder_of(out: Path, number: int, task: Task, stage: Stage) -> Path:
    """Where a model is trained with a seed; DPO finds its start beside it."""
    return out / _MODELS / seed_name(number) / task / stage


def check_recipes(options: ValidateOptions) -> None:
    """Looks whether every training could begin here, before any does.

    Raises:
        UsageError: a setting is wrong, or this machine is not what a recipe needs.
    """
    for task in SYSTEM_TASKS:
        for stage in SYSTEM_STAGES:
            parse(_words(options, 1, task, stage))


def train_all(options: ValidateOptions, folder: Folder, tell: Callable[[str], None]) -> tuple[Trained, ...]:
    """Every model of the scale, the first seed's first.

    Raises:
        UsageError: a training cannot begin, or memory was full.
        OutputExistsError: the folder holds another run.
        DataError: the release does not have what a recipe needs.
        EndpointError: the Hub cannot be reached.
    """
    return tuple(
        _train(options, folder, (number, task, stage), tell)
        for number in range(1, options.seeds + 1)
        for task in SYSTEM_TASKS
        for stage in SYSTEM_STAGES
    )


def _train(
    options: ValidateOptions, folder: Folder, which: tuple[int, Task, Stage], tell: Callable[[str], None]
) -> Trained:
    number, task, stage = which
    name = f"{options.plan.recipe(task, stage)}, seed {number} of {options.seeds}"
    with folder.stage(f"train {task} {stage}"):
        run = train(_words(options, *which), lambda line: tell(f"{name}: {line}"))
        _free_memory()
    return Trained(task, stage, number, folder_of(options.out, *which), run)


def _free_memory() -> None:
    """Gives back what a trainer held: the next model needs all of it."""
    import torch

    gc.collect()  # a trainer and its callbacks hold each other
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _words(options: ValidateOptions, number: int, task: Task, stage: Stage) -> Sequence[str]:
    """The words of the training script."""
    places = [("data", options.place), ("output_dir", str(folder_of(options.out, number, task, stage)))]
    if options.revision:
        places.append(("revision", options.revision))
    seed = {"seed": options.seed_of(task, stage, number)}
    settings = words_of([*places, *(options.settings_of(task, stage) | seed).items()])
    return ["--config", options.plan.recipe(task, stage), *settings]

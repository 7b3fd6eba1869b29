"""Trains the models of a scale, and evaluates both systems, decoupled and joint, after SFT and after DPO."""

import gc
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...builders.runtime.progress import Progress
from ...schemas.dialogue import Split
from ...schemas.evaluation import Evaluation
from ...schemas.inference import ModelRef
from ...schemas.study import TrainedModel
from ..catalogue import SYSTEM_STAGES, SYSTEM_TASKS, TrainingStage, TrainingTask
from ..data.release import PinnedRelease
from ..evaluate.generate import DECOUPLED, JOINT
from ..evaluate.held_out import held_out_turns
from ..evaluate.options import EvaluateOptions, EvaluationFolder, SystemOptions
from ..evaluate.predictions import System, file_name_of, predictions_text
from ..evaluate.run import EvalContext, Models, evaluate
from ..evaluate.score import Samples
from ..evaluate.stakes import SystemModel
from ..metrics.sample import REPLICATES
from ..runs.arguments import parse, words_of
from ..runs.record import TRAINING_FILE, TrainingRecord
from ..train.run import train
from .options import Folder, ValidateOptions

# Trains every model of a scale with every seed, one after the other, and skips what is finished.


_MODELS = "models"


@dataclass(frozen=True)
class Trained:
    """A trained model."""

    task: TrainingTask
    stage: TrainingStage
    number: int
    folder: Path
    run: TrainingRecord

    def record(self) -> TrainedModel:
        """Its record in the validation."""
        rows = self.run.rows.get(Split.TRAIN)
        return TrainedModel(
            recipe=self.run.recipe,
            base_model=self.run.base_model,
            steps=self.run.steps,
            rows=rows.used if rows is not None else 0,
            seed=self.run.seed,
            run_sha256=hashlib.sha256((self.folder / TRAINING_FILE).read_bytes()).hexdigest(),
        )


def seed_name(number: int) -> str:
    """The name of the folders of a seed, by its number from 1."""
    return f"seed-{number}"


def folder_of(out: Path, number: int, task: TrainingTask, stage: TrainingStage) -> Path:
    """The folder of a training; DPO finds its SFT checkpoint beside it."""
    return out / _MODELS / seed_name(number) / task / stage


def check_recipes(options: ValidateOptions) -> None:
    """Checks that every training could start on this machine, before any does.

    Raises:
        UsageError: a setting is wrong, or the machine does not meet the needs of a recipe.
    """
    for task in SYSTEM_TASKS:
        for stage in SYSTEM_STAGES:
            parse(_words(options, 1, task, stage))


def train_all(options: ValidateOptions, folder: Folder, tell: Callable[[str], None]) -> tuple[Trained, ...]:
    """Trains every model of the scale, seed by seed.

    Raises:
        UsageError: a training cannot start, or memory was full.
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
    options: ValidateOptions,
    folder: Folder,
    which: tuple[int, TrainingTask, TrainingStage],
    tell: Callable[[str], None],
) -> Trained:
    number, task, stage = which
    name = f"{options.plan.recipe(task, stage)}, seed {number} of {options.seeds}"
    with folder.stage(f"train {task} {stage}"):
        run = train(_words(options, *which), lambda line: tell(f"{name}: {line}"))
        _free_memory()
    return Trained(task, stage, number, folder_of(options.out, *which), run)


# Frees the memory of a trainer, since the next model needs all of it.
def _free_memory() -> None:
    import torch

    gc.collect()  # a trainer and its callbacks hold each other
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


# The arguments of the training script.
def _words(options: ValidateOptions, number: int, task: TrainingTask, stage: TrainingStage) -> Sequence[str]:
    places = [("data", options.place), ("output_dir", str(folder_of(options.out, number, task, stage)))]
    if options.revision:
        places.append(("revision", options.revision))
    seed = {"seed": options.seed_of(task, stage, number)}
    settings = words_of([*places, *(options.settings_of(task, stage) | seed).items()])
    return ["--config", options.plan.recipe(task, stage), *settings]


EVALUATION = "evaluation"
"""The folder of the evaluations, with one folder per seed."""
_ANSWERS = "answers"
# Greedy decoding, so that differences between systems come from the models alone.
_GREEDY = 0.0


def system_name(kind: str, stage: TrainingStage) -> str:
    """A system's name in tables, such as `decoupled after DPO`."""
    return f"{kind} after {stage.upper()}"


@dataclass(frozen=True)
class SeedResults:
    """The answers of the systems of one seed, and their evaluation."""

    systems: tuple[System, ...]
    evaluation: Evaluation
    samples: Samples


def ask_and_evaluate(
    options: ValidateOptions, release: PinnedRelease, trained: Sequence[Trained], folder: Folder, progress: Progress
) -> tuple[SeedResults, ...]:
    """Evaluates the systems of every seed on the test split."""
    found = []
    for number in range(1, options.seeds + 1):
        systems = _ask(options, number, release, folder, progress)
        models = [one for one in trained if one.number == number]
        samples = Samples()
        evaluation = _evaluate(options, systems, models, folder, progress, samples)
        found.append(SeedResults(systems, evaluation, samples))
    return tuple(found)


# The models of every system of a seed.
def _writers_of(trained: Sequence[Trained]) -> dict[str, tuple[SystemModel, ...]]:
    found: dict[str, tuple[SystemModel, ...]] = {}
    for one in trained:
        system = system_name(JOINT if one.task is TrainingTask.JOINT else DECOUPLED, one.stage)
        found[system] = (*found.get(system, ()), SystemModel(ModelRef(name=one.run.recipe), one.run))
    return found


# Every system's answers, from records where there are any.
def _ask(
    options: ValidateOptions, number: int, release: PinnedRelease, folder: Folder, progress: Progress
) -> tuple[System, ...]:
    turns = held_out_turns(release, Split.TEST, options.limit)
    ground, found = EvalContext(release, turns, ()), list[System]()
    for stage in SYSTEM_STAGES:
        store = EvaluationFolder(folder.root / _ANSWERS / seed_name(number) / stage)
        store.open()
        planner, responder, joint = (str(folder_of(options.out, number, task, stage)) for task in SYSTEM_TASKS)
        models = SystemOptions(planner=planner, responder=responder, joint=joint, concurrency=options.plan.batch)
        asked = EvaluateOptions(out=store.root, models=models, temperature=_GREEDY)
        with folder.stage(f"ask models after {stage}"):
            systems = Models(asked, ground, store, progress).systems()
        found += [_renamed(one, system_name(one.name, stage)) for one in systems]
    return tuple(found)


def _renamed(system: System, name: str) -> System:
    said = tuple(one.model_copy(update={"system": name}) for one in system.predictions)
    return System(name, system.kind, system.about, said, system.notes)


# The scores of every system beside the baselines, with judges where there are any.
def _evaluate(
    options: ValidateOptions,
    systems: Sequence[System],
    trained: Sequence[Trained],
    folder: Folder,
    progress: Progress,
    samples: Samples,
) -> Evaluation:
    number = trained[0].number
    files = [_written(folder, number, system) for system in systems]
    with folder.stage("score and judge"):
        return evaluate(
            EvaluateOptions(
                out=folder.root / EVALUATION / seed_name(number),
                place=options.place,
                revision=options.revision,
                models=options.models,
                writers=_writers_of(trained),
                predictions=tuple(f"{system.name}={file}" for system, file in zip(systems, files, strict=True)),
                limit=options.limit,
                replicates=options.replicates or REPLICATES,
            ),
            progress,
            samples,
        )


def _written(folder: Folder, number: int, system: System) -> Path:
    name = f"{_ANSWERS}/{seed_name(number)}/{file_name_of(system.name)}"
    folder.write(name, predictions_text(system.predictions))
    return folder.root / name

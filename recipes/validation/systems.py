"""What the trained models say over the test split: the decoupled system and the joint one, after SFT and after DPO."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ...schemas.dialogue import Split
from ...schemas.evaluation import Evaluation
from ...schemas.inference import ModelRef
from ..data.release import PinnedRelease
from ..evaluate.generate import DECOUPLED, JOINT
from ..evaluate.held_out import held_out_turns
from ..evaluate.models import Ground, Models
from ..evaluate.options import EvaluateOptions, Progress
from ..evaluate.players import PlayerOptions
from ..evaluate.predictions import System, file_name_of, predictions_text
from ..evaluate.run import evaluate
from ..evaluate.score import Samples
from ..evaluate.stakes import Part
from ..evaluate.store import Store
from ..metrics.sample import REPLICATES
from ..tasks import SYSTEM_STAGES, SYSTEM_TASKS, Stage, Task
from .folder import Folder
from .options import ValidateOptions
from .trained import Trained, folder_of, seed_name

EVALUATION = "evaluation"
"""The folder of the evaluations' tables and pictures, a folder a seed."""
_ANSWERS = "answers"
GREEDY = 0.0
"""The temperature at which systems are asked: what they say is then a matter of the model alone."""


def system_name(kind: str, stage: Stage) -> str:
    """A system's name in tables, such as `decoupled after DPO`."""
    return f"{kind} after {stage.upper()}"


@dataclass(frozen=True)
class SeedResults:
    """What the systems of one seed said, and what was measured of it."""

    systems: tuple[System, ...]
    evaluation: Evaluation
    samples: Samples


def ask_and_evaluate(
    options: ValidateOptions, release: PinnedRelease, trained: Sequence[Trained], folder: Folder, progress: Progress
) -> tuple[SeedResults, ...]:
    """Every seed's systems over the test split."""
    found = []
    for number in range(1, options.seeds + 1):
        systems = _ask(options, number, release, folder, progress)
        models = [one for one in trained if one.number == number]
        samples = Samples()
        evaluation = _evaluate(options, systems, models, folder, progress, samples)
        found.append(SeedResults(systems, evaluation, samples))
    return tuple(found)


def writers_of(trained: Sequence[Trained]) -> dict[str, tuple[Part, ...]]:
    """The models of every system of a seed."""
    found: dict[str, tuple[Part, ...]] = {}
    for one in trained:
        system = system_name(JOINT if one.task is Task.JOINT else DECOUPLED, one.stage)
        found[system] = (*found.get(system, ()), Part(ModelRef(name=one.run.recipe), one.run))
    return found


def _ask(
    options: ValidateOptions, number: int, release: PinnedRelease, folder: Folder, progress: Progress
) -> tuple[System, ...]:
    """Every system's answers, from records where there are any."""
    turns = held_out_turns(release, Split.TEST, options.limit)
    ground, found = Ground(release, turns, ()), list[System]()
    for stage in SYSTEM_STAGES:
        store = Store(folder.root / _ANSWERS / seed_name(number) / stage)
        store.open()
        planner, responder, joint = (str(folder_of(options.out, number, task, stage)) for task in SYSTEM_TASKS)
        players = PlayerOptions(planner=planner, responder=responder, joint=joint, concurrency=options.plan.batch)
        asked = EvaluateOptions(out=store.root, players=players, temperature=GREEDY)
        with folder.stage(f"ask models after {stage}"):
            systems = Models(asked, ground, store, progress).systems()
        found += [_renamed(one, system_name(one.name, stage)) for one in systems]
    return tuple(found)


def _renamed(system: System, name: str) -> System:
    said = tuple(one.model_copy(update={"system": name}) for one in system.predictions)
    return System(name, system.kind, system.about, said, system.notes)


def _evaluate(
    options: ValidateOptions,
    systems: Sequence[System],
    trained: Sequence[Trained],
    folder: Folder,
    progress: Progress,
    samples: Samples,
) -> Evaluation:
    """The scores of every system beside the baselines, with judges where there are any."""
    number = trained[0].number
    files = [_written(folder, number, system) for system in systems]
    with folder.stage("score and judge"):
        return evaluate(
            EvaluateOptions(
                out=folder.root / EVALUATION / seed_name(number),
                place=options.place,
                revision=options.revision,
                players=options.players,
                writers=writers_of(trained),
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

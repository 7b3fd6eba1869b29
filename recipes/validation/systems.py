"""What the trained models say over the test split: the decoupled system and the joint one, after SFT and after DPO."""

from collections.abc import Sequence
from pathlib import Path

from ...schemas.dialogue import Split
from ...schemas.evaluation import Evaluation
from ..data.release import PinnedRelease
from ..evaluate.held_out import held_out_turns
from ..evaluate.models import Ground, Models
from ..evaluate.options import EvaluateOptions, Progress
from ..evaluate.players import PlayerOptions
from ..evaluate.predictions import System, file_name_of, predictions_text
from ..evaluate.run import evaluate
from ..evaluate.store import Store
from ..metrics.sample import REPLICATES
from ..tasks import SYSTEM_STAGES, SYSTEM_TASKS, Stage
from .folder import Folder
from .options import ValidateOptions
from .trained import folder_of

EVALUATION = "evaluation"
"""The folder of the evaluation's tables and pictures."""
_ANSWERS = "answers"
GREEDY = 0.0
"""The temperature at which systems are asked: what they say is then a matter of the model alone."""


def system_name(kind: str, stage: Stage) -> str:
    """A system's name in tables, such as `decoupled after DPO`."""
    return f"{kind} after {stage.upper()}"


def ask_systems(
    options: ValidateOptions, release: PinnedRelease, folder: Folder, progress: Progress
) -> tuple[System, ...]:
    """Every system's answers, from records where there are any."""
    turns = held_out_turns(release, Split.TEST, options.limit)
    ground, found = Ground(release, turns, ()), list[System]()
    for stage in SYSTEM_STAGES:
        store = Store(folder.root / _ANSWERS / stage)
        store.open()
        planner, responder, joint = (str(folder_of(options.out, task, stage)) for task in SYSTEM_TASKS)
        players = PlayerOptions(planner=planner, responder=responder, joint=joint, concurrency=options.plan.batch)
        asked = EvaluateOptions(out=store.root, players=players, temperature=GREEDY)
        with folder.stage(f"ask models after {stage}"):
            systems = Models(asked, ground, store, progress).systems()
        found += [_renamed(one, system_name(one.name, stage)) for one in systems]
    return tuple(found)


def _renamed(system: System, name: str) -> System:
    said = tuple(one.model_copy(update={"system": name}) for one in system.predictions)
    return System(name, system.kind, system.about, said, system.notes)


def evaluate_systems(
    options: ValidateOptions, systems: Sequence[System], folder: Folder, progress: Progress
) -> Evaluation:
    """The scores of every system beside the baselines, with judges where there are any."""
    files = [_written(folder, system) for system in systems]
    with folder.stage("score and judge"):
        return evaluate(
            EvaluateOptions(
                out=folder.root / EVALUATION,
                place=options.place,
                revision=options.revision,
                players=options.players,
                predictions=tuple(f"{system.name}={file}" for system, file in zip(systems, files, strict=True)),
                limit=options.limit,
                replicates=options.replicates or REPLICATES,
            ),
            progress,
        )


def _written(folder: Folder, system: System) -> Path:
    name = f"{_ANSWERS}/{file_name_of(system.name)}"
    folder.write(name, predictions_text(system.predictions))
    return folder.root / name

"""The stages of a mining loop, in order.

    sft ──▶ mined-1 ──▶ dpo-1 ──▶ mined-2 ──▶ dpo-2 … ──▶ evaluation

Each task is trained on all training dialogues, and with K > 1 folds once more for each fold, on the other folds alone:
these K are the miners of the folds. What the builds of all folds give together is what DPO trains on. In a second
round the miners of a fold are the DPO models of its first miners, trained on the pairs of the other folds alone.

What cannot be out of fold, from the second round on, is the words of the rejected sides that a miner was trained
on: they are of other folds, but were mined by models that had seen this one.

The dialogues of validation and test are shared out to the folds like all others, since no miner is trained on them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ...builders.models.endpoint import parse_model
from ...schemas.errors import UsageError
from ..catalogue import SYSTEM_TASKS, TrainingStage, TrainingTask, recipe_names
from ..catalogue import TrainingStage as Training
from ..runs.arguments import words_of
from ..serving.serve import Server
from ._folds import FoldFiles
from ._stages import LoopCheckpoint, LoopStage, StageKind

FOLDS = 2
"""Folds where none are named."""


@dataclass(frozen=True)
class MineOptions:
    """The options of a mining loop."""

    out: Path
    """The folder of the loop."""
    data: str
    """The release whose dialogues are mined: a folder, or `ORG/NAME` on the Hub."""
    revision: str | None = None
    """Pins it."""
    model: str = "tiny"
    """The recipes' model, such as `tiny` or `qwen2.5-0.5b-instruct`."""
    rounds: int = 1
    """Rounds of mining and training; from the second on, the models of the round before mine."""
    folds: int = FOLDS
    """Parts of the dialogues, each mined by models that were trained on the others alone; 1 switches that off."""
    judges: tuple[str, ...] = ("corpus",)
    """As `build --judge` takes them."""
    release: str | None = None
    """The spec that mines; the release's own version where it is None."""
    benchmarks: tuple[str, ...] = ()
    """As `build --decontaminate` takes them."""
    limit: int | None = None
    """Dialogues of every split that are mined and evaluated on, at most."""
    settings: Mapping[TrainingStage, Mapping[str, Any]] = field(default_factory=dict)
    """Other values of the recipes' settings, by stage."""
    launch: str | None = None
    """Start every training with `accelerate launch` and this configuration."""
    server: Server | None = None
    """The server to use; None takes the better one that is installed."""
    healthy_within_s: float = 600.0
    """Seconds that a server may take to load its model."""
    concurrency: int | None = None
    """Calls in flight, per model; what suits the server where it is None."""

    def recipe(self, task: TrainingTask, stage: TrainingStage) -> str:
        """The name of the recipe of a task's stage."""
        return f"{self.model}/{task}/{stage}"

    def judge_names(self) -> tuple[str, ...]:
        """The judges by name and revision, not by where they are served, which decides nothing of what they answer.

        Raises:
            UsageError: one is misspelt.
        """
        return tuple(str(parse_model(judge).ref) for judge in self.judges)

    def check(self) -> None:
        """Checks everything that can be checked at once.

        Raises:
            UsageError: the model has no recipes, or a judge is misspelt.
        """
        names = recipe_names()
        models = sorted({name.partition("/")[0] for name in names})
        if self.model not in models:
            raise UsageError(f"--model: there are no recipes of {self.model!r}; there are {', '.join(models)}")
        self.judge_names()


EVALUATION = "evaluation/all"
"""The stage that puts every system into one table."""
_SYSTEMS = ("decoupled", "joint")


@dataclass(frozen=True)
class LoopPlan:
    """The stages of a loop."""

    options: MineOptions
    version: str
    """The spec that mines: a version, or the path of a file."""
    data: str
    """The release, for a command that runs in the folder of the loop."""
    concurrency: int
    """Calls in flight, per model."""

    @property
    def folds(self) -> range:
        """The numbers of the folds."""
        return range(1, self.options.folds + 1)

    def stages(self) -> tuple[LoopStage, ...]:
        """Every stage, in an order in which each finds what it needs."""
        return tuple(self._stages())

    def _stages(self) -> Iterator[LoopStage]:
        for miner in self._fold_numbers():
            yield from (self._sft(task, miner) for task in SYSTEM_TASKS)
        for number in range(1, self.options.rounds + 1):
            yield from (self._mine(number, fold) for fold in self.folds)
            last = number == self.options.rounds
            # After the last round nothing is mined any more, so only the checkpoints for all dialogues are trained.
            for miner in (None,) if last else self._fold_numbers():
                yield from (self._dpo(task, number, miner) for task in SYSTEM_TASKS)
        yield from (self._evaluate(generation) for generation in self.generations())
        yield self._compare()

    def generations(self) -> list[str]:
        """The names of the generations of checkpoints, from the first to the last."""
        return ["sft", *(f"dpo-{number}" for number in range(1, self.options.rounds + 1))]

    # Of the checkpoints of a task: the one for all dialogues, and one a fold where there are several.
    def _fold_numbers(self) -> tuple[int | None, ...]:
        return (None, *self.folds) if len(self.folds) > 1 else (None,)

    def miner(self, task: TrainingTask, number: int, fold: int) -> LoopCheckpoint:
        """The checkpoint that mines a fold in a round."""
        generation = self.generations()[number - 1]
        return LoopCheckpoint(task, generation, fold if len(self.folds) > 1 else None)

    def _pinned(self) -> list[tuple[str, Any]]:
        revision = self.options.revision
        return [("data", [self.data]), *([("revision", revision)] if revision else [])]

    def _sft(self, task: TrainingTask, fold: int | None) -> LoopStage:
        made = LoopCheckpoint(task, "sft", fold)
        given = [*self._pinned(), ("output_dir", made.folder)]
        if fold is not None:
            given.append(("dialogues", FoldFiles(fold).others))
        return self._train(made, Training.SFT, given)

    def _dpo(self, task: TrainingTask, number: int, fold: int | None) -> LoopStage:
        made = LoopCheckpoint(task, f"dpo-{number}", fold)
        start = LoopCheckpoint(task, self.generations()[number - 1], fold)
        # A miner of a fold never sees pairs of that fold, although other models made them.
        mined = [f"mined-{number}/fold-{one}" for one in self.folds if one != fold]
        given = [("data", mined), ("output_dir", made.folder), ("sft_checkpoint", start.folder)]
        return self._train(made, Training.DPO, given)

    def _train(self, made: LoopCheckpoint, stage: Training, given: list[tuple[str, Any]]) -> LoopStage:
        given += [(name, _from_anywhere(value)) for name, value in self.options.settings.get(stage, {}).items()]
        words = ("--config", self.options.recipe(made.task, stage), *words_of(given))
        return LoopStage(made.folder, StageKind.TRAIN, words)

    def _mine(self, number: int, fold: int) -> LoopStage:
        name, options = f"mined-{number}/fold-{fold}", self.options
        words = ["build", "--out", name, "--release", self.version, "--source", f"dialogue:{FoldFiles(fold).dialogues}"]
        words += [word for judge in options.judges for word in ("--judge", judge)]
        words += [word for one in options.benchmarks for word in ("--decontaminate", _from_anywhere(one))]
        words += ["--concurrency", str(self.concurrency)]
        return LoopStage(
            name, StageKind.COMMAND, tuple(words), {task: self.miner(task, number, fold) for task in SYSTEM_TASKS}
        )

    def _evaluated(self, name: str) -> list[str]:
        revision, limit = self.options.revision, self.options.limit
        words = ["evaluate", self.data, *(["--revision", revision] if revision else []), "--out", name]
        return [*words, *(["--limit", str(limit)] if limit else []), "--concurrency", str(self.concurrency)]

    def _evaluate(self, generation: str) -> LoopStage:
        name = f"evaluation/{generation}"
        asks = {task: LoopCheckpoint(task, generation) for task in SYSTEM_TASKS}
        return LoopStage(name, StageKind.COMMAND, tuple(self._evaluated(name)), asks)

    def _compare(self) -> LoopStage:
        words = self._evaluated(EVALUATION)
        for generation in self.generations():
            for system in _SYSTEMS:
                file = Path("evaluation", generation, "predictions", f"{system}.jsonl")
                words += ["--predictions", f"{generation}-{system}={file.as_posix()}"]
        words += [word for judge in self.options.judges for word in ("--judge", judge)]
        return LoopStage(EVALUATION, StageKind.COMMAND, tuple(words))


# A value that names a file, for a command that runs in another folder; any other as it is.
def _from_anywhere(value: Any) -> Any:
    if isinstance(value, str) and ("/" in value or Path(value).suffix) and Path(value).exists():
        return str(Path(value).resolve())
    return value

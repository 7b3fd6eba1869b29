"""The stages of a mining loop, in order.

    sft ──▶ mined-1 ──▶ dpo-1 ──▶ mined-2 ──▶ dpo-2 … ──▶ evaluation

Each task is trained on all training dialogues, and with K > 1 folds once more for each fold, on the other folds alone:
these K are the miners of the folds. What the builds of all folds give together is what DPO trains on. In a second
round the miners of a fold are the DPO models of its first miners, trained on the pairs of the other folds alone.

What nobody can have out of fold, from the second round on, is the words of the rejected sides that a miner was trained
on: they are of other folds, but were mined by models that had seen this one.

The dialogues of validation and test are shared out to the folds like all others, since no miner is trained on them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..tasks import SYSTEM_TASKS, Task
from ..tasks import Stage as Training
from ..train.arguments import words_of
from .folds import FoldFiles
from .options import MineOptions
from .stages import Checkpoint, Kind, Stage

EVALUATION = "evaluation/all"
"""The stage that has every system in one table."""
_SYSTEMS = ("decoupled", "joint")


@dataclass(frozen=True)
class Plan:
    """The loop that options describe."""

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

    def stages(self) -> tuple[Stage, ...]:
        """Every stage, in an order in which each finds what it needs."""
        return tuple(self._stages())

    def _stages(self) -> Iterator[Stage]:
        for miner in self._fold_numbers():
            yield from (self._sft(task, miner) for task in SYSTEM_TASKS)
        for number in range(1, self.options.rounds + 1):
            yield from (self._mine(number, fold) for fold in self.folds)
            last = number == self.options.rounds
            for miner in (None,) if last else self._fold_numbers():
                yield from (self._dpo(task, number, miner) for task in SYSTEM_TASKS)
        yield from (self._evaluate(generation) for generation in self.generations())
        yield self._compare()

    def generations(self) -> list[str]:
        """What the checkpoints of all dialogues are called, from the first to the last."""
        return ["sft", *(f"dpo-{number}" for number in range(1, self.options.rounds + 1))]

    def _fold_numbers(self) -> tuple[int | None, ...]:
        """Of the checkpoints of a task: the one for all dialogues, and one a fold where there are several."""
        return (None, *self.folds) if len(self.folds) > 1 else (None,)

    def miner(self, task: Task, number: int, fold: int) -> Checkpoint:
        """Who mines a fold in a round."""
        generation = self.generations()[number - 1]
        return Checkpoint(task, generation, fold if len(self.folds) > 1 else None)

    def _pinned(self) -> list[tuple[str, Any]]:
        revision = self.options.revision
        return [("data", [self.data]), *([("revision", revision)] if revision else [])]

    def _sft(self, task: Task, fold: int | None) -> Stage:
        made = Checkpoint(task, "sft", fold)
        given = [*self._pinned(), ("output_dir", made.folder)]
        if fold is not None:
            given.append(("dialogues", FoldFiles(fold).others))
        return self._train(made, Training.SFT, given)

    def _dpo(self, task: Task, number: int, fold: int | None) -> Stage:
        made = Checkpoint(task, f"dpo-{number}", fold)
        start = Checkpoint(task, self.generations()[number - 1], fold)
        mined = [f"mined-{number}/fold-{one}" for one in self.folds if one != fold]
        given = [("data", mined), ("output_dir", made.folder), ("sft_checkpoint", start.folder)]
        return self._train(made, Training.DPO, given)

    def _train(self, made: Checkpoint, stage: Training, given: list[tuple[str, Any]]) -> Stage:
        given += [(name, _from_anywhere(value)) for name, value in self.options.settings.get(stage, {}).items()]
        words = ("--config", self.options.recipe(made.task, stage), *words_of(given))
        return Stage(made.folder, Kind.TRAIN, words)

    def _mine(self, number: int, fold: int) -> Stage:
        name, options = f"mined-{number}/fold-{fold}", self.options
        words = ["build", "--out", name, "--release", self.version, "--source", f"dialogue:{FoldFiles(fold).dialogues}"]
        words += [word for judge in options.judges for word in ("--judge", judge)]
        words += [word for one in options.benchmarks for word in ("--decontaminate", _from_anywhere(one))]
        words += ["--concurrency", str(self.concurrency)]
        return Stage(name, Kind.COMMAND, tuple(words), {task: self.miner(task, number, fold) for task in SYSTEM_TASKS})

    def _evaluated(self, name: str) -> list[str]:
        revision, limit = self.options.revision, self.options.limit
        words = ["evaluate", self.data, *(["--revision", revision] if revision else []), "--out", name]
        return [*words, *(["--limit", str(limit)] if limit else []), "--concurrency", str(self.concurrency)]

    def _evaluate(self, generation: str) -> Stage:
        name = f"evaluation/{generation}"
        asks = {task: Checkpoint(task, generation) for task in SYSTEM_TASKS}
        return Stage(name, Kind.COMMAND, tuple(self._evaluated(name)), asks)

    def _compare(self) -> Stage:
        words = self._evaluated(EVALUATION)
        for generation in self.generations():
            for system in _SYSTEMS:
                file = Path("evaluation", generation, "predictions", f"{system}.jsonl")
                words += ["--predictions", f"{generation}-{system}={file.as_posix()}"]
        words += [word for judge in self.options.judges for word in ("--judge", judge)]
        return Stage(EVALUATION, Kind.COMMAND, tuple(words))


def _from_anywhere(value: Any) -> Any:
    """A value that names a file, for a command that runs in another folder; any other as it is."""
    if isinstance(value, str) and ("/" in value or Path(value).suffix) and Path(value).exists():
        return str(Path(value).resolve())
    return value

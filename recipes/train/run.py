"""The training script: one run from its arguments to its checkpoint, record and card.

`python -m ipm_prefdial.recipes.train.run --config RECIPE --data DIR --output_dir OUT` trains in one process,
`accelerate launch -m ipm_prefdial.recipes.train.run …` in many, and `recipe run` calls `train`.

All arguments, data and starting points are checked before anything is written. The record is written next, and last
again, when everything else is there; in between, the same command resumes the run. Only the first process writes.
"""

import os
import re
import shutil
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.dialogue import Split
from ...schemas.errors import INTERRUPTED, PrefDialError
from ...schemas.escape import visible
from ..catalogue import TrainingStage, configs_of
from ..data.fit import RowCounts
from ..data.release import SelectedData, select_data
from ..runs.arguments import Arguments, parse
from ..runs.environment import environment_of, memory_errors
from ..runs.record import RANDOM, TrainingRecord, check_same_run, data_record, read_run, write_run
from ..runs.start import StartingRun, find_reward, find_start, load_tokenizer, plain_name
from ..tiny import make_tiny
from ._rows import load_stage_rows, stage_rows, texts_of
from ._trainers import make_trainer, save_checkpoint, settings_errors
from .outputs import curve_callback, draw_curves, last_values, on_terminal, write_curves, write_model_card

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase, TrainerCallback

    from ..reward.report import RewardReport

# What an interrupted run needs to continue as if nothing had happened: its last checkpoint, and the order of rows.


_STATE = "trainer_state.json"
_STEP = re.compile(r"^checkpoint-(\d+)$")
# `state.epoch` is a sum of fractions: this close below a whole number, it is that number.
_EPOCH_ERROR = 1e-6


def last_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint in a run's folder, or None."""
    return max((path for path in _checkpoints(folder) if _is_complete(path)), key=step_of, default=None)


def remove_broken(folder: Path) -> None:
    """Deletes incomplete checkpoints, which the trainer would take for the newest one."""
    for path in _checkpoints(folder):
        if not _is_complete(path):
            shutil.rmtree(path)


def step_of(checkpoint: Path) -> int:
    """The step after which a checkpoint was saved."""
    found = _STEP.match(checkpoint.name)
    return int(found[1]) if found else 0


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.glob("checkpoint-*") if path.is_dir() and _STEP.match(path.name)]


def _is_complete(checkpoint: Path) -> bool:
    # The trainer writes its state last.
    return (checkpoint / _STATE).is_file()


def epoch_callback() -> "TrainerCallback":
    """A callback by which the order of rows in an epoch depends only on the seed and the epoch.

    Transformers' samplers do so, except for the one of `group_by_length`. That one draws from the global random state,
    which differs between an epoch that is reached by training and one from which a run resumes.
    """
    import torch
    from transformers import TrainerCallback
    from transformers.trainer_pt_utils import LengthGroupedSampler

    class SeedEpochs(TrainerCallback):  # type: ignore[misc]  # Transformers has no types of its own
        """Gives that sampler a new generator before each epoch, the same in every process."""

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            sampler = _find_sampler(rest.get("train_dataloader"))
            if isinstance(sampler, LengthGroupedSampler):
                seed = args.seed if args.data_seed is None else args.data_seed
                sampler.generator = torch.Generator().manual_seed(seed + int((state.epoch or 0) + _EPOCH_ERROR))

    return SeedEpochs()


# The sampler inside the batch samplers that Accelerate wraps around each other.
def _find_sampler(loader: Any) -> Any:
    batches = getattr(loader, "batch_sampler", None)
    while (inner := getattr(batches, "batch_sampler", None)) is not None:
        batches = inner
    return getattr(batches, "sampler", None)


# The subfolder with the base model of a run that makes its own.
_BASE = "base"

PrintLine = Callable[[str], None]
"""Prints a line about the progress of a run."""


def main(argv: Sequence[str] | None = None) -> int:
    """Trains, and returns the exit code: that of `schemas.errors`, or 130 if it was interrupted."""
    quieten()
    try:
        train(sys.argv[1:] if argv is None else argv, say_line)
        _end_processes()
    except PrefDialError as error:
        if os.environ.get("RANK", "0") == "0":
            say_line(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say_line("interrupted; the same command resumes from the last saved step")
        return INTERRUPTED
    return 0


# Waits for all processes and closes their connection: the first to exit would break it for the others.
def _end_processes() -> None:
    from accelerate import PartialState

    state = PartialState()
    state.wait_for_everyone()
    state.destroy_process_group()


def say_line(text: str) -> None:
    """Prints a line on standard error, without control characters."""
    sys.stderr.write(f"ipm-prefdial: {visible(text)}\n")


def quieten() -> None:
    """Hides what the user cannot act on: progress bars off a terminal, and a warning about TRL's own code."""
    if not on_terminal():
        os.environ.setdefault("TQDM_DISABLE", "1")
    warnings.filterwarnings("ignore", message=".(is_)?gradient_checkpointing. is deprecated", category=FutureWarning)


@dataclass(frozen=True)
class _Base:
    """The model and the tokenizer that training begins with."""

    name: str
    """For `from_pretrained`: a name on the Hub, or a folder."""
    tokenizer: "PreTrainedTokenizerBase"


@dataclass(frozen=True)
class _Parents:
    """The finished runs that a run builds on."""

    start: StartingRun | None
    reward: StartingRun | None


def train(argv: Sequence[str], print_line: PrintLine) -> TrainingRecord:
    """Trains a recipe; resumes an interrupted run, and leaves a finished one as it is.

    Args:
        argv: as for `arguments.parse`.
        print_line: prints a line of progress; only the first process does.

    Returns:
        The record of the finished run.

    Raises:
        UsageError: an argument, the model or the start is wrong, the machine lacks what the recipe needs, or its memory
            was full.
        OutputExistsError: the output folder holds something else.
        DataError: the release does not have what the recipe needs.
        EndpointError: the Hub cannot be reached.
    """
    arguments = parse(argv)
    recipe, own, out = arguments.recipe, arguments.own, arguments.out
    configs = configs_of(recipe.task, recipe.stage)
    data = select_data(own.data or (), own.revision, *configs, dialogues=own.dialogues)
    parents = _Parents(find_start(arguments), find_reward(arguments))
    record = _first_record(arguments, data, parents)
    earlier = read_run(out)
    if arguments.training.process_index == 0:
        # The other processes may already see what this one writes, so that only this one can check.
        _claim(out, earlier, record)
    else:
        print_line = _discard
    if earlier is not None and earlier.state == "done":
        print_line(f"{out} is finished already, with the same data and settings")
        return earlier
    with memory_errors(recipe.name):
        return _Run(arguments, data, parents, record, print_line).run()


def _discard(line: str) -> None: ...


# Checks that the run may write into `out`.
def _claim(out: Path, earlier: TrainingRecord | None, record: TrainingRecord) -> None:
    if earlier is not None and earlier.state == "running" and last_checkpoint(out) is None:
        # Nothing has been trained: the run may start again with other settings, but not with a base model made by the
        # old ones, or half of one.
        shutil.rmtree(out / _BASE, ignore_errors=True)
    else:
        check_same_run(out, earlier, record)


# The record of a run before its first step.
def _first_record(arguments: Arguments, data: SelectedData, parents: _Parents) -> TrainingRecord:
    recipe, training, model, start = arguments.recipe, arguments.training, arguments.model, parents.start
    if start is not None:
        base_model, revision = start.run.base_model, start.run.base_revision
    elif arguments.own.random_width is not None:
        base_model, revision = RANDOM, None
    else:
        named = str(model.model_name_or_path)
        base_model, revision = plain_name(named), None if Path(named).exists() else model.model_revision
    return TrainingRecord(
        state="running",
        recipe=recipe.name,
        task=recipe.task,
        stage=recipe.stage,
        base_model=base_model,
        adapter=model.use_peft,
        base_revision=revision,
        settings=arguments.settings,
        seed=training.seed,
        data=data_record(data, *configs_of(recipe.task, recipe.stage)),
        start=start.record() if start else None,
        reward=parents.reward.record() if parents.reward else None,
        rows={},
        environment=environment_of(training.world_size, use_cpu=training.use_cpu),
    )


class _Run:
    """A run whose arguments, data and parents have been checked."""

    def __init__(
        self,
        arguments: Arguments,
        data: SelectedData,
        parents: _Parents,
        record: TrainingRecord,
        print_line: PrintLine,
    ) -> None:
        self.arguments, self.data, self.parents, self.record = arguments, data, parents, record
        self.print_line, self.out, self.training = print_line, arguments.out, arguments.training
        self.writes = self.training.process_index == 0

    def run(self) -> TrainingRecord:
        """Trains and writes everything; returns the finished record."""
        base = self._base()
        rows, counts = self._rows(base.tokenizer)
        self._write(rows=counts)
        self._print_counts(counts)
        trainer = self._trainer(base, rows)
        if self.writes:
            remove_broken(self.out)
        checkpoint = last_checkpoint(self.out)
        wall_s = self._train(trainer, checkpoint)
        save_checkpoint(trainer, self.out)
        self._finish(trainer, rows[Split.TRAIN], wall_s, step_of(checkpoint) if checkpoint else None)
        return self.record

    def _base(self) -> _Base:
        if self.parents.start is not None:
            return self._named(str(self.parents.start.folder), None)
        own, model = self.arguments.own, self.arguments.model
        if own.random_width is None:
            return self._named(str(model.model_name_or_path), model.model_revision)
        folder = self.out / _BASE
        with self.training.main_process_first(desc="making the model"):
            if not (folder / "tokenizer_config.json").is_file():
                self._make_tiny(folder)
        return self._named(str(folder), None)

    def _named(self, name: str, revision: str | None) -> _Base:
        on_hub = not Path(name).is_dir()
        return _Base(name, load_tokenizer(self.arguments, name, revision if on_hub else None))

    def _make_tiny(self, folder: Path) -> None:
        own, recipe = self.arguments.own, self.arguments.recipe
        rows = load_stage_rows(self.data, recipe.task, recipe.stage, Split.TRAIN)
        self._write()  # first, so that a folder with half a model is known as this run's
        make_tiny(
            folder,
            texts_of(rows, recipe.stage),
            width=own.random_width or 0,
            layers=own.random_layers,
            vocabulary=own.random_vocabulary,
            positions=self.arguments.max_length or 4096,
            seed=self.training.seed,
        )

    # The rows of every split that the run uses, and their counts.
    def _rows(self, tokenizer: "PreTrainedTokenizerBase") -> tuple[dict[Split, "Dataset"], dict[Split, RowCounts]]:
        # TRL's configurations hold an enum or its value.
        evaluates = str(getattr(self.training.eval_strategy, "value", self.training.eval_strategy)) != "no"
        splits = (Split.TRAIN, Split.VALIDATION) if evaluates else (Split.TRAIN,)
        found = {split: stage_rows(self.arguments, self.data, split, tokenizer) for split in splits}
        return {split: rows for split, (rows, _) in found.items()}, {split: one for split, (_, one) in found.items()}

    def _print_counts(self, counts: dict[Split, RowCounts]) -> None:
        for split, one in counts.items():
            cut = f", {one.cut} cut by {one.turns_cut} turns" if one.cut else ""
            dropped = f", {one.dropped} dropped as too long" if one.dropped else ""
            available = f" of {one.available}" if one.read < one.available else ""
            self.print_line(f"{split}: {one.used}{available} rows{cut}{dropped}")

    def _trainer(self, base: _Base, rows: dict[Split, "Dataset"]) -> Any:
        from transformers import PrinterCallback

        self.training.disable_tqdm = not on_terminal()
        with settings_errors(self.arguments.recipe.name):
            trainer = make_trainer(
                self.arguments, base.name, base.tokenizer, rows, self.parents.start, self.parents.reward
            )
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(epoch_callback())
        trainer.add_callback(curve_callback(self.out, None if on_terminal() else self.print_line))
        return trainer

    # Trains from the checkpoint on; returns the seconds that it took.
    def _train(self, trainer: Any, checkpoint: Path | None) -> float:
        from transformers import set_seed

        # The order of rows must not depend on what was drawn before: one part of an interrupted run computes the
        # reference of DPO, the next one finds it in a cache.
        set_seed(self.training.seed)
        self.print_line(f"training, from step {step_of(checkpoint)} on" if checkpoint else "training")
        began = time.monotonic()
        with settings_errors(self.arguments.recipe.name):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        return time.monotonic() - began

    def _write(self, **changed: Any) -> None:
        self.record = self.record.model_copy(update=changed)
        if self.writes:
            self.out.mkdir(parents=True, exist_ok=True)
            write_run(self.out, self.record)

    # Writes everything beside the checkpoint; the record last, since it says that everything is there.
    def _finish(self, trainer: Any, training: "Dataset", wall_s: float, resumed_from: int | None) -> None:
        history = trainer.state.log_history
        report = self._report(trainer, training)
        # Transformers keeps the commit that it loaded in the configuration.
        commit = getattr(trainer.model.config, "_commit_hash", None)
        done = {
            "state": "done",
            "base_revision": self.record.base_revision or (commit if isinstance(commit, str) else None),
            "resumed_from": resumed_from,
            "steps": trainer.state.global_step,
            "wall_s": round(wall_s, 3),
            "results": last_values(history) | (report.results() if report else {}),
        }
        if self.writes:
            write_curves(self.out, history)
            draw_curves(self.out, history, self.record.recipe)
            write_model_card(self.out, self.record.model_copy(update=done), report)
        self._write(**done)

    # The report of a reward model on held-out dialogues; None for other stages, and in other processes.
    def _report(self, trainer: Any, training: "Dataset") -> "RewardReport | None":
        if self.arguments.recipe.stage is not TrainingStage.REWARD or not self.writes:
            return None
        from ..reward.model import RewardModel
        from ..reward.report import report_on, write_report

        self.print_line("scoring held-out dialogues")
        if self.training.world_size == 1:
            model = RewardModel(trainer.model, trainer.processing_class)
        else:  # the trained model may be sharded over the processes
            model = RewardModel.load_unchecked(self.out)
        report = report_on(model, self.data, training, max_length=self.arguments.max_length)
        if report is None:
            self.print_line("there is no report: split test has no rows that fit")
        else:
            write_report(self.out, report)
        return report


if __name__ == "__main__":
    sys.exit(main())

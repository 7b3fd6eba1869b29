"""One training run from its arguments to its checkpoint: the only place where the parts come together."""

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
from ...schemas.errors import PrefDialError
from ...schemas.escape import visible
from ..data.fit import RowCounts
from ..data.release import SelectedData, select_data
from ..runs.arguments import Arguments, parse
from ..runs.environment import environment_of, memory_errors
from ..runs.record import TrainingRecord, check_same_run, data_record, read_run, write_run
from ..runs.start import StartingRun, find_reward, find_start, load_tokenizer, plain_name
from ..tasks import TrainingStage, configs_of
from ..tiny import make_tiny
from .card import RANDOM, curve_callback, draw_curves, last_values, on_terminal, write_curves, write_model_card
from .rows import load_stage_rows, stage_rows, texts_of
from .trainers import make_trainer, save_checkpoint, settings_errors

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase, TrainerCallback

    from ..reward.report import RewardReport

# The order of rows in each epoch hangs on seed and epoch alone, so that an interrupted run goes on in the same order.
#
# Transformers' samplers do so by themselves, but for the one of `group_by_length`: it draws from the random state
# that it finds, which in a run that goes on in a later epoch is another one than there was at that epoch's beginning.


_WHOLE = 1e-6
"""An epoch that is this close to its end is at its end: `state.epoch` is a sum of fractions."""


def epoch_callback() -> "TrainerCallback":
    """Gives the sampler that groups by length a generator of its own at the beginning of every epoch."""
    import torch
    from transformers import TrainerCallback
    from transformers.trainer_pt_utils import LengthGroupedSampler

    class Epochs(TrainerCallback):  # type: ignore[misc]  # Transformers has no types of its own
        """Seeds it alike in every process."""

        def on_epoch_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            """Before the rows of the epoch are drawn."""
            sampler = _sampler_of(rest.get("train_dataloader"))
            if isinstance(sampler, LengthGroupedSampler):
                seed = args.seed if args.data_seed is None else args.data_seed
                sampler.generator = torch.Generator().manual_seed(seed + int((state.epoch or 0) + _WHOLE))

    return Epochs()


def _sampler_of(loader: Any) -> Any:
    """The sampler at the bottom of whatever Accelerate has wrapped around it."""
    batches = getattr(loader, "batch_sampler", None)
    while (inner := getattr(batches, "batch_sampler", None)) is not None:
        batches = inner
    return getattr(batches, "sampler", None)


# Finds where an interrupted run can go on.


_STATE = "trainer_state.json"
_STEP = re.compile(r"^checkpoint-(\d+)$")


def last_checkpoint(folder: Path) -> Path | None:
    """The last whole checkpoint in a run's folder, or None.

    The trainer's state is the last file of a checkpoint that is written: without it, the run was stopped while saving.
    """
    whole = [path for path in _checkpoints(folder) if (path / _STATE).is_file()]
    return max(whole, key=step_of, default=None)


def remove_broken(folder: Path) -> None:
    """Removes checkpoints that were not written to their end, which the trainer would take for the newest."""
    for path in _checkpoints(folder):
        if not (path / _STATE).is_file():
            shutil.rmtree(path)


def step_of(checkpoint: Path) -> int:
    """The step that a checkpoint was saved after."""
    found = _STEP.match(checkpoint.name)
    return int(found[1]) if found else 0


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.glob("checkpoint-*") if path.is_dir() and _STEP.match(path.name)]


BASE = "base"
"""The folder, in a run's, of a base model that was made on the spot."""

Tell = Callable[[str], None]
"""Takes a line about what is going on."""


@dataclass(frozen=True)
class _Base:
    """The model and the tokenizer that a run begins with."""

    name: str
    """For `from_pretrained`: a name on the Hub, or a folder."""
    tokenizer: "PreTrainedTokenizerBase"


@dataclass(frozen=True)
class _Parents:
    """The finished runs that a run builds on."""

    start: StartingRun | None
    """Whose checkpoint it goes on from."""
    reward: StartingRun | None
    """The reward model that it is rewarded by."""


def train(argv: Sequence[str], tell: Tell) -> TrainingRecord:
    """Trains what `argv` says; what was interrupted goes on, and what is finished already is left as it is.

    Args:
        argv: as `arguments.parse` takes them.
        tell: takes a line about what is going on; only the first process tells.

    Raises:
        UsageError: an argument, the model or the start is wrong, the machine is not what the recipe needs, or its
            memory was full.
        OutputExistsError: the output folder holds something else.
        DataError: the release does not have what the recipe needs.
        EndpointError: the Hub cannot be reached.
    """
    arguments = parse(argv)
    own = arguments.own
    data = select_data(
        own.data or (),
        own.revision,
        *configs_of(arguments.recipe.task, arguments.recipe.stage),
        dialogues=own.dialogues,
    )
    begun = _Parents(find_start(arguments), find_reward(arguments))
    record = _first_record(arguments, data, begun)
    earlier = read_run(arguments.out)
    tell = tell if arguments.training.process_index == 0 else _tell_nobody
    if arguments.training.process_index == 0:  # the others may find what the first has begun to write meanwhile
        _claim(arguments.out, earlier, record)
    if earlier is not None and earlier.state == "done":
        tell(f"{arguments.out} is finished already, with the same data and settings")
        return earlier
    with memory_errors(arguments.recipe.name):
        return _Run(arguments, data, begun, record, tell).go()


def _claim(out: Path, earlier: TrainingRecord | None, record: TrainingRecord) -> None:
    """Sees to it that the run may write there."""
    if earlier is not None and earlier.state == "running" and last_checkpoint(out) is None:
        # Nothing was trained yet: it may begin again with other settings, but not over a model made by the old ones.
        shutil.rmtree(out / BASE, ignore_errors=True)
    else:
        check_same_run(out, earlier, record)


class _Run:
    """A run whose arguments, data and start are known to be right."""

    def __init__(
        self, arguments: Arguments, data: SelectedData, begun: _Parents, record: TrainingRecord, tell: Tell
    ) -> None:
        self.arguments, self.data, self.begun, self.record, self.tell = arguments, data, begun, record, tell
        self.out, self.training = arguments.out, arguments.training
        self.writes = self.training.process_index == 0

    def go(self) -> TrainingRecord:
        """Trains and writes; gives the finished record."""
        from transformers import set_seed

        base = self._base()
        rows, counts = self._rows(base.tokenizer)
        self._write(rows=counts)
        self._say_rows(counts)
        self.training.disable_tqdm = not on_terminal()
        name = self.arguments.recipe.name
        with settings_errors(name):
            begun = self.begun
            trainer = make_trainer(self.arguments, base.name, base.tokenizer, rows, begun.start, begun.reward)
        self._set_callbacks(trainer)
        if self.writes:
            remove_broken(self.out)
        checkpoint = last_checkpoint(self.out)
        # What order a sampler draws must not depend on whether anything was drawn before, such as for a reference that
        # was computed in one part of an interrupted run and found in a cache in the next.
        set_seed(self.training.seed)
        self.tell(f"training, from step {step_of(checkpoint)} on" if checkpoint else "training")
        began = time.monotonic()
        with settings_errors(name):
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        wall_s = time.monotonic() - began
        save_checkpoint(trainer, self.out)
        self._finish(trainer, rows[Split.TRAIN], wall_s, step_of(checkpoint) if checkpoint else None)
        return self.record

    def _base(self) -> _Base:
        """The model that training begins with; one from random weights is made first."""
        if self.begun.start is not None:
            return self._named(str(self.begun.start.folder), None)
        own, model = self.arguments.own, self.arguments.model
        if own.random_width is None:
            return self._named(str(model.model_name_or_path), model.model_revision)
        folder = self.out / BASE
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
        self._write()  # first, so that a folder with half a model in it is known to be this run's
        make_tiny(
            folder,
            texts_of(rows, recipe.stage),
            width=own.random_width or 0,
            layers=own.random_layers,
            vocabulary=own.random_vocabulary,
            positions=self.arguments.max_length or 4096,
            seed=self.training.seed,
        )

    def _rows(self, tokenizer: "PreTrainedTokenizerBase") -> tuple[dict[Split, "Dataset"], dict[Split, RowCounts]]:
        """The rows of every split that the run uses, and what became of them."""
        evaluates = str(getattr(self.training.eval_strategy, "value", self.training.eval_strategy)) != "no"
        splits = (Split.TRAIN, Split.VALIDATION) if evaluates else (Split.TRAIN,)
        found = {split: stage_rows(self.arguments, self.data, split, tokenizer) for split in splits}
        return {split: one[0] for split, one in found.items()}, {split: one[1] for split, one in found.items()}

    def _say_rows(self, counts: dict[Split, RowCounts]) -> None:
        for split, one in counts.items():
            cut = f", {one.cut} cut by {one.turns_cut} turns" if one.cut else ""
            dropped = f", {one.dropped} left out as too long" if one.dropped else ""
            of = f" of {one.available}" if one.read < one.available else ""
            self.tell(f"{split}: {one.used}{of} rows{cut}{dropped}")

    def _set_callbacks(self, trainer: Any) -> None:
        from transformers import PrinterCallback

        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(epoch_callback())
        trainer.add_callback(curve_callback(self.out, None if on_terminal() else self.tell))

    def _write(self, **changed: Any) -> None:
        self.record = self.record.model_copy(update=changed)
        if self.writes:
            self.out.mkdir(parents=True, exist_ok=True)
            write_run(self.out, self.record)

    def _finish(self, trainer: Any, training: "Dataset", wall_s: float, resumed_from: int | None) -> None:
        """Writes what came of the run; its record last, since it says that everything is there."""
        history = trainer.state.log_history
        report = self._report(trainer, training)
        done = {
            "state": "done",
            "base_revision": self.record.base_revision or _loaded_revision(trainer),
            "resumed_from": resumed_from,
            "steps": trainer.state.global_step,
            "wall_s": round(wall_s, 3),
            "results": last_values(history) | (report.results() if report else {}),
        }
        finished = self.record.model_copy(update=done)
        if self.writes:
            write_curves(self.out, history)
            draw_curves(self.out, history, self.record.recipe)
            write_model_card(self.out, finished, report)
        self._write(**done)

    def _report(self, trainer: Any, training: "Dataset") -> "RewardReport | None":
        """How a reward model fares on held-out dialogues; None of other models, and in all processes but the first."""
        if self.arguments.recipe.stage is not TrainingStage.REWARD or not self.writes:
            return None
        from ..reward.model import RewardModel
        from ..reward.report import report_on, write_report

        self.tell("scoring held-out dialogues")
        alone = self.training.world_size == 1  # the model of several processes may be in shards
        model = RewardModel(trainer.model, trainer.processing_class) if alone else RewardModel.load_unchecked(self.out)
        report = report_on(model, self.data, training, max_length=self.arguments.max_length)
        if report is None:
            self.tell("there is no report: split test has no rows")
        else:
            write_report(self.out, report)
        return report


def _first_record(arguments: Arguments, data: SelectedData, begun: _Parents) -> TrainingRecord:
    """The record of a run before its first step."""
    recipe, training, model, start = arguments.recipe, arguments.training, arguments.model, begun.start
    on_hub = arguments.own.random_width is None and not Path(str(model.model_name_or_path)).exists()
    named = RANDOM if arguments.own.random_width is not None else plain_name(str(model.model_name_or_path))
    return TrainingRecord(
        state="running",
        recipe=recipe.name,
        task=recipe.task,
        stage=recipe.stage,
        base_model=start.run.base_model if start else named,
        adapter=model.use_peft,
        base_revision=start.run.base_revision if start else model.model_revision if on_hub else None,
        settings=arguments.settings,
        seed=training.seed,
        data=data_record(data, *configs_of(recipe.task, recipe.stage)),
        start=start.record() if start else None,
        reward=begun.reward.record() if begun.reward else None,
        rows={},
        environment=environment_of(training.world_size, use_cpu=training.use_cpu),
    )


def _loaded_revision(trainer: Any) -> str | None:
    """The commit that a model came from, as Transformers remembers it."""
    found = getattr(trainer.model.config, "_commit_hash", None)
    return found if isinstance(found, str) else None


def _tell_nobody(line: str) -> None:
    """Takes the lines of all processes but the first."""


# The training script: `python -m ipm_prefdial.recipes.train.run --config RECIPE --data DIR --output_dir OUT`.
#
# `recipe run` calls it; `accelerate launch -m ipm_prefdial.recipes.train.run …` starts it in many processes.


_INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Trains, and gives the exit code: as `schemas.errors` has them, 130 where it was interrupted."""
    quieten()
    try:
        train(sys.argv[1:] if argv is None else argv, say_line)
        _leave_together()
    except PrefDialError as error:
        if os.environ.get("RANK", "0") == "0":
            say_line(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        say_line("interrupted; the same command goes on from the last step that was saved")
        return _INTERRUPTED
    return 0


def _leave_together() -> None:
    """Ends the talk among the processes, once all of them are done and nothing is left that would still use it."""
    from accelerate import PartialState

    state = PartialState()
    state.wait_for_everyone()
    state.destroy_process_group()


def say_line(text: str) -> None:
    """A line of plain text on standard error."""
    sys.stderr.write(f"ipm-prefdial: {visible(text)}\n")


def quieten() -> None:
    """Leaves out what nobody can act on: bars where nobody looks at them, and TRL using Transformers' old names."""
    if not on_terminal():
        os.environ.setdefault("TQDM_DISABLE", "1")
    warnings.filterwarnings("ignore", message=".(is_)?gradient_checkpointing. is deprecated", category=FutureWarning)


if __name__ == "__main__":
    sys.exit(main())

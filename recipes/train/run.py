"""One training run from its arguments to its checkpoint: the only place where the parts come together."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.dialogue import Split
from ..data.chosen import Chosen, choose_data
from ..data.fit import RowCounts
from ..tasks import Stage, configs_of
from ..tiny import make_tiny
from .arguments import Arguments, parse
from .card import RANDOM, write_model_card
from .curves import curve_callback, last_values, on_terminal, write_curves
from .device import memory_errors
from .environment import environment_of
from .epochs import epoch_callback
from .picture import draw_curves
from .record import RunRecord, check_same_run, data_record, read_run, write_run
from .resume import last_checkpoint, remove_broken, step_of
from .rows import load_stage_rows, stage_rows, texts_of
from .start import Start, find_reward, find_start, load_tokenizer, plain_name
from .trainers import make_trainer, save_checkpoint, settings_errors

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

    from ..reward.report import RewardReport

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
class _Begun:
    """The finished runs that a run builds on."""

    start: Start | None
    """Whose checkpoint it goes on from."""
    reward: Start | None
    """The reward model that it is rewarded by."""


def train(argv: Sequence[str], tell: Tell) -> RunRecord:
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
    data = choose_data(
        own.data or (),
        own.revision,
        *configs_of(arguments.recipe.task, arguments.recipe.stage),
        dialogues=own.dialogues,
    )
    begun = _Begun(find_start(arguments), find_reward(arguments))
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


def _claim(out: Path, earlier: RunRecord | None, record: RunRecord) -> None:
    """Sees to it that the run may write there."""
    if earlier is not None and earlier.state == "running" and last_checkpoint(out) is None:
        # Nothing was trained yet: it may begin again with other settings, but not over a model made by the old ones.
        shutil.rmtree(out / BASE, ignore_errors=True)
    else:
        check_same_run(out, earlier, record)


class _Run:
    """A run whose arguments, data and start are known to be right."""

    def __init__(self, arguments: Arguments, data: Chosen, begun: _Begun, record: RunRecord, tell: Tell) -> None:
        self.arguments, self.data, self.begun, self.record, self.tell = arguments, data, begun, record, tell
        self.out, self.training = arguments.out, arguments.training
        self.writes = self.training.process_index == 0

    def go(self) -> RunRecord:
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
        if self.arguments.recipe.stage is not Stage.REWARD or not self.writes:
            return None
        from ..reward.model import RewardModel
        from ..reward.reporting import report_on, write_report

        self.tell("scoring held-out dialogues")
        alone = self.training.world_size == 1  # the model of several processes may be in shards
        model = RewardModel(trainer.model, trainer.processing_class) if alone else RewardModel.read(self.out)
        report = report_on(model, self.data, training, max_length=self.arguments.max_length)
        if report is None:
            self.tell("there is no report: split test has no rows")
        else:
            write_report(self.out, report)
        return report


def _first_record(arguments: Arguments, data: Chosen, begun: _Begun) -> RunRecord:
    """The record of a run before its first step."""
    recipe, training, model, start = arguments.recipe, arguments.training, arguments.model, begun.start
    on_hub = arguments.own.random_width is None and not Path(str(model.model_name_or_path)).exists()
    named = RANDOM if arguments.own.random_width is not None else plain_name(str(model.model_name_or_path))
    return RunRecord(
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

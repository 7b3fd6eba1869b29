"""One training run from its arguments to its checkpoint: the only place where the parts come together."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.dialogue import Split
from ...schemas.errors import DataError
from ..data.chosen import Chosen, choose_data
from ..data.fit import RowCounts, draw_rows, fit_rows, load_rows, measure_with
from ..tasks import ANSWERS, config_of
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
from .start import Start, check_end_of_turn, find_start, load_tokenizer, plain_name
from .trainers import make_trainer, save_checkpoint, settings_errors

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

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
    config = config_of(arguments.recipe.task, arguments.recipe.stage)
    own = arguments.own
    data = choose_data(own.data or (), own.revision, config, own.dialogues)
    start = find_start(arguments)
    record = _first_record(arguments, data, start)
    earlier = read_run(arguments.out)
    tell = tell if arguments.training.process_index == 0 else _tell_nobody
    if arguments.training.process_index == 0:  # the others may find what the first has begun to write meanwhile
        _claim(arguments.out, earlier, record)
    if earlier is not None and earlier.state == "done":
        tell(f"{arguments.out} is finished already, with the same data and settings")
        return earlier
    with memory_errors(arguments.recipe.name):
        return _Run(arguments, data, start, record, tell).go()


def _claim(out: Path, earlier: RunRecord | None, record: RunRecord) -> None:
    """Sees to it that the run may write there."""
    if earlier is not None and earlier.state == "running" and last_checkpoint(out) is None:
        # Nothing was trained yet: it may begin again with other settings, but not over a model made by the old ones.
        shutil.rmtree(out / BASE, ignore_errors=True)
    else:
        check_same_run(out, earlier, record)


class _Run:
    """A run whose arguments, data and start are known to be right."""

    def __init__(self, arguments: Arguments, data: Chosen, start: Start | None, record: RunRecord, tell: Tell) -> None:
        self.arguments, self.data, self.start, self.record, self.tell = arguments, data, start, record, tell
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
            trainer = make_trainer(self.arguments, base.name, base.tokenizer, rows, self.start)
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
        self._finish(trainer, wall_s, step_of(checkpoint) if checkpoint else None)
        return self.record

    def _base(self) -> _Base:
        """The model that training begins with; one from random weights is made first."""
        if self.start is not None:
            return self._named(str(self.start.folder), None)
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
        own, stage = self.arguments.own, self.arguments.recipe.stage
        rows = load_rows(self.data, self.record.data.config, Split.TRAIN, ANSWERS[stage])
        self._write()  # first, so that a folder with half a model in it is known to be this run's
        make_tiny(
            folder,
            (message["content"] for row in rows for name in row for message in row[name]),
            width=own.random_width or 0,
            layers=own.random_layers,
            vocabulary=own.random_vocabulary,
            positions=self.training.max_length or 4096,
            seed=self.training.seed,
        )

    def _rows(self, tokenizer: "PreTrainedTokenizerBase") -> tuple[dict[Split, "Dataset"], dict[Split, RowCounts]]:
        """The rows of every split that the run uses, and what became of them."""
        evaluates = str(getattr(self.training.eval_strategy, "value", self.training.eval_strategy)) != "no"
        splits = (Split.TRAIN, Split.VALIDATION) if evaluates else (Split.TRAIN,)
        found = {split: self._rows_of(split, tokenizer) for split in splits}
        return {split: one[0] for split, one in found.items()}, {split: one[1] for split, one in found.items()}

    def _rows_of(self, split: Split, tokenizer: "PreTrainedTokenizerBase") -> tuple["Dataset", RowCounts]:
        answers, training = ANSWERS[self.arguments.recipe.stage], self.training
        loaded = load_rows(self.data, self.record.data.config, split, answers)
        check_end_of_turn(self.arguments.recipe.name, tokenizer, loaded[0], answers[0])
        with training.main_process_first(desc="cutting rows"):
            measure = measure_with(tokenizer)
            drawn = draw_rows(loaded, self.arguments.own.max_rows, training.seed)
            rows, counts = fit_rows(drawn, answers, measure, training.max_length, training.dataset_num_proc)
        if not counts.used:
            raise DataError(
                f"{self.data.name}: every row of {split} is longer than max_length={training.max_length}, even "
                "with the last turn of its dialogue alone: set it higher"
            )
        return rows, counts.model_copy(update={"available": len(loaded)})

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

    def _finish(self, trainer: Any, wall_s: float, resumed_from: int | None) -> None:
        """Writes what came of the run; its record last, since it says that everything is there."""
        history = trainer.state.log_history
        done = {
            "state": "done",
            "base_revision": self.record.base_revision or _loaded_revision(trainer),
            "resumed_from": resumed_from,
            "steps": trainer.state.global_step,
            "wall_s": round(wall_s, 3),
            "results": last_values(history),
        }
        finished = self.record.model_copy(update=done)
        if self.writes:
            write_curves(self.out, history)
            draw_curves(self.out, history, self.record.recipe)
            write_model_card(self.out, finished)
        self._write(**done)


def _first_record(arguments: Arguments, data: Chosen, start: Start | None) -> RunRecord:
    """The record of a run before its first step."""
    recipe, training, model = arguments.recipe, arguments.training, arguments.model
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
        data=data_record(data, config_of(recipe.task, recipe.stage)),
        start=start.record() if start else None,
        rows={},
        environment=environment_of(training.world_size, use_cpu=training.use_cpu),
    )


def _loaded_revision(trainer: Any) -> str | None:
    """The commit that a model came from, as Transformers remembers it."""
    found = getattr(trainer.model.config, "_commit_hash", None)
    return found if isinstance(found, str) else None


def _tell_nobody(line: str) -> None:
    """Takes the lines of all processes but the first."""

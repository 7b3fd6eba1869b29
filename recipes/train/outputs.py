"""What a run leaves for its readers: its curves (JSON Lines, lines of text, a picture) and its model card.

`curves.jsonl` holds every step's figures, also for the parts of an interrupted run; the picture is drawn at the end.
"""

import io
import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined

from ...schemas.documents import parse_json
from ...schemas.errors import UsageError
from ...schemas.files import read_inside, write_whole
from ...schemas.licence import LICENCES
from ..catalogue import TrainingTask
from ..runs.record import RANDOM, DataRecord, TrainingRecord

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from ..reward.report import RewardReport

_CURVES_FILE = "curves.jsonl"
PICTURE_FILE = "curves.png"
# A line now and then shows that training goes on, whatever `logging_steps` is.
_SECONDS_A_LINE = 15.0

# What the picture shows if it was logged, and the title of its panel.
_PANELS = (
    ("loss", "loss"),
    ("rewards/accuracies", "pairs in order"),
    ("rewards/margins", "reward margin"),
    ("step_accuracy", "steps right"),
    ("pair_accuracy", "pairs in order"),
    ("reward", "reward"),
    ("process", "process"),
    ("outcome", "outcome"),
    ("format", "whole traces"),
    ("redundancy", "weight of not repeating"),
    ("strategy_accuracy", "strategies as the human's"),
    ("distinct_2", "Distinct-2"),
    ("self_bleu", "self-BLEU"),
)
_PANELS_A_ROW = 5

Log = Mapping[str, Any]
"""The figures of one step: `step`, `epoch`, and what the trainer logged."""


def write_curves(folder: Path, history: Sequence[Log]) -> None:
    """Writes every step's figures in order, one step a line, over what an interrupted run had written."""
    write_whole(folder / _CURVES_FILE, "".join(json.dumps(log) + "\n" for log in history))


def read_curves(folder: Path) -> list[dict[str, Any]]:
    """Every step's figures, in order; empty if nothing has been logged yet.

    Raises:
        UsageError: the file is damaged.
    """
    path = folder / _CURVES_FILE
    try:
        lines = (read_inside(folder, _CURVES_FILE) or b"").decode().splitlines() if folder.is_dir() else []
        return [parse_json(line, any_numbers=True) for line in lines]
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}; delete it, and repeat the command") from error


def last_values(history: Sequence[Log]) -> dict[str, float]:
    """The last finite value of everything that was logged, by name."""
    found: dict[str, float] = {}
    for log in history:
        found |= {name: float(one) for name, one in log.items() if isinstance(one, int | float) and isfinite(one)}
    return {name: value for name, value in sorted(found.items()) if name not in ("step", "epoch", "total_flos")}


def on_terminal() -> bool:
    """Whether standard error is a terminal, where progress bars make sense."""
    return sys.stderr.isatty()


def curve_callback(folder: Path, print_line: Callable[[str], None] | None) -> "TrainerCallback":
    """A callback that writes the curves at every log, and prints a line of progress every few seconds.

    Args:
        folder: of the run.
        print_line: prints a line; None if a progress bar shows the same.
    """
    from transformers import TrainerCallback

    class Curves(TrainerCallback):  # type: ignore[misc]  # Transformers has no types of its own
        """Works in the first process only."""

        def __init__(self) -> None:
            self._began = self._printed = time.monotonic()
            self._first_step = self._printed_step = 0

        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            self._began, self._first_step = time.monotonic(), state.global_step

        def on_log(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            if not state.is_world_process_zero:
                return
            write_curves(folder, state.log_history)
            due = time.monotonic() - self._printed > _SECONDS_A_LINE or state.global_step == state.max_steps
            if print_line is not None and due and state.global_step != self._printed_step:
                self._printed, self._printed_step = time.monotonic(), state.global_step
                steps = state.global_step - self._first_step
                print_line(_format_progress(state, time.monotonic() - self._began, steps))

    return Curves()


# The line after `steps` steps in `seconds`, which leave out those before a resumed part.
def _format_progress(state: Any, seconds: float, steps: int) -> str:
    left = seconds / steps * (state.max_steps - state.global_step) if steps else 0.0
    loss = next((f", loss {log['loss']:.4g}" for log in reversed(state.log_history) if "loss" in log), "")
    return f"step {state.global_step} of {state.max_steps}{loss}, {left / 60:.1f} min left"


def draw_curves(folder: Path, history: Sequence[Log], title: str) -> None:
    """Draws `curves.png`: one panel for each figure, training with validation; nothing if none was logged."""
    panels = [(name, label) for name, label in _PANELS if any(name in log for log in history)]
    if not panels:
        return
    from matplotlib.figure import Figure

    columns = min(len(panels), _PANELS_A_ROW)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4.8 * columns, 3.6 * rows), layout="constrained")
    for place, (name, label) in enumerate(panels, start=1):
        _draw_panel(figure.add_subplot(rows, columns, place), name, label, history)
    figure.suptitle(title, fontsize=10)
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    write_whole(folder / PICTURE_FILE, file.getvalue())


def _draw_panel(axes: Any, name: str, label: str, history: Sequence[Log]) -> None:
    for key, called, style in ((name, "training", ".-"), (f"eval_{name}", "validation", "o--")):
        points = [(log["step"], log[key]) for log in history if key in log]
        if points:
            axes.plot(*zip(*points, strict=True), style, label=called, markersize=4, linewidth=1.4)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False, loc="upper right")


# The model card of a checkpoint, rendered from its `run.json`; a name that the template lacks is an error.


FILE_NAME = "README.md"

_PURPOSES = {
    TrainingTask.PLANNER: "chooses the support strategy for the supporter's next turn; "
    "its answer is the strategy's name alone",
    TrainingTask.RESPONDER: "writes the supporter's next turn under a strategy that its system prompt names",
    TrainingTask.JOINT: "chooses a strategy and writes the turn in one answer, `[Strategy] reply`: "
    "the entangled baseline",
    TrainingTask.REASONER: "writes a reasoning trace, step by step: what was said, what is felt, "
    "which strategy, and the reply",
    TrainingTask.REWARD: "scores every step of a reasoning trace; the reply is the last step",
}
# The figures that a card shows if they were logged, in order.
_RESULTS = (
    *("loss", "eval_loss", "eval_mean_token_accuracy", "eval_rewards/accuracies", "eval_rewards/margins"),
    *("eval_step_accuracy", "eval_pair_accuracy", "reward", "eval_reward", "eval_process", "eval_outcome"),
    *("eval_format", "eval_redundancy", "eval_strategy_accuracy", "eval_distinct_2", "eval_self_bleu"),
)


def write_model_card(folder: Path, run: TrainingRecord, report: "RewardReport | None" = None) -> None:
    """Writes the card of a finished run beside its checkpoint."""
    text = render_model_card(run, picture=(folder / PICTURE_FILE).is_file(), report=report)
    write_whole(folder / FILE_NAME, text)


def render_model_card(run: TrainingRecord, *, picture: bool, report: "RewardReport | None" = None) -> str:
    """The card of a finished run.

    Args:
        run: its record, from which every figure comes.
        picture: whether the folder has a picture of the curves.
        report: of a reward model, on held-out dialogues.
    """
    environment = Environment(
        loader=PackageLoader(__package__, ""), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template("model_card.md.jinja").render(
        front_matter=_front_matter(run),
        run=run,
        purpose=_PURPOSES[run.task],
        stage=run.stage,
        report=_report_page(report),
        from_random=run.base_model == RANDOM,
        data=_format_data(run.data),
        start_data=_format_data(run.start.data) if run.start else None,
        reward_data=_format_data(run.reward.data) if run.reward else None,
        license=LICENCES[run.data.license],
        settings=sorted(run.settings.items()),
        results=[(name, f"{run.results[name]:.4g}") for name in _RESULTS if name in run.results],
        picture=PICTURE_FILE if picture else None,
    )


def _report_page(report: "RewardReport | None") -> str | None:
    if report is None:
        return None
    from ..reward.report import render_report  # imports numpy

    return render_report(report).strip()


def _front_matter(run: TrainingRecord) -> str:
    # No licence: the model's follows from that of the base model as well, which is not ours to state.
    known: dict[str, Any] = {
        "library_name": "peft" if run.adapter else "transformers",
        "pipeline_tag": "token-classification" if run.task is TrainingTask.REWARD else "text-generation",
        "language": ["en"],
        "tags": ["trl", run.stage.value, "emotional-support", "mental-health", "ipm-prefdial"],
    }
    if run.base_model != RANDOM:
        known["base_model"] = run.base_model
    if run.data.repo is not None:
        known["datasets"] = [run.data.repo]
    return yaml.safe_dump(known, sort_keys=False).strip()


# The release, with a link to its tag if it is on the Hub, and how many dialogues of it were used.
def _format_data(data: DataRecord) -> str:
    part = "" if data.dialogues is None else f", only rows of {data.dialogues} selected dialogues"
    if data.repo is None:
        return f"release {data.version} of `{data.name}`{part}"
    link = f"https://huggingface.co/datasets/{data.repo}/tree/{data.revision}"
    return f"[{data.repo} at {data.revision}]({link}){part}"

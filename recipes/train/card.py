"""The model card of a trained checkpoint: a view of its `run.json`, in which whatever is undefined is an error."""

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
from ..runs.record import DataRecord, TrainingRecord
from ..tasks import TrainingTask

if TYPE_CHECKING:
    from transformers import TrainerCallback

    from ..reward.report import RewardReport

# What is logged while a model trains: as JSON Lines, a picture, and lines or a bar to look at.


CURVES_FILE = "curves.jsonl"
_LINE_EVERY_S = 15.0

Log = Mapping[str, Any]
"""The figures of one step: `step`, `epoch`, and what the trainer logged."""


def write_curves(folder: Path, history: Sequence[Log]) -> None:
    """Writes every step's figures, a line each, in order; an interrupted run's belong to it as far as it goes on."""
    write_whole(folder / CURVES_FILE, "".join(json.dumps(log) + "\n" for log in history))


def read_curves(folder: Path) -> list[dict[str, Any]]:
    """Every step's figures, in order; none where nothing was logged yet."""
    path = folder / CURVES_FILE
    try:
        lines = (read_inside(folder, CURVES_FILE) or b"").decode().splitlines() if folder.is_dir() else []
        return [parse_json(line, any_numbers=True) for line in lines]
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}; remove it, and repeat the command") from error


def last_values(history: Sequence[Log]) -> dict[str, float]:
    """The last finite value of everything that was logged."""
    found: dict[str, float] = {}
    for log in history:
        found |= {name: float(one) for name, one in log.items() if isinstance(one, int | float) and isfinite(one)}
    return {name: value for name, value in sorted(found.items()) if name not in ("step", "epoch", "total_flos")}


def curve_callback(folder: Path, tell: Callable[[str], None] | None) -> "TrainerCallback":
    """Writes the curves as they grow, and tells of them in a line now and then.

    Args:
        folder: of the run.
        tell: takes a line; None where a bar shows the same.
    """
    from transformers import TrainerCallback

    class Curves(TrainerCallback):  # type: ignore[misc]  # Transformers has no types of its own
        """Only the first process writes and tells."""

        def __init__(self) -> None:
            self._began = self._told = time.monotonic()
            self._first_step = self._told_step = 0

        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            """Remembers where this part of the run begins."""
            self._began, self._first_step = time.monotonic(), state.global_step

        def on_log(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            """Writes all that was logged so far."""
            if not state.is_world_process_zero:
                return
            write_curves(folder, state.log_history)
            due = time.monotonic() - self._told > _LINE_EVERY_S or state.global_step == state.max_steps
            if tell is not None and due and state.global_step != self._told_step:
                self._told, self._told_step = time.monotonic(), state.global_step
                tell(_line(state, time.monotonic() - self._began, state.global_step - self._first_step))

    return Curves()


def _line(state: Any, seconds: float, steps: int) -> str:
    left = seconds / steps * (state.max_steps - state.global_step) if steps else 0.0
    loss = next((log["loss"] for log in reversed(state.log_history) if "loss" in log), None)
    told = "" if loss is None else f", loss {loss:.4g}"
    return f"step {state.global_step} of {state.max_steps}{told}, {left / 60:.1f} min left"


def on_terminal() -> bool:
    """Whether somebody looks at standard error, so that bars make sense there."""
    return sys.stderr.isatty()


# `curves.png`: the losses of a run, how well it tells right from wrong, and the parts of its reward.


PICTURE_FILE = "curves.png"

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
_ABREAST = 5
"""What is drawn where it was logged, and what the panel is called."""


def draw_curves(folder: Path, history: Sequence[Log], title: str) -> None:
    """Draws what was logged, training and validation in one panel each; nothing where nothing was logged.

    Args:
        folder: the run's; gets `curves.png`.
        history: the figures of the steps, in order.
        title: stands above the picture.
    """
    panels = [(name, label) for name, label in _PANELS if any(name in log for log in history)]
    if not panels:
        return
    from matplotlib.figure import Figure

    columns = min(len(panels), _ABREAST)
    lines = -(-len(panels) // columns)
    figure = Figure(figsize=(4.8 * columns, 3.6 * lines), layout="constrained")
    for place, (name, label) in enumerate(panels, start=1):
        _draw_panel(figure.add_subplot(lines, columns, place), name, label, history)
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


FILE_NAME = "README.md"

_DOES = {
    TrainingTask.PLANNER: "chooses the support strategy for the supporter's next turn; "
    "its answer is the strategy's name alone",
    TrainingTask.RESPONDER: "writes the supporter's next turn under a strategy that its system prompt names",
    TrainingTask.JOINT: "chooses a strategy and writes the turn in one answer, `[Strategy] reply`: "
    "the entangled baseline",
    TrainingTask.REASONER: "writes a reasoning trace, step by step: what was said, what is felt, "
    "which strategy, and the reply",
    TrainingTask.REWARD: "scores every step of a reasoning trace; the reply is the last of them",
}
_SHOWN = (
    *("loss", "eval_loss", "eval_mean_token_accuracy", "eval_rewards/accuracies", "eval_rewards/margins"),
    *("eval_step_accuracy", "eval_pair_accuracy", "reward", "eval_reward", "eval_process", "eval_outcome"),
    *("eval_format", "eval_redundancy", "eval_strategy_accuracy", "eval_distinct_2", "eval_self_bleu"),
)
RANDOM = "random weights"
"""The base model of a run that made its own."""


def render_model_card(run: TrainingRecord, *, picture: bool, report: "RewardReport | None" = None) -> str:
    """The card of a finished run, as the bytes of its README.md should be.

    Args:
        run: the record; every figure of the card comes from it.
        picture: whether there is a picture of the curves beside it.
        report: of a reward model, how it fares on held-out dialogues.
    """
    environment = Environment(
        loader=PackageLoader(__package__, ""), undefined=StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.get_template("model_card.md.jinja").render(
        front_matter=_front_matter(run),
        run=run,
        does=_DOES[run.task],
        stage=run.stage,
        report=_report_page(report),
        from_random=run.base_model == RANDOM,
        data=_data_line(run.data),
        start_data=_data_line(run.start.data) if run.start else None,
        reward_data=_data_line(run.reward.data) if run.reward else None,
        license=LICENCES[run.data.license],
        settings=sorted(run.settings.items()),
        results=[(name, f"{run.results[name]:.4g}") for name in _SHOWN if name in run.results],
        picture=PICTURE_FILE if picture else None,
    )


def _report_page(report: "RewardReport | None") -> str | None:
    if report is None:
        return None
    from ..reward.report import render_report  # brings numpy

    return render_report(report).strip()


def write_model_card(folder: Path, run: TrainingRecord, report: "RewardReport | None" = None) -> None:
    """Writes the card beside the checkpoint."""
    text = render_model_card(run, picture=(folder / PICTURE_FILE).is_file(), report=report)
    write_whole(folder / FILE_NAME, text)


def _front_matter(run: TrainingRecord) -> str:
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


def _data_line(data: DataRecord) -> str:
    """Where the data is, as a link to its tag where it has one, and how much of it was chosen."""
    part = "" if data.dialogues is None else f", only rows of {data.dialogues} chosen dialogues"
    if data.repo is None:
        return f"release {data.version} of `{data.name}`{part}"
    link = f"https://huggingface.co/datasets/{data.repo}/tree/{data.revision}"
    return f"[{data.repo} at {data.revision}]({link}){part}"

"""What a trainer logs, while it trains: as JSON Lines, as lines of text, and as a picture.

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

from ...schemas.documents import parse_json
from ...schemas.errors import UsageError
from ...schemas.files import read_inside, write_whole

if TYPE_CHECKING:
    from transformers import TrainerCallback

_CURVES_FILE = "curves.jsonl"
PICTURE_FILE = "curves.png"
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

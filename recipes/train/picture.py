"""`curves.png`: the losses of a run, how well it tells right from wrong, and the parts of its reward."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...schemas.writing import write_whole
from .curves import Log

FILE_NAME = "curves.png"

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
    write_whole(folder / FILE_NAME, file.getvalue())


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

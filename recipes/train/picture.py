"""`curves.png`: the losses of a run, and of DPO how well it tells the chosen side from the rejected."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .curves import Log

FILE_NAME = "curves.png"

_PANELS = (("loss", "loss"), ("rewards/accuracies", "pairs in order"), ("rewards/margins", "reward margin"))
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

    figure = Figure(figsize=(4.8 * len(panels), 3.6), layout="constrained")
    for place, (name, label) in enumerate(panels, start=1):
        _draw_panel(figure.add_subplot(1, len(panels), place), name, label, history)
    figure.suptitle(title, fontsize=10)
    figure.savefig(folder / FILE_NAME, dpi=150)


def _draw_panel(axes: Any, name: str, label: str, history: Sequence[Log]) -> None:
    for key, called, style in ((name, "training", ".-"), (f"eval_{name}", "validation", "o--")):
        points = [(log["step"], log[key]) for log in history if key in log]
        if points:
            axes.plot(*zip(*points, strict=True), style, label=called, markersize=4, linewidth=1.4)
    axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_xlabel("step")
    axes.set_ylabel(label)
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)

"""A validation as pictures (PNG): the held-out rewards, and the systems beside their baselines."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...schemas.measures import Interval
from ...schemas.validation import Answered, SystemFigures, Validation, Verdict
from ..png import new_figure, png_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Told apart by those who do not see all colours (Okabe and Ito 2008).
_COLOURS = {Verdict.YES: "#009E73", Verdict.NO: "#D55E00", Verdict.CANNOT_TELL: "#999999"}
_PANELS = (("accuracy", "accuracy"), ("macro_f1", "macro F1"), ("bias_smoothed", "bias, smoothed"))


def pictures_of(validation: Validation) -> dict[str, bytes]:
    """Every picture by its file name; none where nothing was trained."""
    learns = [one for one in validation.questions if one.id.startswith("dpo_learns") and one.figure.value is not None]
    pictures = {}
    if learns:
        pictures["rewards.png"] = png_of(_rewards(learns))
    if validation.systems:
        pictures["systems.png"] = png_of(_systems(validation.systems))
    return pictures


def _rewards(learns: Sequence[Answered]) -> "Figure":
    """A bar a task, in the colour of the verdict, against a half."""
    figure = new_figure(7, 1.2 + 0.5 * len(learns))
    panel = figure.subplots()
    for at, one in enumerate(reversed(learns)):
        _bar(panel, at, one.figure, _COLOURS[one.verdict])
        panel.text(0.01, at, f" {one.verdict}", va="center", fontsize=8)
    panel.axvline(0.5, color="black", linewidth=1)
    panel.set_yticks(range(len(learns)), [one.id.removeprefix("dpo_learns_") for one in reversed(learns)])
    panel.set_xlim(0, 1)
    panel.set_xlabel("test pairs whose chosen side gained more in DPO (share; 0.5 is chance)")
    return figure


def _systems(systems: Sequence[SystemFigures]) -> "Figure":
    """A panel a metric, a bar a system."""
    figure = new_figure(12, 1.2 + 0.4 * len(systems))
    panels = figure.subplots(1, len(_PANELS), sharey=True)
    rows = list(reversed(systems))
    for panel, (metric, label) in zip(panels, _PANELS, strict=True):
        for at, one in enumerate(rows):
            if metric in one.figures:
                _bar(panel, at, one.figures[metric], "#0072B2" if one.kind == "system" else "#E69F00")
        panel.set_xlabel(label)
    panels[0].set_yticks(range(len(rows)), [one.name for one in rows], fontsize=8)
    return figure


def _bar(panel: Any, at: int, figure: Interval, colour: str) -> None:
    if figure.value is None:
        return
    panel.barh(at, figure.value, color=colour)
    if figure.low is not None and figure.high is not None:
        panel.plot([figure.low, figure.high], [at, at], color="black", linewidth=1)

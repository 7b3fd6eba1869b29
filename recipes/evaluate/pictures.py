"""An evaluation as pictures (PNG): strategy confusion, preference for each strategy with its bias, win rates."""

import io
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ...schemas.evaluation import Evaluation, SystemScores, WinRate
from ...schemas.strategy import Strategy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Figures of matplotlib, and what they are as PNG: equal figures give equal bytes under the same matplotlib.


_DPI = 120


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of so many inches, drawn without a display."""
    from matplotlib.figure import Figure  # slow to import

    return Figure(figsize=(width, height), layout="constrained")


def png_of(figure: "Figure") -> bytes:
    """The figure as the bytes of a PNG file."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
    return file.getvalue()


_SHORT = {
    Strategy.QUESTION: "Question",
    Strategy.RESTATEMENT: "Restatement",
    Strategy.REFLECTION: "Reflection",
    Strategy.SELF_DISCLOSURE: "Self-disclosure",
    Strategy.AFFIRMATION: "Affirmation",
    Strategy.SUGGESTIONS: "Suggestions",
    Strategy.INFORMATION: "Information",
    Strategy.OTHERS: "Others",
}
# Told apart by those who do not see all colours (Okabe and Ito 2008).
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#999999")
_WON, _TIED, _LOST = "#0072B2", "#D9D9D9", "#E69F00"


def pictures_of(evaluation: Evaluation) -> dict[str, bytes]:
    """Every picture by its file name."""
    answered = [system for system in evaluation.systems if system.confusion]
    named = [system for system in answered if system.strengths is not None]
    figures = {
        "confusion.png": _confusion(answered) if answered else None,
        "preference.png": _preference(named) if named else None,
        "wins.png": _wins(evaluation.wins) if evaluation.wins else None,
    }
    return {name: png_of(figure) for name, figure in figures.items() if figure is not None}


# A panel a system: of the turns with a human strategy (row), the share that was given each answer.
def _confusion(systems: list[SystemScores]) -> "Figure":
    across = min(3, len(systems))
    down = -(-len(systems) // across)
    figure = new_figure(5.4 * across, 5.2 * down)
    panels = figure.subplots(down, across, squeeze=False).ravel()
    for panel, system in zip(panels, systems, strict=False):
        _confusion_panel(panel, system)
    for panel in panels[len(systems) :]:
        panel.axis("off")
    return figure


def _confusion_panel(panel: Any, system: SystemScores) -> None:
    shares = [[cell / max(1, sum(row)) for cell in row] for row in system.confusion]
    panel.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for at, row in enumerate(system.confusion):
        for to, count in enumerate(row):
            if count:
                colour = "white" if shares[at][to] > 0.5 else "black"
                panel.text(to, at, str(count), ha="center", va="center", fontsize=8, color=colour)
    names = [_SHORT[one] for one in Strategy]
    panel.set_xticks(range(len(names) + 1), [*names, "invalid"], rotation=60, ha="right", fontsize=8)
    panel.set_yticks(range(len(names)), names, fontsize=8)
    panel.set_xlabel("named")
    panel.set_ylabel("the human's")
    panel.set_title(_title(system.name), fontsize=10)


# Grouped bars of smoothed strengths, up or down from 1; the legend holds both biases.
def _preference(systems: list[SystemScores]) -> "Figure":
    figure = new_figure(11, 5)
    panel = figure.subplots()
    width = 0.8 / len(systems)
    for number, system in enumerate(systems):
        assert system.strengths is not None, "systems without strategies were left out"
        places = [at + (number - (len(systems) - 1) / 2) * width for at in range(len(Strategy))]
        heights = [system.strengths.smoothed[name] for name in Strategy]
        colour = _COLOURS[number % len(_COLOURS)]
        panel.bar(places, [height - 1 for height in heights], width, 1, label=_legend(system), color=colour)
    panel.set_yscale("log", base=2)
    panel.yaxis.set_major_formatter("{x:g}")
    panel.axhline(1, color="black", linewidth=1)
    panel.set_xticks(range(len(Strategy)), [_SHORT[one] for one in Strategy], rotation=20)
    panel.set_ylabel("preference (smoothed); 1 is none")
    panel.legend(fontsize=8)
    return figure


def _legend(system: SystemScores) -> str:
    scores = {score.metric: score.value.value for score in system.scores}
    biases = (("B", scores.get("bias")), ("smoothed", scores.get("bias_smoothed")))
    told = ", ".join(f"{name} {'undefined' if value is None else f'{value:.2f}'}" for name, value in biases)
    return f"{system.name}: {told}"


# A bar a pair of systems and a way of deciding: turns won, tied and lost.
def _wins(wins: tuple[WinRate, ...]) -> "Figure":
    figure = new_figure(9, 1.2 + 0.55 * len(wins))
    panel = figure.subplots()
    rows = list(reversed(wins))
    for at, one in enumerate(rows):
        start = 0.0
        for share, colour in _shares(one):
            panel.barh(at, share, left=start, color=colour, edgecolor="white")
            if share > 0.05:
                ink = "white" if colour == _WON else "black"
                panel.text(start + share / 2, at, f"{share:.0%}", ha="center", va="center", fontsize=8, color=ink)
            start += share
    panel.set_yticks(range(len(rows)), [_title(f"{one.one} / {one.other}: {one.by}") for one in rows], fontsize=8)
    panel.set_xlim(0, 1)
    panel.set_xlabel("share of turns: won by the first, tied, won by the second")
    return figure


def _shares(one: WinRate) -> Iterator[tuple[float, str]]:
    turns = max(1, one.wins.n)
    yield one.wins.value or 0.0, _WON
    yield one.ties / turns, _TIED
    yield one.losses / turns, _LOST


# Over two lines where it is long; `$` would begin a formula.
def _title(text: str) -> str:
    return textwrap.fill(text, 44).replace("$", r"\$")

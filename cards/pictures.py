"""The card's pictures (PNG), drawn from the audit; without matplotlib there are none.

Equal audits give equal bytes under the same matplotlib: the user's themes, fonts and settings are ignored.
"""

import io
import textwrap
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ..schemas.audit import Audit, Counts, Histogram
from ..schemas.config import PAIR_CONFIGS, Config
from ._sections import error_lines
from ._words import as_words

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICTURES = {
    "pictures/candidates.png": "Shares of each config's candidates that became rows, and why the others did not",
    "pictures/strategies.png": "Share of each strategy among all candidates and among the rows that were kept",
    "pictures/errors.png": "How often the rejected side has each error",
    "pictures/lengths.png": "How long the chosen and the rejected replies of `response` are, in words",
}
"""The alternative text of each picture by its path in the release, in the order of the card."""

# Sharp on the Hub's page, and small enough to be part of a release.
_DPI = 110
# More reasons would not be readable in one picture.
_MOST_REASONS = 6
# Distinguishable with colour blindness (Okabe and Ito 2008).
_CHOSEN, _REJECTED, _OTHER = "#0072B2", "#E69F00", "#BBBBBB"
_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442")


def draw_pictures(audit: Audit) -> dict[str, bytes]:
    """Every picture for which the audit has numbers, by its path in the release; none without matplotlib."""
    if find_spec("matplotlib") is None:
        return {}
    return dict(_draw(audit.model_dump_json()))


# Draws the pictures of an audit once: it takes a second, and `publish` refreshes a release several times.
@lru_cache(maxsize=4)
def _draw(audit_json: str) -> dict[str, bytes]:
    from matplotlib import rc_context, rcParamsDefault

    audit = Audit.model_validate_json(audit_json)
    with rc_context(dict(rcParamsDefault) | {"font.family": "DejaVu Sans", "font.size": 9}):
        figures = {path: draw(audit) for path, draw in _DRAWN.items()}
        return {path: _png(figure) for path, figure in figures.items() if figure is not None}


def _figure(height: float) -> "Figure":
    from matplotlib.figure import Figure  # slow to import

    return Figure(figsize=(8, height), layout="constrained")


def _png(figure: "Figure") -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=_DPI, metadata={"Software": None})
    return file.getvalue()


def _candidates(audit: Audit) -> "Figure | None":
    flows = [flow for flow in audit.flows if flow.candidates and flow.config in PAIR_CONFIGS]
    if not flows:
        return None
    reasons = _commonest([{step.reason: step.dropped for step in flow.steps} for flow in flows])
    figure = _figure(1.2 + 0.6 * len(flows))
    panel = figure.subplots()
    for at, flow in enumerate(flows):
        dropped = {step.reason: step.dropped for step in flow.steps}
        others = sum(number for reason, number in dropped.items() if reason not in reasons)
        parts = [flow.rows, *(dropped.get(reason, 0) for reason in reasons), others]
        _stack(panel, at, [part / flow.candidates for part in parts])
    _down(panel, [f"{flow.config}\n{flow.candidates} candidates" for flow in flows])
    panel.set_xlim(0, 1)
    panel.xaxis.set_major_formatter(_percent)
    names = ["rows", *(as_words(reason) for reason in reasons), "other reasons"]
    _legend(figure, names, _band(len(names)))
    return figure


# Puts names on the y axis, from top to bottom.
def _down(panel: Any, names: Sequence[str]) -> None:
    panel.set_yticks(range(len(names)), names)
    panel.set_ylim(len(names) - 0.4, -0.6)


def _percent(value: float, _: object) -> str:
    return f"{value:.0%}"


# The most frequent drop reasons over all configs.
def _commonest(counts: Sequence[Counts]) -> list[str]:
    sums: Counts = {}
    for one in counts:
        for reason, number in one.items():
            sums[reason] = sums.get(reason, 0) + number
    return sorted((reason for reason in sums if sums[reason]), key=lambda one: (-sums[one], one))[:_MOST_REASONS]


# Colours of that many parts, the last for the rest.
def _band(number: int) -> list[str]:
    return [*_COLOURS[: number - 1], _OTHER]


def _stack(panel: Any, at: int, shares: Sequence[float]) -> None:
    start = 0.0
    for share, colour in zip(shares, _band(len(shares)), strict=True):
        panel.barh(at, share, left=start, color=colour, edgecolor="white", height=0.7)
        if share > 0.06:
            ink = "white" if colour in (_CHOSEN, "#D55E00", "#009E73") else "black"
            panel.text(start + share / 2, at, f"{share:.0%}", ha="center", va="center", color=ink)
        start += share


def _strategies(audit: Audit) -> "Figure | None":
    flows = [flow for flow in audit.flows if flow.rows and flow.config in PAIR_CONFIGS]
    if not flows:
        return None
    names = list(dict.fromkeys(name for flow in flows for name in flow.by_strategy))
    figure = _figure(0.9 + 0.36 * len(names))
    panels = figure.subplots(1, len(flows), sharey=True, squeeze=False)[0]
    for panel, flow in zip(panels, flows, strict=True):
        before = [flow.by_strategy.get(name, 0) / flow.candidates for name in names]
        after = [flow.rows_by_strategy.get(name, 0) / flow.rows for name in names]
        _pairs_of_bars(panel, before, after, (_OTHER, _CHOSEN))
        _down(panel, [textwrap.fill(name, 20) for name in names])
        panel.set_title(flow.config)
        panel.xaxis.set_major_formatter(_percent)
    _legend(figure, ["of all candidates", "of rows"], [_OTHER, _CHOSEN])
    return figure


def _pairs_of_bars(panel: Any, one: Sequence[float], other: Sequence[float], colours: Sequence[str]) -> None:
    for values, shift, colour in ((one, -0.2, colours[0]), (other, 0.2, colours[1])):
        panel.barh([at + shift for at in range(len(values))], values, height=0.4, color=colour)


def _errors(audit: Audit) -> "Figure | None":
    # The error of a strategy pair is a mismatch by construction.
    shown = [(at, config.value) for at, config in enumerate(PAIR_CONFIGS) if config is not Config.STRATEGY]
    lines = [line for line in error_lines(audit) if any(line["counts"][at] for at, _ in shown)]
    if not lines:
        return None
    figure = _figure(0.9 + 0.36 * len(lines))
    panels = figure.subplots(1, len(shown), sharey=True, squeeze=False)[0]
    for panel, (at, config) in zip(panels, shown, strict=True):
        bars = panel.barh(range(len(lines)), [line["counts"][at] for line in lines], color=_REJECTED)
        panel.bar_label(bars, padding=2)
        panel.margins(x=0.12)
        _down(panel, [as_words(line["error"]) for line in lines])
        panel.set_title(config)
        panel.set_xlabel("pairs")
    return figure


def _lengths(audit: Audit) -> "Figure | None":
    for one in audit.style:
        words = (one.config, one.strategy, one.feature) == (Config.RESPONSE, None, "words")
        if words and one.histogram is not None and any(one.histogram.chosen):
            return _histogram(one.histogram)
    return None


def _histogram(histogram: Histogram) -> "Figure":
    figure = _figure(3)
    panel = figure.subplots()
    sides = ((histogram.chosen, "chosen", _CHOSEN), (histogram.rejected, "rejected", _REJECTED))
    for counts, name, colour in sides:
        panel.stairs(counts, histogram.edges, fill=True, alpha=0.3, color=colour)
        panel.stairs(counts, histogram.edges, color=colour, linewidth=1.5, label=name)
    panel.set_xlim(0, _last_edge(histogram.edges, histogram.chosen, histogram.rejected))
    panel.set_xlabel("words of a reply")
    panel.set_ylabel("replies")
    panel.legend(frameon=False)
    return figure


# The end of the last bin that is not empty.
def _last_edge(edges: Sequence[float], *counts: Sequence[int]) -> float:
    return max(edge for some in counts for edge, number in zip(edges[1:], some, strict=True) if number)


def _legend(figure: "Figure", names: Sequence[str], colours: Sequence[str]) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=name) for name, colour in zip(names, colours, strict=True)]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)


_DRAWN: dict[str, Callable[[Audit], "Figure | None"]] = dict(
    zip(PICTURES, (_candidates, _strategies, _errors, _lengths), strict=True)
)

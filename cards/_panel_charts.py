"""Charts of a panel of judges: their agreement, and whether their answers depend on which side comes first."""

from collections.abc import Iterator
from itertools import cycle
from typing import Any

from ..schemas.audit import Audit, GateResult, OrderCheck, PanelAgreement
from ..schemas.measures import Interval
from ._plotting import Made, figure_of, limit_lines, scatter_points, wrap_label
from ._words import format_ci, verdict

# The labels of a judge, in words.
_WHAT = {
    "vote": "vote, with its reason",
    "worse": "for the pair, or not",
    "chosen_error": "error of the chosen side",
    "rejected_error": "error of the rejected side",
}
_SYMBOLS = ("diamond-open", "square-open", "triangle-up-open", "cross-open", "x-open")
# The share of a label's height over which its marks are spread.
_BAND = 0.8


def numbers_of(audit: Audit) -> dict[str, int]:
    """The judges who compared the sides, numbered from 1: names of models are too long for charts."""
    return {judge: number for number, judge in enumerate(dict.fromkeys(one.judge for one in audit.orders), 1)}


# A legend of the judges' numbers.
def _named(audit: Audit, judges: Iterator[str]) -> str:
    numbers = numbers_of(audit)
    return "; ".join(f"judge {numbers[judge]} is {judge}" for judge in judges) + "."


def plot_orders(audit: Audit, config: str) -> Iterator[Made]:
    """How often answers change with the order of the sides, and how often the first side is preferred."""
    some = [one for one in audit.orders if one.config == config]
    if not some:
        return
    gates = [_gate(audit, one) for one in some]
    about = (
        "Every judge answered twice, with either side first. Turned: share of candidates on which its two answers "
        "disagree; the vertical line is the gate's limit. First: share of its preferences for the side that came "
        "first; 0.5 is no preference for a position. Bars are 95 % intervals; "
        f"{_named(audit, (one.judge for one in some))}"
    )
    lines: list[tuple[object, ...]] = [
        (
            order.judge,
            format_ci(order.flips),
            order.flips.n,
            gate and f"{gate.limit:g}",
            verdict(gate),
            format_ci(order.first),
            order.first.n,
        )
        for order, gate in zip(some, gates, strict=True)
    ]
    columns = ("judge", "turned", "candidates", "limit", "gate", "prefers the first", "preferences")
    yield "The order of the sides", about, _orders(audit, some, gates), columns, lines


def _gate(audit: Audit, order: OrderCheck) -> GateResult | None:
    begin = f"{order.config}: answers of {order.judge} that"
    return next((one for one in audit.gates if one.name == "order_flips" and one.measure.startswith(begin)), None)


def _orders(audit: Audit, some: list[OrderCheck], gates: list[GateResult | None]) -> Any:
    from plotly.graph_objects import Scatter

    numbers = numbers_of(audit)
    names = [f"judge {numbers[one.judge]}" for one in some]
    traces = [
        Scatter(
            name=name,
            y=names,
            **scatter_points(intervals),
            mode="markers",
            marker={"size": 11, "symbol": symbol},
            meta=colour,
            hovertemplate=f"%{{y}}, {name}: %{{x:.3f}}<extra></extra>",
        )
        for name, intervals, symbol, colour in (
            ("turned", [one.flips for one in some], "circle", "accent"),
            ("first", [one.first for one in some], "square-open", "chosen"),
        )
    ]
    xaxis = {"title": "share", "range": [-0.02, 1.02]}
    return figure_of([*traces, *limit_lines(names, gates)], 180 + 44 * len(some), xaxis=xaxis, yaxis=_down(len(names)))


def plot_agreement(audit: Audit, config: str) -> Iterator[Made]:
    """Krippendorff's alpha of the panel and Cohen's kappa of every two judges, for each label."""
    numbers = numbers_of(audit)
    found = [one for one in audit.agreement if one.config == config]
    for panel in dict.fromkeys(one.judges for one in found):
        labels = [one for one in found if one.judges == panel]
        about = (
            "Krippendorff's alpha of all judges and Cohen's kappa of every two, over rows and drops: 1 is always, 0 as "
            "often as by chance. A vote uses both orders, an error is the one found with the chosen side first. Bars "
            f"are 95 % intervals; {_named(audit, iter(panel))}"
        )
        lines: list[tuple[object, ...]] = []
        for one in labels:
            lines.append((_WHAT[one.label], "all (alpha)", format_ci(one.alpha), None, one.alpha.n))
            for pair in one.pairs:
                both = f"{pair.one} and {pair.other} (kappa)"
                lines.append((_WHAT[one.label], both, format_ci(pair.kappa), format_ci(pair.same), pair.kappa.n))
        columns = ("what is said", "judges", "beyond chance", "the same", "candidates")
        yield "Agreement of the judges", about, _agreement(labels, numbers), columns, lines


def _agreement(labels: list[PanelAgreement], numbers: dict[str, int]) -> Any:
    series = [("all (alpha)", [one.alpha for one in labels])]
    for at, pair in enumerate(labels[0].pairs):
        name = f"{numbers[pair.one]} and {numbers[pair.other]} (kappa)"
        series.append((name, [one.pairs[at].kappa for one in labels]))
    looks = [("circle", "accent"), *zip(cycle(_SYMBOLS), ["chosen"] * (len(series) - 1), strict=False)]
    names = [_WHAT[one.label] for one in labels]
    traces = [
        _marks(name, intervals, names, (at - (len(series) - 1) / 2) * _BAND / len(series), *look)
        for at, ((name, intervals), look) in enumerate(zip(series, looks, strict=True))
    ]
    lows = [one.low for _, intervals in series for one in intervals if one.low is not None]
    xaxis = {"title": "agreement beyond chance", "range": [min([-0.05, *lows]) - 0.02, 1.03]}
    down = {"tickvals": list(range(len(names))), "ticktext": [wrap_label(name) for name in names], **_down(len(names))}
    return figure_of(traces, 190 + len(names) * max(44, 16 * len(series)), xaxis=xaxis, yaxis=down)


# One mark for each label, shifted so that the intervals of a label do not overlap.
def _marks(name: str, intervals: list[Interval], names: list[str], shift: float, symbol: str, colour: str) -> Any:
    from plotly.graph_objects import Scatter

    return Scatter(
        name=name,
        y=[at + shift for at in range(len(intervals))],
        **scatter_points(intervals),
        mode="markers",
        marker={"size": 10, "symbol": symbol},
        meta=colour,
        customdata=names,
        hovertemplate=f"%{{customdata}}, {name}: %{{x:.3f}}<extra></extra>",
    )


# A y axis from top to bottom.
def _down(number: int) -> dict[str, Any]:
    return {"range": [number - 0.5, -0.5]}

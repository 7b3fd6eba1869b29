"""Charts that set the chosen beside the rejected side: lengths, artefacts, flag rates."""

from collections.abc import Iterator
from typing import Any

from ..schemas.audit import Artefact, Audit, GateResult, Histogram, StyleDifference
from .plots import Made, figure_of, label, limits_of, points, wrapped
from .words import fixed, said, told, verdict


def plot_lengths(audit: Audit, config: str) -> Iterator[Made]:
    """How long the replies of either side are."""
    for style in audit.style:
        if style.config == config and style.strategy is None and style.histogram is not None:
            yield _length(style, style.histogram)


def _length(style: StyleDifference, histogram: Histogram) -> Made:
    from plotly.graph_objects import Bar

    pairs = zip(histogram.chosen, histogram.rejected, strict=True)
    end = max((at for at, both in enumerate(pairs, 1) if any(both)), default=1)
    starts, edges = histogram.edges[:end], histogram.edges[1 : end + 1]
    bins = [f"{start:g} to below {stop:g}" for start, stop in zip(starts, edges, strict=True)]
    if end == len(histogram.chosen):
        bins[-1] = f"from {starts[-1]:g}"
    traces = [
        Bar(
            name=name,
            x=[(start + stop) / 2 for start, stop in zip(starts, edges, strict=True)],
            width=[stop - start for start, stop in zip(starts, edges, strict=True)],
            y=counts[:end],
            customdata=bins,
            hovertemplate=f"%{{customdata}} {label(style.feature)}: %{{y}} {name}<extra></extra>",
        )
        for name, counts in (("chosen", histogram.chosen), ("rejected", histogram.rejected))
    ]
    layout = {"xaxis": {"title": label(style.feature)}, "yaxis": {"title": "replies"}, "barmode": "overlay"}
    about = (
        f"Mean {fixed(style.chosen, 1)} of chosen, {fixed(style.rejected, 1)} of rejected replies; difference "
        f"{told(style.difference, 1)}. Sides that overlap cannot be told by length."
    )
    lines: list[tuple[object, ...]] = list(zip(bins, histogram.chosen, histogram.rejected, strict=False))
    title = f"Length in {said(style.feature)}"
    return title, about, figure_of(traces, 330, **layout), (said(style.feature), "chosen", "rejected"), lines


def plot_artefacts(audit: Audit, config: str) -> Iterator[Made]:
    """How well the sides are told apart without reading."""
    some = [one for one in audit.artefacts if one.config == config]
    if some:
        gates = [_gate(audit, one) for one in some]
        about = (
            "How well a simple model tells chosen from rejected without the dialogue: 0.5 is not at all. Bars are 95 % "
            "intervals; the upright line is the gate's limit, where there is one."
        )
        lines: list[tuple[object, ...]] = [
            (said(one.features), told(one.auc), told(one.paired), one.auc.n, gate and f"{gate.limit:g}", verdict(gate))
            for one, gate in zip(some, gates, strict=True)
        ]
        columns = ("seen by the model", "AUC", "pairs in order", "pairs", "limit", "gate")
        yield "Artefacts: AUC against the gate", about, _intervals(some, gates), columns, lines


def _gate(audit: Audit, artefact: Artefact) -> GateResult | None:
    name = f"artefact_{artefact.features}"
    return next(
        (one for one in audit.gates if one.name == name and one.measure.startswith(f"{artefact.config}:")), None
    )


def _intervals(some: list[Artefact], gates: list[GateResult | None]) -> Any:
    from plotly.graph_objects import Scatter

    names = [wrapped(label(said(one.features))) for one in some]
    measured = Scatter(
        name="AUC",
        y=names,
        **points([one.auc for one in some]),
        mode="markers",
        marker={"size": 11},
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    traces = [measured, *limits_of(names, gates)]
    lowest = min((one.auc.low for one in some if one.auc.low is not None), default=0.5)
    xaxis = {"title": "AUC", "range": [min(0.4, lowest - 0.02), 1.02]}
    return figure_of(traces, 180 + 44 * len(some), xaxis=xaxis, yaxis={"autorange": "reversed"})


def plot_flags(audit: Audit, config: str) -> Iterator[Made]:
    """How often judges find an error."""
    from plotly.graph_objects import Scatter

    some = [one for one in audit.flags if one.config == config and one.rate.value is not None]
    if not some:
        return
    traces = []
    for side in ("human", "inferred"):
        of_side = [one for one in some if one.side == side]
        traces.append(
            Scatter(
                name=side,
                y=[wrapped(label(one.strategy or "all")) for one in of_side],
                mode="markers",
                **points([one.rate for one in of_side]),
                marker={"size": 10},
                hovertemplate="%{y}: %{x:.0%}<extra></extra>",
            )
        )
    lines: list[tuple[object, ...]] = [
        (one.side, one.strategy or "all", one.flagged, one.rate.n, told(one.rate)) for one in some
    ]
    about = "Share of verdicts that find an error, by the side's own strategy, with 95 % intervals."
    height = 170 + 36 * len({one.strategy for one in some})
    layout = {"xaxis": {"title": "share with an error", "range": [0, 1.03], "tickformat": ".0%"}}
    figure = figure_of(traces, height, **layout, yaxis={"autorange": "reversed"})
    yield "Errors that judges find", about, figure, ("side", "strategy", "with an error", "verdicts", "rate"), lines

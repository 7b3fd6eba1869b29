"""An audit's charts, as Plotly figures without colours: the page adds its theme.

Every chart comes with a table of the same numbers, for readers who cannot see the chart.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from ..schemas.audit import Artefact, Audit, Counts, CrossTable, Flow, GateResult, Histogram, StyleDifference
from ..schemas.base import Frozen
from ._panel_charts import plot_agreement, plot_orders
from ._plotting import Made, escape_label, figure_of, limit_lines, scatter_points, wrap_label
from ._words import UNDEFINED, as_words, fixed, format_ci, verdict

# From this number of steps on, the labels of the last steps of a flow overlap.
_MANY = 5


class Chart(Frozen):
    """One chart of one config."""

    id: str
    """An HTML id, unique on the page."""
    config: str
    title: str
    about: str
    """How to read it."""
    figure: dict[str, Any]
    """`data` and `layout`, as Plotly's JavaScript takes them."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The numbers of the figure, as a table."""


def configs_of(audit: Audit) -> list[str]:
    """Every config in the audit, those with pairs first."""
    return list(dict.fromkeys([*audit.rows, *(flow.config for flow in audit.flows)]))


def charts_of(audit: Audit) -> list[Chart]:
    """Every chart for which the audit has numbers, config by config."""
    makers: tuple[Callable[[Audit, str], Iterator[Made]], ...] = (
        _flow,
        plot_shares,
        _tables,
        plot_lengths,
        plot_artefacts,
        plot_flags,
        plot_orders,
        plot_agreement,
    )
    made = [(config, one) for config in configs_of(audit) for maker in makers for one in maker(audit, config)]
    return [
        Chart(
            id=f"chart-{number}",
            config=config,
            title=title,
            about=about,
            figure=json.loads(figure.to_json()),
            columns=columns,
            rows=tuple(tuple(UNDEFINED if cell is None else str(cell) for cell in row) for row in rows),
        )
        for number, (config, (title, about, figure, columns, rows)) in enumerate(made)
    ]


def _flow(audit: Audit, config: str) -> Iterator[Made]:
    for flow in audit.flows:
        if flow.config == config and flow.candidates:
            about = "Every candidate moves to the right until a step drops it; those that reach the end are rows."
            lines: list[tuple[object, ...]] = [("candidates", None, flow.candidates)]
            lines += [(as_words(step.reason), step.dropped, step.left) for step in flow.steps]
            lines.append(("rows", None, flow.rows))
            yield "From candidates to rows", about, _sankey(flow), ("step", "dropped", "left"), lines


def _sankey(flow: Flow) -> Any:
    from plotly.graph_objects import Sankey

    steps = [step for step in flow.steps if step.dropped]
    left = [f"{step.left} left" for step in steps[:-1]]
    if len(left) > _MANY:
        left[-1] = ""  # it would stand where the drops have theirs
    names = [f"{flow.candidates} candidates", *left, f"{flow.rows} rows"]
    drops = [f"✗ {step.dropped} {escape_label(as_words(step.reason))}" for step in steps]
    last = len(names) - 1
    hops = [(at, at + 1, step.left, "kept") for at, step in enumerate(steps)]
    hops += [(at, last + 1 + at, step.dropped, "dropped") for at, step in enumerate(steps)]
    if not steps:
        hops, names = [(0, 1, flow.rows, "kept")], [names[0], f"{flow.rows} rows"]
    trace = Sankey(
        node={
            "label": [*names, *drops],
            "customdata": ["kept"] * len(names) + ["dropped"] * len(drops),
            "pad": 22,
            "thickness": 14,
            "hovertemplate": "%{label}<extra></extra>",
        },
        link={
            "source": [hop[0] for hop in hops],
            "target": [hop[1] for hop in hops],
            "value": [hop[2] for hop in hops],
            "label": [hop[3] for hop in hops],
            "hovertemplate": "%{value:d} %{label}<extra></extra>",
        },
        valueformat="d",
    )
    return figure_of(trace, 300 + 24 * len(steps))


def _tables(audit: Audit, config: str) -> Iterator[Made]:
    for table in audit.tables:
        if table.config != config or not table.rows or not table.columns:
            continue
        if (table.rows_are, table.columns_are) == ("chosen_strategy", "error"):
            yield _heat(table, "Strategy and error", "Pairs by the human's strategy and the rejected side's error.")
        elif (table.rows_are, table.columns_are) == ("chosen_strategy", "rejected_strategy"):
            about = "Pairs by chosen and rejected strategy. Where both sides share one, only the diagonal is filled."
            yield _heat(table, "Chosen and rejected strategy", about)


def _heat(table: CrossTable, title: str, about: str) -> Made:
    from plotly.graph_objects import Heatmap

    # Over the short names: labels that are equal would fall into one cell.
    rows, columns = ([escape_label(as_words(name)) for name in names] for names in (table.rows, table.columns))
    trace = Heatmap(
        z=table.counts,
        x=list(range(len(columns))),
        y=list(range(len(rows))),
        texttemplate="%{z}",
        customdata=[[f"{row} × {column}" for column in columns] for row in rows],
        hovertemplate="%{customdata}: %{z}<extra></extra>",
        xgap=2,
        ygap=2,
        showscale=False,
    )
    across = {"tickvals": list(range(len(columns))), "ticktext": [wrap_label(name) for name in columns], "side": "top"}
    down = {
        "tickvals": list(range(len(rows))),
        "ticktext": [wrap_label(name) for name in rows],
        "autorange": "reversed",
    }
    axes = {
        "xaxis": {
            **across,
            "title": escape_label(as_words(table.columns_are)),
            "tickangle": -40 if len(columns) < 6 else -90,
        },
        "yaxis": {**down, "title": escape_label(as_words(table.rows_are))},
    }
    figure = figure_of(trace, (170 if len(columns) < 6 else 220) + 38 * len(rows), **axes)
    lines: list[tuple[object, ...]] = [
        (as_words(name), *counts, sum(counts)) for name, counts in zip(table.rows, table.counts, strict=True)
    ]
    return title, about, figure, (as_words(table.rows_are), *map(as_words, table.columns), "all"), lines


def plot_shares(audit: Audit, config: str) -> Iterator[Made]:
    """The shares of the human's strategies among the candidates that are left after each step."""
    for flow in audit.flows:
        if flow.config == config and flow.by_strategy and any(step.dropped for step in flow.steps):
            yield _shares(flow)


def _shares(flow: Flow) -> Made:
    from plotly.graph_objects import Heatmap

    stages, strategies = _stages(flow), list(flow.by_strategy)
    counts = [[of.get(strategy, 0) for strategy in strategies] for _, of in stages]
    names = [escape_label(name) for name, _ in stages]
    columns = [wrap_label(escape_label(strategy)) for strategy in strategies]
    trace = Heatmap(
        z=[[number / max(1, sum(row)) for number in row] for row in counts],
        x=list(range(len(columns))),
        y=list(range(len(names))),
        texttemplate="%{z:.0%}",
        customdata=[[f"{number} of {sum(row)}" for number in row] for row in counts],
        hovertemplate="%{customdata}<extra></extra>",
        xgap=2,
        ygap=2,
        showscale=False,
    )
    across = {"tickvals": list(range(len(columns))), "ticktext": columns, "side": "top", "tickangle": -90}
    down = {"tickvals": list(range(len(names))), "ticktext": names, "autorange": "reversed", "title": "left after"}
    lines: list[tuple[object, ...]] = [(name, *row, sum(row)) for (name, _), row in zip(stages, counts, strict=True)]
    about = "Shares of the human's strategies among the candidates that are left after each step that drops some."
    figure = figure_of(trace, 200 + 30 * len(names), xaxis=across, yaxis=down)
    return "Strategies step by step", about, figure, ("left after", *strategies, "all"), lines


# The candidates left by strategy: at first, and after every step that drops some.
def _stages(flow: Flow) -> list[tuple[str, Counts]]:
    after = [(as_words(step.reason), step.left_by_strategy) for step in flow.steps if step.dropped]
    return [("all candidates", flow.by_strategy), *after]


def plot_lengths(audit: Audit, config: str) -> Iterator[Made]:
    """The lengths of chosen and rejected replies."""
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
            hovertemplate=f"%{{customdata}} {escape_label(style.feature)}: %{{y}} {name}<extra></extra>",
        )
        for name, counts in (("chosen", histogram.chosen), ("rejected", histogram.rejected))
    ]
    layout = {"xaxis": {"title": escape_label(style.feature)}, "yaxis": {"title": "replies"}, "barmode": "overlay"}
    about = (
        f"Mean {fixed(style.chosen, 1)} of chosen, {fixed(style.rejected, 1)} of rejected replies; difference "
        f"{format_ci(style.difference, 1)}. Where the sides overlap, length does not separate them."
    )
    lines: list[tuple[object, ...]] = list(zip(bins, histogram.chosen, histogram.rejected, strict=False))
    title = f"Length in {as_words(style.feature)}"
    return title, about, figure_of(traces, 330, **layout), (as_words(style.feature), "chosen", "rejected"), lines


def plot_artefacts(audit: Audit, config: str) -> Iterator[Made]:
    """How well simple models separate the sides without the dialogue."""
    some = [one for one in audit.artefacts if one.config == config]
    if some:
        gates = [_gate(audit, one) for one in some]
        about = (
            "How well a simple model separates chosen from rejected without the dialogue: 0.5 is chance. Bars are 95 % "
            "intervals; the vertical line is the gate's limit, if there is one."
        )
        lines: list[tuple[object, ...]] = [
            (
                as_words(one.features),
                format_ci(one.auc),
                format_ci(one.paired),
                one.auc.n,
                gate and f"{gate.limit:g}",
                verdict(gate),
            )
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

    names = [wrap_label(escape_label(as_words(one.features))) for one in some]
    measured = Scatter(
        name="AUC",
        y=names,
        **scatter_points([one.auc for one in some]),
        mode="markers",
        marker={"size": 11},
        hovertemplate="%{y}: %{x:.3f}<extra></extra>",
    )
    traces = [measured, *limit_lines(names, gates)]
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
                y=[wrap_label(escape_label(one.strategy or "all")) for one in of_side],
                mode="markers",
                **scatter_points([one.rate for one in of_side]),
                marker={"size": 10},
                hovertemplate="%{y}: %{x:.0%}<extra></extra>",
            )
        )
    lines: list[tuple[object, ...]] = [
        (one.side, one.strategy or "all", one.flagged, one.rate.n, format_ci(one.rate)) for one in some
    ]
    about = "Share of verdicts that find an error, by the side's own strategy, with 95 % intervals."
    height = 170 + 36 * len({one.strategy for one in some})
    layout = {"xaxis": {"title": "share with an error", "range": [0, 1.03], "tickformat": ".0%"}}
    figure = figure_of(traces, height, **layout, yaxis={"autorange": "reversed"})
    yield "Errors that judges find", about, figure, ("side", "strategy", "with an error", "verdicts", "rate"), lines

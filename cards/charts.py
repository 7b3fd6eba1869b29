"""An audit's charts, as Plotly figures without colours: the page lays its theme over them.

What a chart shows stands in a table under it too, so that nobody depends on seeing it. Names come from
the data, and Plotly reads some HTML in labels: so every name is escaped.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from ..schemas.audit import Audit, CrossTable, Flow
from ..schemas.base import Frozen
from .panels import plot_agreement, plot_orders
from .plots import Made, figure_of, label, wrapped
from .shares import plot_shares
from .sides import plot_artefacts, plot_flags, plot_lengths
from .words import UNDEFINED, said

_MANY = 5
"""Steps of a flow from which the labels of the last ones meet."""


class Chart(Frozen):
    """One chart of one config."""

    id: str
    """Unique on the page, fit for an HTML id."""
    config: str
    title: str
    about: str
    """How to read it."""
    figure: dict[str, Any]
    """`data` and `layout`, as Plotly's JavaScript takes them."""
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    """The same as a table."""


def configs_of(audit: Audit) -> list[str]:
    """Every config that the audit tells of, those with pairs first."""
    return list(dict.fromkeys([*audit.rows, *(flow.config for flow in audit.flows)]))


def charts_of(audit: Audit) -> list[Chart]:
    """Every chart that the audit has the numbers of, config by config."""
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
            about = "Every candidate goes to the right until a step drops it; what arrives is a row."
            lines: list[tuple[object, ...]] = [("candidates", None, flow.candidates)]
            lines += [(said(step.reason), step.dropped, step.left) for step in flow.steps]
            lines.append(("rows", None, flow.rows))
            yield "From candidates to rows", about, _sankey(flow), ("step", "dropped", "left"), lines


def _sankey(flow: Flow) -> Any:
    from plotly.graph_objects import Sankey

    steps = [step for step in flow.steps if step.dropped]
    left = [f"{step.left} left" for step in steps[:-1]]
    if len(left) > _MANY:
        left[-1] = ""  # it would stand where the drops have theirs
    names = [f"{flow.candidates} candidates", *left, f"{flow.rows} rows"]
    drops = [f"✗ {step.dropped} {label(said(step.reason))}" for step in steps]
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
    rows, columns = ([label(said(name)) for name in names] for names in (table.rows, table.columns))
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
    across = {"tickvals": list(range(len(columns))), "ticktext": [wrapped(name) for name in columns], "side": "top"}
    down = {"tickvals": list(range(len(rows))), "ticktext": [wrapped(name) for name in rows], "autorange": "reversed"}
    axes = {
        "xaxis": {**across, "title": label(said(table.columns_are)), "tickangle": -40 if len(columns) < 6 else -90},
        "yaxis": {**down, "title": label(said(table.rows_are))},
    }
    figure = figure_of(trace, (170 if len(columns) < 6 else 220) + 38 * len(rows), **axes)
    lines: list[tuple[object, ...]] = [
        (said(name), *counts, sum(counts)) for name, counts in zip(table.rows, table.counts, strict=True)
    ]
    return title, about, figure, (said(table.rows_are), *map(said, table.columns), "all"), lines

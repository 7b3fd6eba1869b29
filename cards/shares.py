"""A chart of what every step does to the strategies: their shares before the first step and after each."""

from collections.abc import Iterator

from ..schemas.audit import Audit, Counts, Flow
from .plots import Made, figure_of, label, wrapped
from .words import said


def plot_shares(audit: Audit, config: str) -> Iterator[Made]:
    """The shares of the human's strategies among what is left, step by step."""
    for flow in audit.flows:
        if flow.config == config and flow.by_strategy and any(step.dropped for step in flow.steps):
            yield _shares(flow)


def _shares(flow: Flow) -> Made:
    from plotly.graph_objects import Heatmap

    stages, strategies = _stages(flow), list(flow.by_strategy)
    counts = [[of.get(strategy, 0) for strategy in strategies] for _, of in stages]
    names = [label(name) for name, _ in stages]
    columns = [wrapped(label(strategy)) for strategy in strategies]
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
    about = "Shares of the human's strategies among what is left after each step that drops something."
    figure = figure_of(trace, 200 + 30 * len(names), xaxis=across, yaxis=down)
    return "Strategies step by step", about, figure, ("left after", *strategies, "all"), lines


def _stages(flow: Flow) -> list[tuple[str, Counts]]:
    """What is left by strategy: of all candidates, and after every step that drops any."""
    after = [(said(step.reason), step.left_by_strategy) for step in flow.steps if step.dropped]
    return [("all candidates", flow.by_strategy), *after]

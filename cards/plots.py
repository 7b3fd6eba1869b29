"""What every chart is made with."""

from collections.abc import Sequence
from html import escape
from typing import Any

from ..schemas.audit import GateResult, Interval

Made = tuple[str, str, Any, tuple[str, ...], list[tuple[object, ...]]]
"""Title, how to read it, the figure, and the columns and rows of its table."""


def figure_of(data: Any, height: int, **layout: Any) -> Any:
    """A figure without a theme; `height` in pixels."""
    from plotly.graph_objects import Figure  # slow to import

    return Figure(data, {"template": "none", "height": height, **layout})


def label(name: str) -> str:
    """A name from the data as Plotly shows it letter by letter."""
    return escape(name, quote=False)


def points(intervals: Sequence[Interval]) -> dict[str, Any]:
    """Values along the x axis with their intervals as bars, as a scatter takes them."""
    above = [(one.high or 0) - one.value if one.value is not None and one.high is not None else 0 for one in intervals]
    below = [one.value - (one.low or 0) if one.value is not None and one.low is not None else 0 for one in intervals]
    bars = {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 2, "width": 6}
    return {"x": [one.value for one in intervals], "error_x": bars}


def limits_of(names: Sequence[str], gates: Sequence[GateResult | None]) -> list[Any]:
    """An upright line at each gate's limit, as a trace; none where there is no gate."""
    from plotly.graph_objects import Scatter

    if not any(gates):
        return []
    return [
        Scatter(
            name="limit",
            y=names,
            x=[gate and gate.limit for gate in gates],
            mode="markers",
            marker={"symbol": "line-ns", "size": 26, "line": {"width": 3}},
            hovertemplate="limit %{x:.3f}<extra></extra>",
        )
    ]


def wrapped(text: str, width: int = 16) -> str:
    """A label over two lines where it is long, so that it leaves the chart room."""
    if len(text) <= width or " " not in text:
        return text
    spaces = [at for at, letter in enumerate(text) if letter == " "]
    middle = min(spaces, key=lambda at: abs(at - len(text) / 2))
    return f"{text[:middle]}<br>{text[middle + 1 :]}"

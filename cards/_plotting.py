"""What all charts of the report share: figures without a theme, escaped labels, and values with their intervals."""

from collections.abc import Sequence
from html import escape
from typing import Any

from ..schemas.audit import GateResult
from ..schemas.measures import Interval

Made = tuple[str, str, Any, tuple[str, ...], list[tuple[object, ...]]]
"""Title, how to read it, the figure, and the columns and rows of the table with its numbers."""


def figure_of(data: Any, height: int, **layout: Any) -> Any:
    """A figure without a theme; `height` in pixels."""
    from plotly.graph_objects import Figure  # slow to import

    return Figure(data, {"template": "none", "height": height, **layout})


def escape_label(name: str) -> str:
    """A name from the data, escaped: Plotly interprets some HTML in labels."""
    return escape(name, quote=False)


def wrap_label(text: str, width: int = 16) -> str:
    """A label on two lines if it is long."""
    if len(text) <= width or " " not in text:
        return text
    spaces = [at for at, letter in enumerate(text) if letter == " "]
    middle = min(spaces, key=lambda at: abs(at - len(text) / 2))
    return f"{text[:middle]}<br>{text[middle + 1 :]}"


def scatter_points(intervals: Sequence[Interval]) -> dict[str, Any]:
    """The arguments of a scatter for values on the x axis with their intervals as error bars."""
    above = [(one.high or 0) - one.value if one.value is not None and one.high is not None else 0 for one in intervals]
    below = [one.value - (one.low or 0) if one.value is not None and one.low is not None else 0 for one in intervals]
    bars = {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "thickness": 2, "width": 6}
    return {"x": [one.value for one in intervals], "error_x": bars}


def limit_lines(names: Sequence[str], gates: Sequence[GateResult | None]) -> list[Any]:
    """A trace with a vertical line at each gate's limit; no trace if there is no gate."""
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

"""What every chart is made with."""

from html import escape
from typing import Any

Made = tuple[str, str, Any, tuple[str, ...], list[tuple[object, ...]]]
"""Title, how to read it, the figure, and the columns and rows of its table."""


def figure_of(data: Any, height: int, **layout: Any) -> Any:
    """A figure without a theme; `height` in pixels."""
    from plotly.graph_objects import Figure  # slow to import

    return Figure(data, {"template": "none", "height": height, **layout})


def label(name: str) -> str:
    """A name from the data as Plotly shows it letter by letter."""
    return escape(name, quote=False)


def wrapped(text: str, width: int = 16) -> str:
    """A label over two lines where it is long, so that it leaves the chart room."""
    if len(text) <= width or " " not in text:
        return text
    spaces = [at for at, letter in enumerate(text) if letter == " "]
    middle = min(spaces, key=lambda at: abs(at - len(text) / 2))
    return f"{text[:middle]}<br>{text[middle + 1 :]}"

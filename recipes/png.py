"""Figures of matplotlib, and what they are as PNG: equal figures give equal bytes under the same matplotlib."""

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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

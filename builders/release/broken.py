"""What a rule over a batch of rows is, and what it finds."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa


@dataclass(frozen=True)
class Broken:
    """Rows of a batch that break a rule."""

    rule: str
    rows: np.ndarray
    """Their numbers in the batch, from 0."""
    detail: str


Mask = Callable[[pa.RecordBatch], pa.Array]
"""True, or null, for every row that breaks the rule."""

Rules = tuple[tuple[str, str, Mask], ...]
"""Rule, detail and mask."""

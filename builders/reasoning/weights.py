"""Weights of rows that nearly repeat each other: within a dialogue, across rewritings, and across the whole release.

A group of rows of one config and split that repeat each other counts as much as a single row: each has the weight 1
over the group's size. Our own design: PEER down-weights redundant outputs, and does not say how. Rows lie on disk until
every turn was reasoned about; memory holds some numbers a row.
"""

import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

import numpy as np
import orjson

from ...schemas.config import REASONING_CONFIGS, Config
from ...schemas.dialogue import Split
from ...schemas.text import words_of
from ..mining.plan import MiningPlan
from ..mining.rows import Row
from ..release.sketches import Sketches, sketch_of
from .candidate import TraceCandidate
from .rows import reasoning_row, words_to_compare

Add = Callable[[Config, Split, Row], None]


@dataclass
class Weighing:
    """The rows of the reasoning configs of one release, until `release` lets them go with their weights."""

    plan: MiningPlan
    similarity: float
    """Jaccard similarity of word triples from which two rows repeat each other."""
    _rows: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    _sketches: Sketches = field(default_factory=Sketches)
    _tables: list[tuple[Config, Split]] = field(default_factory=list)

    def add(self, candidate: TraceCandidate) -> None:
        """Takes in a candidate that was kept."""
        self._rows.write(orjson.dumps(reasoning_row(candidate, self.plan)) + b"\n")
        self._tables.append((candidate.config, candidate.turn.placed.split))
        self._sketches.add(sketch_of(words_of(words_to_compare(candidate))))

    def release(self, add: Add) -> None:
        """Hands every row to `add`, with its weight, in the order in which they came."""
        weights = self._weights()
        self._rows.seek(0)
        for line, table, weight in zip(self._rows, self._tables, weights, strict=True):
            add(*table, orjson.loads(line) | {"weight": weight})
        self._rows.close()
        self._sketches.close()

    def _weights(self) -> list[float]:
        weights = [1.0] * len(self._tables)
        for table in ((config, split) for config in REASONING_CONFIGS for split in Split):
            mine = np.array([at for at, one in enumerate(self._tables) if one == table], dtype=np.int64)
            groups = self._sketches.groups(self.similarity, mine).tolist()
            sizes = Counter(groups)
            for at, group in zip(mine, groups, strict=True):
                weights[at] = round(1 / sizes[group], 6)
        return weights

"""Measure: how often each strategy and error occurs, by split and together."""

from collections import Counter, defaultdict
from typing import Any

import pyarrow as pa

from ...schemas.audit import CrossTable, LabelCounts
from ...schemas.error_type import ErrorType
from ...schemas.strategy import Strategy
from .batch import Pairs
from .measure import Measure

_ORDER = {name: at for at, name in enumerate([*(one.value for one in Strategy), *(one.value for one in ErrorType)])}
_TABLES = (("chosen_strategy", "error"), ("rejected_strategy", "error"), ("chosen_strategy", "rejected_strategy"))


class Labels(Measure):
    """Counts labels, not rows: its memory is that of the names."""

    def __init__(self) -> None:
        self._labels: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        self._pairs: dict[tuple[str, str, str], Counter[tuple[str, str]]] = defaultdict(Counter)

    def take_pairs(self, pairs: Pairs) -> None:
        """Counts the labels of a batch."""
        config, split = pairs.place.config, pairs.place.split
        columns = {name: getattr(pairs, name) for name in ("chosen_strategy", "rejected_strategy", "error")}
        for name, column in columns.items():
            if column is not None:
                self._labels[config, split, name].update(values_of(column))
        for one, other in _TABLES:
            if columns[one] is not None and columns[other] is not None:
                both = zip(columns[one].to_pylist(), columns[other].to_pylist(), strict=True)
                self._pairs[config, one, other].update((a, b) for a, b in both if a is not None and b is not None)

    def tell(self) -> dict[str, Any]:
        """`labels` and `tables`."""
        labels = tuple(
            LabelCounts(config=config, split=split, label=label, counts=ordered(counts))
            for (config, split, label), counts in self._labels.items()
        )
        return {"labels": labels, "tables": tuple(_table(key, counts) for key, counts in self._pairs.items() if counts)}


def ordered(counts: Counter[str]) -> dict[str, int]:
    """The counts in the usual order of strategies and errors, other names after them by the alphabet."""
    return {name: counts[name] for name in sorted(counts, key=_place)}


def _place(name: str) -> tuple[int, str]:
    return _ORDER.get(name, len(_ORDER)), name


def values_of(column: pa.Array) -> dict[str, int]:
    """How often each string of a column occurs; nulls are left out."""
    counted = column.value_counts()
    names, numbers = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    return {name: number for name, number in zip(names, numbers, strict=True) if name is not None}


def _table(key: tuple[str, str, str], counts: Counter[tuple[str, str]]) -> CrossTable:
    rows = sorted({row for row, _ in counts}, key=_place)
    columns = sorted({column for _, column in counts}, key=_place)
    cells = tuple(tuple(counts[row, column] for column in columns) for row in rows)
    return CrossTable(
        config=key[0], rows_are=key[1], columns_are=key[2], rows=tuple(rows), columns=tuple(columns), counts=cells
    )

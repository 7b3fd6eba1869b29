"""Measure: where the candidates went, and whether all of them are accounted for."""

from collections import Counter, defaultdict
from typing import Any

import pyarrow as pa

from ...schemas.audit import Conservation, Flow, FlowStep
from ...schemas.drops import DropReason
from .batch import Pairs, Table
from .drops import Drops
from .labels import ordered
from .measure import Measure

_ORDER = {reason.value: at for at, reason in enumerate(DropReason)}


class DropFlow(Measure):
    """Counts rows and drops by strategy.

    Args:
        candidates: by config, as the manifest counts them; empty where there is no manifest.
    """

    def __init__(self, candidates: dict[str, int]) -> None:
        self._candidates = candidates
        self._rows: dict[str, Counter[str]] = defaultdict(Counter)
        self._drops: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))

    def take_demonstrations(self, table: Table) -> None:
        """Counts the rows of an SFT config."""
        self._rows[table.place.config].update(_names(table.texts("strategy")))

    def take_traces(self, table: Table) -> None:
        """Counts the rows of a reasoning config, by the human's strategy, as its drops are."""
        self._rows[table.place.config].update(_names(table.texts("human_strategy")))

    def take_pairs(self, pairs: Pairs) -> None:
        """Counts the rows of a preference config."""
        strategies = pairs.chosen_strategy
        none = pa.nulls(pairs.size, pa.string())
        self._rows[pairs.place.config].update(_names(none if strategies is None else strategies))

    def take_drops(self, drops: Drops) -> None:
        """Counts what was dropped."""
        both = zip(drops.reasons.to_pylist(), _names(drops.chosen_strategy), strict=True)
        for (reason, strategy), number in Counter(both).items():
            self._drops[drops.config][reason][strategy] += number

    def tell(self) -> dict[str, Any]:
        """`flows` and `conservation`."""
        flows = tuple(self._flow(config) for config in self._candidates)
        told = []
        for flow, stated in zip(flows, self._candidates.values(), strict=True):
            dropped = sum(step.dropped for step in flow.steps)
            lost = stated - flow.rows - dropped
            told.append(
                Conservation(config=flow.config, candidates=stated, rows=flow.rows, dropped=dropped, lost=abs(lost))
            )
        return {"flows": flows, "conservation": tuple(told)}

    def _flow(self, config: str) -> Flow:
        rows, drops = self._rows[config], self._drops[config]
        left = rows + sum(drops.values(), Counter())
        candidates, steps = Counter(left), []
        for reason in sorted(drops, key=lambda name: (_ORDER.get(name, len(_ORDER)), name)):
            left = left - drops[reason]
            steps.append(
                FlowStep(
                    reason=reason,
                    dropped=drops[reason].total(),
                    dropped_by_strategy=_known(drops[reason]),
                    left=left.total(),
                    left_by_strategy=_known(left),
                )
            )
        return Flow(
            config=config,
            candidates=candidates.total(),
            by_strategy=_known(candidates),
            steps=tuple(steps),
            rows=rows.total(),
            rows_by_strategy=_known(rows),
        )


def _names(column: pa.Array) -> list[str]:
    return ["" if name is None else name for name in column.to_pylist()]


def _known(counts: Counter[str]) -> dict[str, int]:
    return ordered(Counter({name: number for name, number in counts.items() if name}))

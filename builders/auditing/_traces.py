"""Measure: reasoning traces; how often each step is right, how far judges agree, how varied and redundant rows are.

Tables add up over batches, one a bootstrap replicate. Of replies the first few thousand are kept, as words.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.config import Config
from ...schemas.measures import Diversity, Interval, Redundancy, StepMeasure, TraceMeasures
from ...schemas.text import words_of
from ...schemas.trace import Step
from ..release.cross_tables import digests
from ..release.rules import contents
from ..statistics.bootstrap import alpha, interval, ratio, weights_of
from ._measure import Measure, OtherTable

REPLIES = 2000
"""Replies of a kind that diversity looks at, at most."""
_STEPS = tuple(Step)
_REPLY = r"(?s)<reply>\n(?P<reply>.*)\n</reply>$"


class TraceMeasure(Measure):
    """Sums, tables and the words of some replies."""

    def __init__(self) -> None:
        self._traces = 0
        self._words = 0
        self._sums: dict[str, np.ndarray] = {}
        self._tables: dict[Step, np.ndarray] = {}
        self._twice = 0
        self._weights: dict[str, list[float]] = {}
        self._replies: dict[str, list[list[str]]] = {}

    def take_traces(self, table: OtherTable) -> None:
        """Looks at rows of a reasoning config."""
        config = table.place.config
        found = self._weights.setdefault(config, [0, 0.0])
        found[0] += table.rows.num_rows
        found[1] += float(np.asarray(table.rows.column("weight")).sum())
        if config == Config.REASONING_STEPS:
            self._take_steps(table.rows)
        elif config == Config.REASONING:
            self._take_replies(table.rows)

    def result(self) -> dict[str, Any]:
        """`traces`; null where there are none."""
        if not self._weights:
            return {"traces": None}
        redundancy = tuple(
            Redundancy(config=config, rows=int(rows), effective=round(effective, 4))
            for config, (rows, effective) in self._weights.items()
        )
        found = TraceMeasures(
            traces=self._traces,
            words=round(self._words / self._traces, 4) if self._traces else None,
            steps=tuple(self._step(step) for step in _STEPS) if self._traces else (),
            diversity=tuple(diversity_of(kind, replies) for kind, replies in self._replies.items() if replies),
            redundancy=redundancy,
        )
        return {"traces": found}

    def _take_steps(self, rows: pa.RecordBatch) -> None:
        weights = weights_of(digests(rows.column("dialogue_id"))).astype(np.float64)
        panels = rows.column("panels").flatten()
        for name, column in (("label", pc.struct_field(panels, "label")), ("rule", pc.struct_field(panels, "rule"))):
            values = column.is_valid() if name == "rule" else column
            self._add(name, weights.T @ np.asarray(values, dtype=np.float64).reshape(-1, len(_STEPS)))
        self._add("all", weights.sum(axis=0))
        self._traces += rows.num_rows
        texts = pc.binary_join(rows.column("completions"), " ").to_pylist()
        self._words += sum(len(words_of(text)) for text in texts)
        self._take_labels(rows, weights)

    # The coincidences of the labels that judges gave one trace; every pair of m labels counts 1 / (m - 1).
    def _take_labels(self, rows: pa.RecordBatch, weights: np.ndarray) -> None:
        judgements = rows.column("judgements")
        labels = pc.struct_field(judgements.flatten(), "labels")
        whole = np.asarray(pc.list_value_length(labels)) == len(_STEPS)
        parents = np.asarray(pc.list_parent_indices(judgements))[whole]
        said = np.asarray(labels.filter(pa.array(whole)).flatten(), dtype=np.float64).reshape(-1, len(_STEPS))
        votes = np.bincount(parents, minlength=rows.num_rows)
        self._twice += int((votes > 1).sum())
        share = np.where(votes > 1, 1 / np.maximum(votes - 1, 1), 0.0)
        for at, step in enumerate(_STEPS):
            right = np.bincount(parents, weights=said[:, at], minlength=rows.num_rows)
            wrong = votes - right
            cells = np.stack([wrong * (wrong - 1), wrong * right, right * wrong, right * (right - 1)], axis=1)
            table = (weights.T @ (cells * share[:, None])).reshape(-1, 2, 2)
            self._tables[step] = self._tables.get(step, 0) + table

    def _take_replies(self, rows: pa.RecordBatch) -> None:
        replies = pc.struct_field(pc.extract_regex(contents(rows, "completion"), _REPLY), "reply").to_pylist()
        originals = pc.struct_field(rows.column("rewrite"), "original").to_pylist()
        for reply, original in zip(replies, originals, strict=True):
            self._keep("demonstrations", reply)
            if original is not None:
                self._keep("before rewriting", original)
                self._keep("after rewriting", reply)

    def _keep(self, kind: str, reply: str | None) -> None:
        kept = self._replies.setdefault(kind, [])
        if reply is not None and len(kept) < REPLIES:
            kept.append(words_of(reply))

    def _add(self, name: str, sums: np.ndarray) -> None:
        self._sums[name] = self._sums.get(name, 0) + sums

    def _step(self, step: Step) -> StepMeasure:
        at = _STEPS.index(step)
        right, contradicted = (
            interval(ratio(self._sums[name][:, at], self._sums["all"]), self._traces) for name in ("label", "rule")
        )
        return StepMeasure(step=step, right=right, contradicted=contradicted, alpha=self._alpha(step))

    def _alpha(self, step: Step) -> Interval:
        return interval(alpha(self._tables[step]), self._twice)


def diversity_of(kind: str, replies: Sequence[Sequence[str]]) -> Diversity:
    """The diversity of some replies, each given as its words."""
    return Diversity.model_validate(
        {
            "of": kind,
            "replies": len(replies),
            "distinct_1": _distinct(replies, 1),
            "distinct_2": _distinct(replies, 2),
            "shared_4": _shared(replies, 4),
        }
    )


def _runs(words: Sequence[str], order: int) -> list[tuple[str, ...]]:
    return [tuple(words[at : at + order]) for at in range(len(words) - order + 1)]


def _distinct(replies: Sequence[Sequence[str]], order: int) -> float | None:
    found = Counter(run for words in replies for run in _runs(words, order))
    return round(len(found) / found.total(), 4) if found else None


# The share of runs that another reply holds.
def _shared(replies: Sequence[Sequence[str]], order: int) -> float | None:
    holders = Counter(run for words in replies for run in set(_runs(words, order)))
    runs = [run for words in replies for run in _runs(words, order)]
    return round(sum(holders[run] > 1 for run in runs) / len(runs), 4) if runs else None

"""What `validate` remembers of labelled traces, so that demonstrations and pairs are held against the labels."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.config import Config
from .broken import Broken
from .rules import contents
from .seen import among, digests


@dataclass
class Labelled:
    """Digests of the traces of `reasoning_steps`, each a call with what it said; some bytes a trace.

    All of them are noted before anything is held against them.
    """

    _right_calls: list[np.ndarray] = field(default_factory=list)
    """Those that were found right in every step, by their calls alone: a rewriting says something else."""
    _right: list[np.ndarray] = field(default_factory=list)
    _all: list[np.ndarray] = field(default_factory=list)

    def note(self, batch: pa.RecordBatch) -> None:
        """Remembers a batch of `reasoning_steps`."""
        calls = pc.struct_field(batch.column("reasoner"), "request_key")
        traces = _digests(calls, pc.binary_join(batch.column("completions"), "\n"))
        labels = batch.column("labels")
        wrong = np.zeros(batch.num_rows, dtype=bool)
        wrong[np.asarray(pc.list_parent_indices(labels))[~np.asarray(labels.flatten(), dtype=bool)]] = True
        self._all.append(traces)
        self._right.append(traces[~wrong])
        self._right_calls.append(digests(calls)[~wrong])

    @cached_property
    def _sorted(self) -> "_Sorted":
        return _Sorted(*map(_joined, (self._right_calls, self._right, self._all)))

    def broken(self, batch: pa.RecordBatch, config: Config) -> Iterator[Broken]:
        """Rows of the other reasoning configs that are not made of traces with the labels that they need."""
        if config is Config.REASONING:
            calls = pc.struct_field(batch.column("reasoner"), "request_key")
            rewritten = np.asarray(batch.column("rewrite").is_valid())
            own = among(_digests(calls, contents(batch, "completion")), self._sorted.right)
            right = np.where(rewritten, among(digests(calls), self._sorted.right_calls), own)
            yield from _unless(right, "its trace is not labelled right in every step")
        elif config is Config.REASONING_PAIRS:
            for side in ("chosen", "rejected"):
                calls = pc.struct_field(batch.column(f"{side}_reasoner"), "request_key")
                found = among(_digests(calls, contents(batch, side)), self._sorted.every)
                yield from _unless(found, f"the {side} trace has no labels in reasoning_steps")


@dataclass(frozen=True)
class _Sorted:
    """The same in order, so that one is found by halving."""

    right_calls: np.ndarray
    right: np.ndarray
    every: np.ndarray


def _digests(calls: pa.Array, texts: pa.Array) -> np.ndarray:
    return digests(pc.binary_join_element_wise(calls, texts, "\0"))


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)


def _unless(right: np.ndarray, detail: str) -> Iterator[Broken]:
    if not right.all():
        yield Broken("steps", np.flatnonzero(~right), detail)

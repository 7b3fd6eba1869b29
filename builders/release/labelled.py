"""What `validate` remembers of labelled traces, so that demonstrations and pairs are held against the labels."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.config import Config
from .broken import Broken
from .rules import contents
from .seen import among, digests


@dataclass
class Labelled:
    """Digests of the traces of `reasoning_steps`, each a call with what it said; some bytes a trace."""

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

    def broken(self, batch: pa.RecordBatch, config: Config) -> Iterator[Broken]:
        """Rows of the other reasoning configs that are not made of traces with the labels that they need."""
        if config is Config.REASONING:
            calls = pc.struct_field(batch.column("reasoner"), "request_key")
            rewritten = np.asarray(batch.column("rewrite").is_valid())
            own = among(_digests(calls, contents(batch, "completion")), _sorted(self._right))
            right = np.where(rewritten, among(digests(calls), _sorted(self._right_calls)), own)
            yield from _unless(right, "its trace is not labelled right in every step")
        elif config is Config.REASONING_PAIRS:
            for side in ("chosen", "rejected"):
                calls = pc.struct_field(batch.column(f"{side}_reasoner"), "request_key")
                found = among(_digests(calls, contents(batch, side)), _sorted(self._all))
                yield from _unless(found, f"the {side} trace has no labels in reasoning_steps")


def _digests(calls: pa.Array, texts: pa.Array) -> np.ndarray:
    return digests(pc.binary_join_element_wise(calls, texts, "\0"))


def _sorted(parts: list[np.ndarray]) -> np.ndarray:
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)


def _unless(right: np.ndarray, detail: str) -> Iterator[Broken]:
    if not right.all():
        yield Broken("steps", np.flatnonzero(~right), detail)

"""What `validate` remembers of the tables while it reads them once: some bytes a row, never its words."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.config import REASONING_CONFIGS, Config
from ...schemas.dialogue import Split
from ...schemas.rows import CANDIDATE_CONFIGS
from .findings import Broken, Finding
from .rules import contents

# The columns that name one call, or a list of calls.
_CALLS = (
    "planner",
    "responder",
    "joint",
    "inferred_by",
    "chosen_verdict",
    "rejected_verdict",
    "judgements",
    "rewrite",
    "findings",
    "reasoner",
    "chosen_reasoner",
    "rejected_reasoner",
)
_HOLDOUT = Config.CRISIS_HOLDOUT
_MADE_OF_TURNS = (*CANDIDATE_CONFIGS, *REASONING_CONFIGS)


class Digests:
    """Digests of a column over all shards of a config, with the place of each value."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []
        self._places: list[tuple[str, int]] = []

    def add(self, values: pa.Array, file: str, first: int) -> None:
        """Adds a batch of a file; its first row is row `first` of that file."""
        self._parts.append(digests(values))
        self._places.append((file, first))

    def extend(self, later: "Digests") -> None:
        """Adds the digests of later files."""
        self._parts += later._parts
        self._places += later._places

    def all(self) -> np.ndarray:
        """Every digest, in the order of the rows."""
        return np.concatenate(self._parts) if self._parts else np.zeros(0, dtype=np.uint64)

    def repeated(self, rule: str, detail: str) -> Iterator[Finding]:
        """A finding for every value that has occurred in an earlier row."""
        # Nearly always there is none, and then the costly search for places is skipped.
        if not _has_repeats(self.all()):
            return
        values = self.all()
        _, first = np.unique(values, return_index=True)
        again = np.ones(len(values), dtype=bool)
        again[first] = False
        starts = np.cumsum([0, *(len(part) for part in self._parts)])
        for at in np.flatnonzero(again):
            part = int(np.searchsorted(starts, at, side="right")) - 1
            file, row = self._places[part]
            yield Finding(rule=rule, file=file, row=row + int(at - starts[part]), detail=detail)


# Whether a value occurs twice; sorts in place, since finding the places takes several times the memory.
def _has_repeats(values: np.ndarray) -> bool:
    values.sort()
    return bool((values[1:] == values[:-1]).any())


def digests(values: pa.Array) -> np.ndarray:
    """A 64-bit digest of every string, by `pandas.util.hash_array`: unlike `hash`, it is the same in every process."""
    from pandas.util import hash_array

    texts = np.asarray(values.to_numpy(zero_copy_only=False), dtype=object)
    return np.asarray(hash_array(texts, categorize=False))


@dataclass
class CrossTableState:
    """What rules between tables need to know of the tables that were read so far."""

    calls: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.uint64))
    """Digests of the request keys in `completions`, sorted."""
    dialogues: dict[str, tuple[Split, str, str]] = field(default_factory=dict)
    """Split, source and licence of every dialogue; complete once `dialogues` and `crisis_holdout` were read."""
    held_out: set[str] = field(default_factory=set)
    """Dialogues that are held out because their seeker may be in a crisis."""
    barred: set[str] = field(default_factory=set)
    """Dialogues that may give no rows: held out, contaminated, or repeating another where that bars them."""
    repeats_bar: bool = False
    """Whether a dialogue that nearly repeats another may give no rows, too."""
    rows: Counter[tuple[Config, Split]] = field(default_factory=Counter)
    drops: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Dropped candidates by config and reason."""

    @cached_property
    def known(self) -> "KnownDialogues":
        """Every dialogue as columns; computed on first use, when all of them are known."""
        return KnownDialogues.of(self)

    def note_dialogues(
        self, batch: pa.RecordBatch, config: Config, split: Split, name: str, first: int
    ) -> Iterator[Finding]:
        """Remembers a batch of dialogues, and reports those that are in another split or table, too."""
        columns = (batch.column(column).to_pylist() for column in ("dialogue_id", "source", "license"))
        for number, (dialogue_id, source, license_id) in enumerate(zip(*columns, strict=True)):
            # Held out and released at once would publish what was held out.
            elsewhere = dialogue_id in self.dialogues and (dialogue_id in self.held_out) != (config is _HOLDOUT)
            before = self.dialogues.setdefault(dialogue_id, (split, source, license_id))
            if config is _HOLDOUT:
                self.held_out.add(dialogue_id)
                self.barred.add(dialogue_id)
            if before[0] is not split or elsewhere:
                detail = f"dialogue {dialogue_id} is in {before[0]} too"
                yield Finding(rule="splits", file=name, row=first + number, detail=detail)
        for column in ("contaminated_by", *(("repeats",) if self.repeats_bar else ())):
            if column in batch.schema.names:
                named = batch.column("dialogue_id").filter(batch.column(column).is_valid())
                self.barred.update(named.to_pylist())

    def foreign_rows(self, batch: pa.RecordBatch, config: Config, split: Split) -> Iterator[Broken]:
        """Rows whose dialogue is not in the release or may give none, or has another split, source or licence."""
        known = self.known
        there, at = known.find(batch.column("dialogue_id"))
        if not there.all():
            yield Broken("dialogue", np.flatnonzero(~there), "its dialogue is not in the release")
        if config in _MADE_OF_TURNS and (barred := there & known.barred[at]).any():
            yield Broken("dialogue", np.flatnonzero(barred), "its dialogue may give no rows")
        # Unknown dialogues become nulls: they were reported above, and must not be compared with another dialogue's
        # columns.
        places = pa.array(at, mask=~there)
        # A call belongs to no split, since candidates of several splits may share it.
        if config is not Config.COMPLETIONS:
            due = pa.scalar(split.value)
            yield from _unequal("splits", known.splits.take(places), due, f"its dialogue is not in {split}")
        for column, due_column in (("source", known.sources), ("license", known.licenses)):
            detail = f"{column} is not its dialogue's"
            yield from _unequal("dialogue", due_column.take(places), batch.column(column), detail)

    def unknown_calls(self, batch: pa.RecordBatch) -> Iterator[Broken]:
        """Rows that name a call that is not in `completions`."""
        for column in _CALLS:
            if column not in batch.schema.names:
                continue
            calls, rows = batch.column(column), np.arange(batch.num_rows)
            if pa.types.is_list(calls.type):
                calls, rows = calls.flatten(), np.asarray(pc.list_parent_indices(calls))
            if not pa.types.is_struct(calls.type):
                continue
            keys = pc.struct_field(calls, "request_key")
            found = is_among(digests(keys.drop_null()), self.calls)
            if not found.all():
                unknown = np.unique(rows[np.asarray(keys.is_valid())][~found])
                yield Broken("known_call", unknown, f"{column}.request_key is not in completions")


@dataclass(frozen=True)
class KnownDialogues:
    """Every dialogue of a release, found by the digest of its id.

    Sorted arrays and a binary search: `pc.index_in` would build its hash table again for every batch.
    """

    ids: np.ndarray
    """Digests, sorted; the other columns are in the same order."""
    splits: pa.Array
    sources: pa.Array
    licenses: pa.Array
    barred: np.ndarray
    """Whether the dialogue may give no rows; one entry more than there are dialogues, for unknown ids."""

    @classmethod
    def of(cls, state: CrossTableState) -> Self:
        ids = digests(pa.array(list(state.dialogues), type=pa.string()))
        order = np.argsort(ids)
        rows = [(str(split), *rest) for split, *rest in state.dialogues.values()]
        columns = zip(*rows, strict=True) if rows else ((), (), ())
        splits, sources, licenses = (pa.array(column, type=pa.string()).take(pa.array(order)) for column in columns)
        barred = np.array([one in state.barred for one in state.dialogues], dtype=bool)[order]
        return cls(ids[order], splits, sources, licenses, np.append(barred, False))

    def find(self, dialogue_ids: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """For each id, whether it is a dialogue's, and the dialogue's index here (meaningless where it is not)."""
        wanted = digests(dialogue_ids)
        at = np.searchsorted(self.ids, wanted)
        if not len(self.ids):
            return np.zeros(len(wanted), dtype=bool), at
        there = self.ids[np.minimum(at, len(self.ids) - 1)] == wanted
        return np.asarray(there), at


def is_among(wanted: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """For each of `wanted`, whether it is one of the sorted numbers `ordered`."""
    if not len(ordered):
        return np.zeros(len(wanted), dtype=bool)
    at = np.minimum(np.searchsorted(ordered, wanted), len(ordered) - 1)
    return np.asarray(ordered[at] == wanted)


def _unequal(rule: str, left: pa.Array, right: pa.Array | pa.Scalar, detail: str) -> Iterator[Broken]:
    rows = np.flatnonzero(np.asarray(pc.not_equal(left, right).fill_null(False)))
    if len(rows):
        yield Broken(rule, rows, detail)


@dataclass
class LabelledTraces:
    """Digests of the traces of `reasoning_steps`, some bytes a trace; add all of them before any is looked up."""

    _all: list[np.ndarray] = field(default_factory=list)
    _right: list[np.ndarray] = field(default_factory=list)
    """Those of `_all` that are labelled right in every step."""
    _right_calls: list[np.ndarray] = field(default_factory=list)
    """The calls of these alone: the text of a rewritten trace is another."""

    def add(self, batch: pa.RecordBatch) -> None:
        """Adds a batch of `reasoning_steps`."""
        calls = pc.struct_field(batch.column("reasoner"), "request_key")
        traces = _trace_digests(calls, pc.binary_join(batch.column("completions"), "\n"))
        labels = batch.column("labels")
        wrong = np.zeros(batch.num_rows, dtype=bool)
        wrong[np.asarray(pc.list_parent_indices(labels))[~np.asarray(labels.flatten(), dtype=bool)]] = True
        self._all.append(traces)
        self._right.append(traces[~wrong])
        self._right_calls.append(digests(calls)[~wrong])

    @cached_property
    def _sorted(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _concatenated(self._all), _concatenated(self._right), _concatenated(self._right_calls)

    def unlabelled(self, batch: pa.RecordBatch, config: Config) -> Iterator[Broken]:
        """Rows of the other reasoning configs whose traces do not have the labels that they need."""
        if config is Config.REASONING:
            _, right, right_calls = self._sorted
            calls = pc.struct_field(batch.column("reasoner"), "request_key")
            rewritten = np.asarray(batch.column("rewrite").is_valid())
            own = is_among(_trace_digests(calls, contents(batch, "completion")), right)
            # A rewritten reply has other words than the labelled trace, but comes from the same call.
            found = np.where(rewritten, is_among(digests(calls), right_calls), own)
            yield from _broken_unless(found, "its trace is not labelled right in every step")
        elif config is Config.REASONING_PAIRS:
            for side in ("chosen", "rejected"):
                calls = pc.struct_field(batch.column(f"{side}_reasoner"), "request_key")
                found = is_among(_trace_digests(calls, contents(batch, side)), self._sorted[0])
                yield from _broken_unless(found, f"the {side} trace has no labels in reasoning_steps")


def _trace_digests(calls: pa.Array, texts: pa.Array) -> np.ndarray:
    return digests(pc.binary_join_element_wise(calls, texts, "\0"))


def _concatenated(parts: list[np.ndarray]) -> np.ndarray:
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)


def _broken_unless(holds: np.ndarray, detail: str) -> Iterator[Broken]:
    if not holds.all():
        yield Broken("steps", np.flatnonzero(~holds), detail)

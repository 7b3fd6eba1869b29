"""The base of measures: each sees every batch once and then returns its part of the audit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...prompts.parsers.json_reply import without_thinking
from ...prompts.parsers.strategy import JointReply, read_joint, read_strategy
from ...schemas.config import Config
from ...schemas.drops import NEVER_A_PAIR
from ...schemas.verdict import Unparsed
from ..release.cross_tables import digests
from ..release.rules import normalised
from ..statistics.bootstrap import SEED, mix, weights_of

# What measures read: rows in one form, whatever dataset they came from.


@dataclass(frozen=True)
class BatchPosition:
    """The position of a batch."""

    config: str
    split: str
    file: str
    """Path below the dataset."""
    first: int
    """Number of the batch's first row in that file."""


@dataclass(frozen=True)
class Messages:
    """A column of messages as text, and whether it has the form that its part in a pair asks for."""

    texts: pa.Array
    """Contents; those of several messages are joined by a character that no text holds."""
    well_formed: np.ndarray
    """Of a prompt: not empty and ending with the user. Of a side: one message, by the assistant."""

    @cached_property
    def normalised(self) -> pa.Array:
        """The texts as they count when they are compared."""
        return normalised(self.texts)


@dataclass(frozen=True)
class Pairs:
    """A batch of preference pairs; a column that the data does not have is None."""

    place: BatchPosition
    dialogue_ids: pa.Array | None
    prompt: Messages
    chosen: Messages
    rejected: Messages
    shifted: np.ndarray | None
    """Pairs whose prompt is not the one inside their sides, where the sides hold one."""
    turns: pa.Array | None = None
    row_ids: pa.Array | None = None
    chosen_strategy: pa.Array | None = None
    rejected_strategy: pa.Array | None = None
    error: pa.Array | None = None
    chosen_verdict: pa.StructArray | None = None
    rejected_verdict: pa.StructArray | None = None
    judgements: pa.ListArray | None = None

    @property
    def size(self) -> int:
        return len(self.chosen.texts)

    @cached_property
    def pair_texts(self) -> pa.Array:
        """Prompt and both sides as one text."""
        return self._joined(self.chosen.texts, self.rejected.texts)

    @cached_property
    def swapped_texts(self) -> pa.Array:
        """The same with the sides changed over."""
        return self._joined(self.rejected.texts, self.chosen.texts)

    def _joined(self, *sides: pa.Array) -> pa.Array:
        return pc.binary_join_element_wise(self.prompt.texts, *sides, "\0\0")

    @cached_property
    def dialogues(self) -> np.ndarray:
        """Digests of the dialogues; where rows name none, of the prompts, so that one prompt's pairs stay together."""
        return digests(self.prompt.texts if self.dialogue_ids is None else pc.fill_null(self.dialogue_ids, ""))

    @cached_property
    def weights(self) -> np.ndarray:
        return weights_of(self.dialogues)


@dataclass(frozen=True)
class OtherTable:
    """A batch of another table of a release, as it is."""

    place: BatchPosition
    rows: pa.RecordBatch

    def column(self, name: str) -> pa.Array | None:
        """A column, or None where the table has none of that name."""
        return self.rows.column(name) if name in self.rows.schema.names else None

    def texts(self, name: str) -> pa.Array:
        """A column of strings; nulls where the table has none of that name."""
        column = self.column(name)
        return pa.nulls(self.rows.num_rows, pa.string()) if column is None else column


def codes_of(values: pa.Array | None, names: Sequence[str], size: int) -> np.ndarray:
    """The place of each value among `names`; -1 where it is null, none of them, or there is no such column."""
    if values is None:
        return np.full(size, -1, dtype=np.int64)
    found = pc.index_in(values, value_set=pa.array(names, pa.string()))
    return np.asarray(pc.fill_null(found, -1), dtype=np.int64)


def field_of(values: pa.Array | None, name: str) -> pa.Array | None:
    """A field of a column of structs, null where the struct is; None where there is no such column or field."""
    if values is None or not pa.types.is_struct(values.type):
        return None
    if all(field.name != name for field in values.type):
        return None
    return pc.struct_field(values, name)


# A sample of whole dialogues by hash: the same whatever the order of the rows, in memory that is bounded.


# Another seed than the bootstrap's, so that being sampled does not depend on a dialogue's weights.
_SALT = SEED + 1


class DialogueSample:
    """Keeps the rows of those dialogues whose hashes are lowest, about `limit` rows; all where there are no more."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.seen = 0
        self._columns: list[list[np.ndarray]] = []
        self._ranks: list[np.ndarray] = []
        self._kept = 0
        self._highest = np.uint64(2**64 - 1)

    def wanted(self, dialogues: np.ndarray) -> np.ndarray:
        """Numbers of the rows worth offering: those of dialogues that may still be in the sample."""
        self.seen += len(dialogues)
        return np.flatnonzero(mix(dialogues, _SALT) <= self._highest)

    def add(self, dialogues: np.ndarray, *columns: np.ndarray) -> None:
        """Takes in rows that were `wanted`; every call has as many columns."""
        self._ranks.append(mix(dialogues, _SALT))
        self._columns.append([dialogues, *columns])
        self._kept += len(dialogues)
        if self._kept > 2 * self.limit:
            self._prune()

    def rows(self) -> list[np.ndarray]:
        """The dialogues' digests and the columns of the sampled rows, in order of hash; empty where nothing came."""
        if not self._ranks:
            return []
        self._prune()
        order = np.argsort(self._ranks[0], kind="stable")
        return [column[order] for column in self._columns[0]]

    # Lets the dialogues with the highest hashes go until no more than `limit` rows are left, but keeps one.
    def _prune(self) -> None:
        ranks = np.concatenate(self._ranks)
        columns = [np.concatenate(parts) for parts in zip(*self._columns, strict=True)]
        if len(ranks) > self.limit:
            ordered = np.sort(ranks)
            # Just below the first that goes, so that a dialogue yet to come is not shut out by those seen so far.
            self._highest = max(ordered[0], ordered[self.limit] - np.uint64(1))
            keep = ranks <= self._highest
            ranks, columns = ranks[keep], [column[keep] for column in columns]
        self._ranks, self._columns, self._kept = [ranks], [columns], len(ranks)


# Dropped candidates as measures read them: config by config, with the inferred strategy read again.


@dataclass(frozen=True)
class Drops:
    """Dropped candidates of one config."""

    config: str
    rows: OtherTable

    @property
    def size(self) -> int:
        return int(self.rows.rows.num_rows)

    @cached_property
    def reasons(self) -> pa.Array:
        return pc.fill_null(self.rows.texts("reason"), "")

    @cached_property
    def chosen_strategy(self) -> pa.Array:
        return self.rows.texts("strategy")

    @cached_property
    def rejected_strategy(self) -> pa.Array:
        """The inferred one, as the raw reply names it: null where it names none."""
        if self.config == Config.RESPONSE:
            return self.chosen_strategy
        codes = pc.dictionary_encode(self.rows.texts("reply"))
        names = [_named(text, self.config) for text in codes.dictionary.to_pylist()]
        return pa.array(names, pa.string()).take(codes.indices)

    @cached_property
    def by_filter(self) -> np.ndarray:
        """Those that were whole pairs and were not chosen."""
        out = pc.is_in(self.reasons, value_set=pa.array([reason.value for reason in NEVER_A_PAIR]))
        return ~np.asarray(out)

    @cached_property
    def dialogues(self) -> np.ndarray:
        return digests(pc.fill_null(self.rows.texts("dialogue_id"), ""))

    @cached_property
    def weights(self) -> np.ndarray:
        return weights_of(self.dialogues)


def drops_of(table: OtherTable) -> Iterator[Drops]:
    """A batch of `dropped`, config by config."""
    configs = table.texts("config")
    for config in sorted(name for name in pc.unique(configs).to_pylist() if name is not None):
        rows = table.rows.filter(pc.equal(configs, config))
        yield Drops(config, OtherTable(table.place, rows))


def _named(reply: str, config: str) -> str | None:
    read = (read_joint if config == Config.JOINT else read_strategy)(without_thinking(reply).strip())
    if isinstance(read, Unparsed):
        return None
    return read.strategy.value if isinstance(read, JointReply) else read.value


class Measure:
    """Looks at a stream of batches and remembers little of it; a measure overrides what it needs.

    The stream begins with the dialogues, demonstrations and traces of a release, then come the pairs, then what was
    dropped.
    """

    def take_dialogues(self, table: OtherTable) -> None:
        """Looks at rows of `dialogues`."""

    def take_demonstrations(self, table: OtherTable) -> None:
        """Looks at rows of an SFT config."""

    def take_traces(self, table: OtherTable) -> None:
        """Looks at rows of a reasoning config."""

    def take_pairs(self, pairs: Pairs) -> None:
        """Looks at rows of a preference config."""

    def take_drops(self, drops: Drops) -> None:
        """Looks at dropped candidates of one config."""

    def result(self) -> dict[str, Any]:
        """The fields of the audit that it fills, after the last batch."""
        raise NotImplementedError

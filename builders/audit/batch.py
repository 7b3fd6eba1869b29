"""What measures read: rows in one form, whatever dataset they came from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..release.rules import normalised
from ..release.seen import digests
from ..statistics.bootstrap import weights_of


@dataclass(frozen=True)
class Place:
    """Where a batch stands."""

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

    place: Place
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
        """Rows."""
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
        """Bootstrap weights, see `bootstrap.weights_of`."""
        return weights_of(self.dialogues)


@dataclass(frozen=True)
class Table:
    """A batch of another table of a release, as it is."""

    place: Place
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

"""A 64-bit digest of every cell of an Arrow column, computed over whole columns.

Equal cells give equal digests, however the writer laid them out (plain or large strings and lists, dictionaries), as
long as `columns.type_name` gives their types one name. That two different cells share a digest has a chance
of 2**-64. The scheme is our own: strings by `seen.digests`, numbers by their bits; a list sums the digests of its
members, each mixed with its place, a struct those of its fields, each mixed with its name.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..seen import digests

_NULL = np.uint64(0x6E756C6C)
_STEP = np.uint64(0x9E3779B97F4A7C15)


def cell_digests(cells: pa.Array) -> np.ndarray:
    """The digests of a column's cells: one `uint64` a row."""
    kind = cells.type
    if pa.types.is_dictionary(kind):
        return cell_digests(cells.cast(kind.value_type))
    if pa.types.is_struct(kind):
        found = _of_structs(cells)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        found = _of_lists(cells)
    elif _is_text(kind):
        found = _of_texts(cells.cast(pa.large_binary()))
    elif pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        found = _of_numbers(cells)
    else:
        # No release has such a column; its cells are compared as Python writes them.
        found = _of_texts(pa.array([repr(value) for value in cells.to_pylist()], pa.large_binary()))
    return np.where(np.asarray(cells.is_null()), _NULL, found) if cells.null_count else found


def _is_text(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_kind(kind) for is_kind in (*tests, pa.types.is_binary, pa.types.is_large_binary))


def _of_texts(texts: pa.Array) -> np.ndarray:
    """Each distinct text is hashed once: prompts of one dialogue repeat its turns."""
    coded = texts.dictionary_encode()
    if not len(coded.dictionary):
        return np.zeros(len(texts), dtype=np.uint64)
    return np.asarray(digests(coded.dictionary)[np.asarray(coded.indices.fill_null(0))])


def _of_numbers(numbers: pa.Array) -> np.ndarray:
    plain = numbers.cast(pa.uint8()) if pa.types.is_boolean(numbers.type) else numbers
    values = plain.fill_null(0).to_numpy(zero_copy_only=False)
    wide = values.astype(np.float64) if values.dtype.kind == "f" else values.astype(np.int64)
    return _mixed(wide.view(np.uint64))


def _of_structs(structs: pa.StructArray) -> np.ndarray:
    total = np.zeros(len(structs), dtype=np.uint64)
    for number, name in enumerate(field.name for field in structs.type):
        total += _mixed(cell_digests(structs.field(number)) + digests(pa.array([name]))[0])
    return total


def _of_lists(lists: pa.Array) -> np.ndarray:
    lengths = np.asarray(pc.list_value_length(lists).fill_null(0)).astype(np.int64)
    ends = np.cumsum(lengths)
    starts = ends - lengths
    members = cell_digests(pc.list_flatten(lists))
    places = np.arange(len(members)) - np.repeat(starts, lengths)
    placed = _mixed(members + (places.astype(np.uint64) + np.uint64(1)) * _STEP)
    sums = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(placed, dtype=np.uint64)])
    return _mixed(sums[ends] - sums[starts] + lengths.astype(np.uint64))


def _mixed(numbers: np.ndarray) -> np.ndarray:
    """Every bit spread over all others: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014)."""
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))

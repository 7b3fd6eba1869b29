"""What a comparison keeps of a config's rows: digests of their cells, on disk, eight bytes a cell.

Equal cells give equal digests, whichever way the writer laid them out (plain or large strings and lists, dictionaries),
as long as `type_name` gives their types the same name. Two different cells share a digest with a chance of 2**-64. The
scheme is our own: strings by `cross_tables.digests`, numbers by their bits; a list sums the digests of its members,
each mixed with its position, a struct those of its fields, each mixed with its name.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ....schemas.config import Config
from ....schemas.dialogue import Split
from ....schemas.diff import ColumnDiff
from ....schemas.errors import DataError, UsageError
from ..cross_tables import digests
from ..read import Release

_NULL = np.uint64(0x6E756C6C)
_STEP = np.uint64(0x9E3779B97F4A7C15)


def cell_digests(cells: pa.Array) -> np.ndarray:
    """The digest of every cell of a column, as `uint64`."""
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
        # No release has such a column, but a foreign file may: its cells are compared by their `repr`.
        found = _of_texts(pa.array([repr(value) for value in cells.to_pylist()], pa.large_binary()))
    return np.where(np.asarray(cells.is_null()), _NULL, found) if cells.null_count else found


def _is_text(kind: pa.DataType) -> bool:
    tests = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
    return any(is_kind(kind) for is_kind in (*tests, pa.types.is_binary, pa.types.is_large_binary))


# Hashes each distinct text once: the prompts of a dialogue repeat its turns.
def _of_texts(texts: pa.Array) -> np.ndarray:
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


# Mixes every bit into all others: the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).
def _mixed(numbers: np.ndarray) -> np.ndarray:
    mixed = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))


ROW_ID = "row_id"
"""The column that matches rows."""

Columns = dict[str, str]
"""Names and types of a config's columns, in order."""


def columns_of(release: Release, config: Config) -> Columns:
    """The columns of a config, from the schemas of its files; empty if the release does not have the config.

    Raises:
        DataError: a file cannot be read, has no `row_id`, or has other columns than the config's other files.
    """
    first: Columns = {}
    for path in release.files(config):
        columns = {field.name: type_name(field.type) for field in release.schema(path)}
        if ROW_ID not in columns:
            raise DataError(f"{release.name_of(path)}: no column {ROW_ID} to match its rows by")
        if first and columns != first:
            what = "its columns differ from those of the config's other files"
            raise DataError(f"{release.name_of(path)}: {what}; `ipm-prefdial validate` lists the differences")
        first = first or columns
    return first


def compare_columns(old: Columns, new: Columns) -> tuple[ColumnDiff, ...]:
    """The columns that only one release has, or whose types differ; those of the old release first."""
    names = {**old, **new}
    return tuple(
        ColumnDiff(column=name, old=old.get(name), new=new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    )


def shared_columns(old: Columns, new: Columns) -> list[str]:
    """The columns that both releases have with the same type, without `row_id`: their cells can be compared."""
    return [name for name, kind in old.items() if new.get(name) == kind and name != ROW_ID]


def type_name(kind: Any) -> str:
    """The name of a type, independent of the writer: large or plain, dictionary or not, fields in any order."""
    if pa.types.is_dictionary(kind):
        return type_name(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "string"
    if pa.types.is_large_binary(kind):
        return "binary"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{type_name(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(sorted(f'{field.name}: {type_name(field.type)}' for field in kind))}>"
    return str(kind)


# Rows that are hashed together: enough to make numpy's cost per call negligible, and few enough to fit in memory.
_ROWS_AT_ONCE = 4_000


class RowStore:
    """The digests, ids and splits of one config's rows; the index of a row is its place in the order of reading."""

    def __init__(self, folder: Path, columns: Sequence[str]) -> None:
        """
        Args:
            folder: an empty folder, which nothing else may write to.
            columns: the columns whose cells will be compared.
        """
        self._paths = {column: folder / f"{number}.u64" for number, column in enumerate((ROW_ID, *columns))}
        self._split_path, self._id_path = folder / "splits.u8", folder / "ids.arrows"

    def fill(self, tables: Iterable[tuple[int, Iterable[pa.RecordBatch]]]) -> None:
        """Adds all rows: the batches of each split, with the split's number."""
        with ExitStack() as stack:
            files = {column: stack.enter_context(path.open("wb")) for column, path in self._paths.items()}
            splits = stack.enter_context(self._split_path.open("wb"))
            ids = stack.enter_context(pa.ipc.new_stream(self._id_path, pa.schema([(ROW_ID, pa.string())])))
            for split, batches in tables:
                for batch in _rebatched(batches):
                    _write_digests(batch, files)
                    np.full(batch.num_rows, split, dtype=np.uint8).tofile(splits)
                    ids.write_batch(pa.record_batch([batch.column(ROW_ID).cast(pa.string())], names=[ROW_ID]))

    def digests(self, column: str = ROW_ID) -> np.ndarray:
        """The digest of every row's cell in a column, as `uint64`."""
        return np.fromfile(self._paths[column], dtype=np.uint64)

    def splits(self) -> np.ndarray:
        """The number of every row's split, as `uint8`."""
        return np.fromfile(self._split_path, dtype=np.uint8)

    def row_ids(self, rows: np.ndarray) -> list[str | None]:
        """The ids of some rows, by their indices."""
        with pa.memory_map(str(self._id_path)) as file:
            ids = pa.ipc.open_stream(file).read_all().column(ROW_ID)
            return list(ids.take(pa.array(rows, pa.int64())).to_pylist())


def _write_digests(batch: pa.RecordBatch, files: Mapping[str, BinaryIO]) -> None:
    for column, file in files.items():
        cell_digests(batch.column(column)).tofile(file)


# The same rows in larger batches: a release's row groups are small.
def _rebatched(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= _ROWS_AT_ONCE:
            yield pa.concat_batches(waiting)
            waiting.clear()
    if waiting:
        yield pa.concat_batches(waiting)


@contextmanager
def digest_folder() -> Iterator[Path]:
    """A temporary folder for stores.

    Raises:
        UsageError: a file could not be written; the message names it.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="ipm-prefdial-diff-") as folder:
            yield Path(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"{error.filename or tempfile.gettempdir()}: cannot be written: {reason}; make room, or set TMPDIR "
            "to a folder with space"
        ) from error


_CHUNK = 1 << 20


@dataclass(frozen=True)
class SplitPair:
    """The files of a config's split that must be read in both releases."""

    split: Split
    old: tuple[Path, ...]
    new: tuple[Path, ...]
    same_rows: int
    """The number of rows in files that both releases hold."""


def find_table(old: Release, new: Release, config: Config, split: Split) -> SplitPair:
    """The files of a split, without those that both releases hold byte for byte, under any shard number.

    Leaving these out is safe: an id occurs once in a config, so a row of such a file is its own counterpart. The
    manifests say which files may be equal, but only comparing the bytes proves it; that is cheap next to reading rows.

    Raises:
        DataError: a file cannot be read.
    """
    by_digest = defaultdict(list)
    for path in old.files(config, split):
        by_digest[_stated(old, path)].append(path)
    to_read, same_rows = [], 0
    for path in new.files(config, split):
        candidates = by_digest[_stated(new, path)]
        if candidates and same_bytes(candidates[0], path):
            same_rows += _rows_in(candidates.pop(0))
        else:
            to_read.append(path)
    left = {path for paths in by_digest.values() for path in paths}
    kept = tuple(path for path in old.files(config, split) if path in left)
    return SplitPair(split, kept, tuple(to_read), same_rows)


def same_bytes(one: Path, other: Path) -> bool:
    """Whether two files hold the same bytes.

    Raises:
        DataError: one of them cannot be read.
    """
    try:
        if one.stat().st_size != other.stat().st_size:
            return False
        with one.open("rb") as left, other.open("rb") as right:
            while chunk := left.read(_CHUNK):
                if chunk != right.read(_CHUNK):
                    return False
    except OSError as error:
        raise DataError(f"{error.filename or one}: cannot be read: {error.strerror or error}") from error
    return True


def _stated(release: Release, path: Path) -> str:
    return release.manifest.files[release.name_of(path)].sha256


def _rows_in(path: Path) -> int:
    try:
        return int(pq.read_metadata(path).num_rows)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {error}") from error

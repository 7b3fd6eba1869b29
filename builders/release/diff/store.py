"""Digests of a config's rows, on disk: a file a column, eight bytes a row; in memory is one column at a time."""

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa

from ....schemas.errors import UsageError
from .cells import cell_digests
from .columns import ROW_ID

_ROWS_AT_ONCE = 4_000
"""Rows that are digested together: enough that numpy's own cost does not count, few enough to be small in memory."""


class RowStore:
    """What is kept of the rows of one config of one release that were read; rows are known by their place, from 0."""

    def __init__(self, folder: Path, columns: Sequence[str]) -> None:
        """
        Args:
            folder: an empty folder of its own.
            columns: the columns whose cells will be compared.
        """
        self._paths = {column: folder / f"{number}.u64" for number, column in enumerate((ROW_ID, *columns))}
        self._split_path, self._id_path = folder / "splits.u8", folder / "ids.arrows"

    def fill(self, tables: Iterable[tuple[int, Iterable[pa.RecordBatch]]]) -> None:
        """Takes in all rows: the batches of each split, with the split's number."""
        with ExitStack() as stack:
            files = {column: stack.enter_context(path.open("wb")) for column, path in self._paths.items()}
            splits = stack.enter_context(self._split_path.open("wb"))
            ids = stack.enter_context(pa.ipc.new_stream(self._id_path, pa.schema([(ROW_ID, pa.string())])))
            for split, batches in tables:
                for batch in _gathered(batches):
                    _write_digests(batch, files)
                    np.full(batch.num_rows, split, dtype=np.uint8).tofile(splits)
                    ids.write_batch(pa.record_batch([batch.column(ROW_ID).cast(pa.string())], names=[ROW_ID]))

    def digests(self, column: str = ROW_ID) -> np.ndarray:
        """The digest of every row's cell in a column: `uint64`, in the order of the rows."""
        return np.fromfile(self._paths[column], dtype=np.uint64)

    def splits(self) -> np.ndarray:
        """The number of every row's split: `uint8`, in the order of the rows."""
        return np.fromfile(self._split_path, dtype=np.uint8)

    def row_ids(self, rows: np.ndarray) -> list[str | None]:
        """The ids of some rows, by their places."""
        with pa.memory_map(str(self._id_path)) as file:
            ids = pa.ipc.open_stream(file).read_all().column(ROW_ID)
            return list(ids.take(pa.array(rows, pa.int64())).to_pylist())


def _write_digests(batch: pa.RecordBatch, files: Mapping[str, BinaryIO]) -> None:
    for column, file in files.items():
        cell_digests(batch.column(column)).tofile(file)


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same rows in larger batches: a release's row groups are small."""
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
    """An empty folder for stores, which goes with all that is in it.

    Raises:
        UsageError: the disk would not take what was written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix="ipm-prefdial-diff-") as folder:
            yield Path(folder)
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"{error.filename or tempfile.gettempdir()}: cannot be written: {reason}; make room, or name a folder with "
            "room in TMPDIR"
        ) from error

"""Writes a release's tables: streaming, sharded, and byte for byte the same for the same rows."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...schemas.base import canonical_json
from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.documents import parse_json
from ...schemas.errors import UsageError
from ...schemas.escape import printable
from ...schemas.files import FileSet, NotPlainError, is_cache_snapshot, read_inside, write_whole
from ...schemas.manifest import FileRecord
from ...schemas.rows import rows_of
from ..sources.files import sha256_of
from .layout import MANIFEST, arrow_schema, shard_path, splits_of

ROWS_PER_GROUP = 500
"""Rows of a row group: also what a table holds in memory, and far below what the Hub's viewer can scan."""
ROWS_PER_SHARD = 100_000
"""Rows of a shard: a fixed number, and not bytes, so that shards do not depend on compression or machine."""

Row = dict[str, Any]


class TableWriter:
    """Writes the shards of one table (a config's split) as rows come in."""

    def __init__(self, root: Path, config: Config, split: Split, schema: pa.Schema) -> None:
        self.root, self.config, self.split, self.schema = root, config, split, schema
        self.rows = 0
        self._waiting: list[Row] = []
        self._shards: list[tuple[Path, int, str]] = []
        self._writer: pq.ParquetWriter | None = None
        self._digest = hashlib.sha256()
        self._shard_rows = 0

    def add(self, row: Row) -> None:
        """Adds the next row; it must have exactly the columns of the config."""
        self._waiting.append(row)
        # Over the rows, not the file: another version of the Parquet library may write other bytes for the same rows.
        self._digest.update(canonical_json(row))
        self._digest.update(b"\n")
        self.rows += 1
        self._shard_rows += 1
        if len(self._waiting) == ROWS_PER_GROUP:
            self._write_group()
        if self._shard_rows == ROWS_PER_SHARD:
            self._close_shard()

    def finish(self) -> dict[str, FileRecord]:
        """Names the shards, whose number is only known now, and returns their records by path.

        An empty table has one shard without row groups.
        """
        if self._shard_rows or not self._shards:
            self._close_shard()
        records = {}
        for number, (part, rows, digest) in enumerate(self._shards):
            name = shard_path(self.config, self.split, number, len(self._shards))
            # Only now, because the name of a shard holds the number of all shards.
            part.replace(self.root / name)
            records[name] = file_record(self.root / name, rows=rows, rows_sha256=digest)
        return records

    def _write_group(self) -> None:
        table = pa.Table.from_pylist(self._waiting, schema=self.schema)
        self._open_shard().write_table(table, row_group_size=ROWS_PER_GROUP)
        self._waiting.clear()

    def _open_shard(self) -> pq.ParquetWriter:
        if self._writer is None:
            self._writer = pq.ParquetWriter(
                self._part(),
                self.schema,
                compression="zstd",
                # Page boundaries then follow the content: the Hub uploads only the pages that differ from an earlier
                # version.
                use_content_defined_chunking=True,
                write_page_index=True,
                write_page_checksum=True,
            )
        return self._writer

    def _close_shard(self) -> None:
        if self._waiting:
            self._write_group()
        self._open_shard().close()
        sync_file(self._part())
        self._shards.append((self._part(), self._shard_rows, self._digest.hexdigest()))
        self._writer, self._shard_rows, self._digest = None, 0, hashlib.sha256()

    def _part(self) -> Path:
        folder = self.root / "data" / self.config
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{self.split}-{len(self._shards):05d}.part"


class ReleaseWriter:
    """Writes all tables of a release below one folder."""

    def __init__(self, root: Path, layout: int) -> None:
        self.root = root
        self._tables = {
            (config, split): TableWriter(root, config, split, arrow_schema(config, layout))
            for config in rows_of(layout)
            for split in splits_of(config)
        }

    def add(self, config: Config, split: Split, row: Row) -> None:
        self._tables[config, split].add(row)

    def count(self, config: Config, split: Split) -> int:
        """The number of rows that a table has so far."""
        return self._tables[config, split].rows

    def finish(self) -> dict[str, FileRecord]:
        """Closes all tables and returns the records of their files, by path."""
        records: dict[str, FileRecord] = {}
        for table in self._tables.values():
            records |= table.finish()
        return records


def file_record(path: Path, *, rows: int | None = None, rows_sha256: str | None = None) -> FileRecord:
    """The manifest's record of a file on disk."""
    return FileRecord(sha256=sha256_of(path), bytes=path.stat().st_size, rows=rows, rows_sha256=rows_sha256)


def record_of(data: bytes) -> FileRecord:
    """The manifest's record of a file with these bytes, which is not a table."""
    return FileRecord(sha256=hashlib.sha256(data).hexdigest(), bytes=len(data))


def write_text(path: Path, text: str) -> FileRecord:
    """Writes a text file atomically and durably; returns the manifest's record of it."""
    write_whole(path, text)
    return record_of(text.encode())


def write_into(root: Path, name: str, text: str) -> None:
    """Writes a text file into a finished release, and its record into the manifest; no other file changes."""
    check_writable(root)
    manifest = parse_json(read_inside(root, MANIFEST) or b"")
    files = {**manifest["files"], name: record_of(text.encode()).model_dump(mode="json")}
    manifest["files"] = dict(sorted(files.items()))
    with FileSet(root) as together:
        together.write(name, text)
        together.write(MANIFEST, json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def check_writable(root: Path) -> None:
    """Refuses to write to a release in the cache of the Hub's client, where the next download would find the changes.

    Raises:
        UsageError: the release is such a snapshot.
    """
    if is_cache_snapshot(root):
        raise UsageError(
            f"{printable(root)}: this is a snapshot in the cache of the Hub's client and must stay as it is; copy it "
            f"first (cp -rL {printable(root)} MY-COPY) and work on the copy"
        )


def sync_file(path: Path) -> None:
    """Flushes a file to disk: a release is renamed into place only when all of it is on disk."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Reports a full or read-only disk in one line.

    Raises:
        UsageError: a file could not be written; the message names it.
    """
    try:
        yield
    except NotPlainError as error:
        raise UsageError(f"{error.filename}: cannot be written: {error.strerror}") from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(
            f"{error.filename or folder}: cannot be written: {reason}; make room or choose another --out, and "
            "repeat the command: all answers so far are kept"
        ) from error

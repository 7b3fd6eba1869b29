"""Reads records from JSON, JSON Lines, CSV and Parquet files; errors name line and column.

What is read is what was hashed: a file is opened once, its digest compared with the one that pins the source, and its
records read through the same handle; a file that changed meanwhile is an error.
"""

import csv
import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from ...schemas.documents import DocumentError, parse_json, raise_csv_limit
from ...schemas.errors import SourceError
from ...schemas.escape import printable
from ...schemas.files import open_inside, open_plain
from .formats import rows_of

_CHUNK = 1 << 20
# Rows of a Parquet file in memory at a time.
_ROWS = 1_000


def sha256_of(path: Path, root: Path | None = None) -> str:
    """The SHA-256 of a plain file's bytes.

    Args:
        path: the file.
        root: the folder that it must be inside of, with no link on the way; None where the user names the file.

    Raises:
        SourceError: it cannot be read, or is not a plain file.
    """
    try:
        with _opened(path, root) as file:
            return _sha256(file)
    except OSError as error:
        raise _unreadable(path, error) from error


def sha256_of_all(paths: Iterable[Path], root: Path) -> str:
    """One digest over several files: their paths below `root` and their SHA-256, in order of path."""
    return digest_of_lines({path.relative_to(root).as_posix(): sha256_of(path, root) for path in paths})


def digest_of_lines(digests: dict[str, str]) -> str:
    """The same of files whose digests are known, by their paths."""
    lines = sorted(f"{sha256}  {name}\n" for name, sha256 in digests.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@contextmanager
def open_as_hashed(path: Path, root: Path | None, sha256: str | None) -> Iterator[BinaryIO]:
    """A plain file whose bytes are those of the digest, from the first that is read to the last.

    Args:
        path: the file.
        root: see `sha256_of`.
        sha256: the digest; None where nothing pins the file.

    Raises:
        SourceError: it cannot be read, has other bytes, or is written to while it is read.
    """
    try:
        with _opened(path, root) as file:
            before = _stamp(file)
            if sha256 is not None and _sha256(file) != sha256:
                raise SourceError(f"{printable(path)}: it was changed after its digest was taken; repeat the command")
            file.seek(0)
            yield file
            if _stamp(file) != before:
                raise SourceError(f"{printable(path)}: it was written to while it was read; repeat the command")
    except OSError as error:
        raise _unreadable(path, error) from error


def read_records(path: Path, *, root: Path | None = None, sha256: str | None = None) -> Iterator[Any]:
    """The records of a JSON array, a single JSON object or JSON Lines (whatever the file is called), or of a .csv, .tsv
    or .parquet file.

    Lines and tables stream; an array is held in memory.

    Args:
        path: the file.
        root: see `sha256_of`.
        sha256: the digest that the file must have; None where nothing pins it.

    Raises:
        SourceError: no such file or no plain one, not UTF-8 (with the line), not JSON (with line and column), no CSV
            that is known, nothing in it, or not the file that was hashed.
    """
    if root is None and not path.exists():
        raise SourceError(f"{printable(path)}: no such file")
    with open_as_hashed(path, root, sha256) as file:
        end = path.suffix.lower()
        if end == ".parquet":
            yield from _table_rows(path, file)
            return
        head = _first_words(file)
        file.seek(0)
        if not head:
            raise SourceError(f"{path}: the file is empty")
        if end in (".csv", ".tsv"):
            yield from _csv_rows(path, file)
        elif head[:1] == b"{" and _is_json_line(head):
            yield from _json_lines(path, file)
        else:
            yield from _whole_json(path, file.read())


def _opened(path: Path, root: Path | None) -> BinaryIO:
    return open_plain(path) if root is None else open_inside(root, path.relative_to(root).as_posix())


def _sha256(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
    return digest.hexdigest()


def _stamp(file: BinaryIO) -> tuple[int, ...]:
    there = os.fstat(file.fileno())
    return there.st_size, there.st_mtime_ns, there.st_ctime_ns


def _unreadable(path: Path, error: OSError) -> SourceError:
    # The error may name another path than this one: the link or folder that is in the way.
    return SourceError(f"{printable(error.filename or path)}: cannot be read: {error.strerror or error}")


def _table_rows(path: Path, file: BinaryIO) -> Iterator[Any]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(file) as table:
            for batch in table.iter_batches(_ROWS):
                yield from batch.to_pylist()
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise SourceError(f"{path}: cannot be read: {reason}") from error


# Rows of a format that has its own CSV files, or rows with a column `text` that holds a dialogue as JSON.
def _csv_rows(path: Path, file: BinaryIO) -> Iterator[Any]:
    raise_csv_limit()
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        lines = _lines(path, file)
        first = next(lines)
        header = next(csv.reader([first.rstrip("\r\n")], delimiter=delimiter), [])
        if delimiter == "," and (own := rows_of(header)) is not None:
            file.seek(0)
            yield from own.read(path, _lines(path, file))
            return
        rows = csv.reader(lines, delimiter=delimiter)
        for row in rows:
            if len(row) > len(header):
                raise SourceError(
                    f"{path}: line {rows.line_num + 1}: {len(row)} cells where the header has {len(header)}"
                )
            yield dict(zip(header, row, strict=False))
    except csv.Error as error:
        raise SourceError(f"{path}: not CSV that can be read: {error}") from error


# Some bytes from the first that is not a white space on; none where there are none.
def _first_words(file: BinaryIO) -> bytes:
    words = file.read(_CHUNK).removeprefix(b"\xef\xbb\xbf").lstrip()
    while not words and (chunk := file.read(_CHUNK)):
        words = chunk.lstrip()
    return words


# Whether the first line is an object by itself, or goes on past what was read: no pretty-printed object does.
def _is_json_line(head: bytes) -> bool:
    line, newline, _ = head.partition(b"\n")
    if not newline:
        return True
    try:
        parse_json(line)
    except DocumentError as error:
        # A whole object that breaks a bound is reported as the line that it is.
        if error.line is None:
            return True
        return line.strip() not in (b"{", b"") and line.rstrip().endswith(b"}")
    return True


def _json_lines(path: Path, lines: Iterable[bytes]) -> Iterator[Any]:
    for number, text in enumerate(_lines(path, lines), 1):
        if not text.strip():
            continue
        try:
            yield parse_json(text)
        except DocumentError as error:
            raise SourceError(
                f"{path}: line {number}, column {error.column or 1}: not JSON that can be read: {error.what}"
                if error.line is None
                else f"{path}: line {number}, column {error.column}: not JSON: {error.what}"
            ) from error


def _lines(path: Path, lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        yield _decode(path, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, number)


def _whole_json(path: Path, data: bytes) -> Iterator[Any]:
    text = _decode(path, data.removeprefix(b"\xef\xbb\xbf"), 1)
    try:
        value = parse_json(text)
    except DocumentError as error:
        if error.line is None:
            raise SourceError(f"{path}: not JSON that can be read: {error.what}") from error
        raise SourceError(f"{path}: line {error.line}, column {error.column}: not JSON: {error.what}") from error
    yield from value if isinstance(value, list) else [value]


def _decode(path: Path, data: bytes, first_line: int) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first_line + data.count(b"\n", 0, error.start)
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise SourceError(
            f"{path}: line {line}, column {column}: not UTF-8 (byte 0x{data[error.start]:02x}); convert the file first"
        ) from error

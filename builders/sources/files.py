"""Reads records from JSON, JSON Lines and CSV files; what is wrong is told with line and column."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ...schemas.errors import SourceError
from .empathetic import read_utterances

_CHUNK = 1 << 20


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes.

    Raises:
        SourceError: it cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error
    return digest.hexdigest()


def sha256_of_all(paths: Iterable[Path], root: Path) -> str:
    """One digest over several files: their paths below `root` and their SHA-256, in order of path."""
    lines = sorted(f"{sha256_of(path)}  {path.relative_to(root).as_posix()}\n" for path in paths)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_records(path: Path) -> Iterator[Any]:
    """The records of a JSON array, a single JSON object or JSON Lines (whatever the file is called), or of a .csv file.

    Lines stream; an array is held in memory.

    Raises:
        SourceError: no such file, not UTF-8 (with the line), not JSON (with line and column), no CSV that is known, or
            nothing in it.
    """
    if not path.exists():
        raise SourceError(f"{path}: no such file")
    try:
        with path.open("rb") as file:
            head = _first_words(file)
            file.seek(0)
            if not head:
                raise SourceError(f"{path}: the file is empty")
            if path.suffix == ".csv":
                yield from read_utterances(path, _lines(path, file))
            elif head[:1] == b"{" and _is_json_line(head):
                yield from _json_lines(path, file)
            else:
                yield from _whole_json(path, file.read())
    except OSError as error:
        raise SourceError(f"{path}: cannot be read: {error.strerror or error}") from error


def _first_words(file: BinaryIO) -> bytes:
    """Some bytes from the first that is no white space on; none where there are none."""
    words = file.read(_CHUNK).removeprefix(b"\xef\xbb\xbf").lstrip()
    while not words and (chunk := file.read(_CHUNK)):
        words = chunk.lstrip()
    return words


def _is_json_line(head: bytes) -> bool:
    """Whether the first line is an object by itself, or goes on past what was read: no pretty-printed object does."""
    line, newline, _ = head.partition(b"\n")
    if not newline:
        return True
    try:
        json.loads(line)
    except RecursionError:
        return True
    except ValueError:
        return line.strip() not in (b"{", b"") and line.rstrip().endswith(b"}")
    return True


def _json_lines(path: Path, lines: Iterable[bytes]) -> Iterator[Any]:
    for number, text in enumerate(_lines(path, lines), 1):
        if not text.strip():
            continue
        try:
            yield json.loads(text)
        except (ValueError, RecursionError) as error:
            column = getattr(error, "colno", 1)
            raise SourceError(f"{path}: line {number}, column {column}: not JSON: {_what(error)}") from error


def _lines(path: Path, lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        yield _decode(path, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line, number)


def _whole_json(path: Path, data: bytes) -> Iterator[Any]:
    text = _decode(path, data.removeprefix(b"\xef\xbb\xbf"), 1)
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise SourceError(f"{path}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: not JSON that can be read: {_what(error)}") from error
    yield from value if isinstance(value, list) else [value]


def _what(error: Exception) -> str:
    return "nested too deeply" if isinstance(error, RecursionError) else getattr(error, "msg", str(error))


def _decode(path: Path, data: bytes, first_line: int) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = first_line + data.count(b"\n", 0, error.start)
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise SourceError(
            f"{path}: line {line}, column {column}: not UTF-8 (byte 0x{data[error.start]:02x}); convert the file first"
        ) from error

"""Which files of a table must be read: those that the other release does not hold byte for byte."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from ....schemas.config import Config
from ....schemas.dialogue import Split
from ....schemas.errors import DataError
from ..read import Release

_CHUNK = 1 << 20


@dataclass(frozen=True)
class Table:
    """A config's split in both releases."""

    split: Split
    old: tuple[Path, ...]
    """The old release's files that must be read, in order."""
    new: tuple[Path, ...]
    """The new release's files that must be read, in order."""
    same_rows: int
    """Rows of the files that both hold, which need not be read."""


def find_table(old: Release, new: Release, config: Config, split: Split) -> Table:
    """The files of a split, less those that are byte for byte in both releases, whatever number they have there.

    What is left out cancels out: a row has one id in a config, so its old and its new self are both in such a file. The
    manifests say which files may be equal; that they are is seen from the bytes themselves, which costs little beside
    reading rows.

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
    return Table(split, kept, tuple(to_read), same_rows)


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

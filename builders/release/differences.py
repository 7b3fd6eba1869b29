"""How a release differs from its manifest, byte by byte, and from a rebuild, row by row: what `verify` reports."""

from collections.abc import Iterator
from contextlib import suppress
from importlib.metadata import version
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...schemas.base import Frozen, canonical_json
from ...schemas.config import Config
from ...schemas.errors import DataError
from ...schemas.escape import printable
from ...schemas.files import is_inside, read_inside
from ...schemas.rows import content_id_of
from ..sources.files import sha256_of
from .layout import CARD, CHANGELOG, CROISSANT, LICENSE, MANIFEST, NOTICE, SPLITS, config_and_split, schema_difference
from .read import Release
from .rules import broken_rows

PACKAGE = "ipm-prefdial"


class Difference(Frozen):
    """One file, or one row of a file, that is not as it should be."""

    file: str
    """Path below the release."""
    row: int | None = None
    """Index of the row in that file, from 0; None if the difference is about the file."""
    what: str
    """What is wrong, in words."""

    def __str__(self) -> str:
        return f"{self.file}{'' if self.row is None else f': row {self.row}'}: {self.what}"


def changed_files(release: Release) -> Iterator[Difference]:
    """Files that the manifest lists and that are missing or changed, and files that it does not list."""
    for name, record in release.manifest.files.items():
        path = release.root / name
        if not is_inside(release.root, name):
            yield Difference(file=name, what="is gone")
        elif sha256_of(path, release.root) != record.sha256:
            yield Difference(file=name, what="its bytes are not those in the manifest")
        elif path.stat().st_size != record.bytes:
            yield Difference(file=name, what=f"it has {path.stat().st_size} bytes, the manifest says {record.bytes}")
    # A file that no manifest lists would be published or loaded without ever having been checked.
    known = {*release.manifest.files, MANIFEST}
    for path in sorted(release.root.rglob("*")):
        name = path.relative_to(release.root).as_posix()
        hub_cache = name.startswith((".cache/", ".git"))
        if not path.is_dir() and name not in known and not hub_cache:
            yield Difference(file=printable(name), what="is not in the manifest")


def unfit_rows(release: Release, config: Config) -> Iterator[Difference]:
    """Why a table cannot be rebuilt from: unreadable files, other columns, rows that break a rule of their batch."""
    for path in release.files(config):
        name, first = release.name_of(path), 0
        try:
            if wrong := schema_difference(release.schema(path), config, release.layout):
                yield Difference(file=name, what=wrong)
                continue
            for batch in release.batches(path):
                for broken in broken_rows(batch, config, release.layout):
                    yield from (Difference(file=name, row=first + int(row), what=broken.detail) for row in broken.rows)
                first += batch.num_rows
        except DataError as error:
            yield Difference(file=name, what=str(error).removeprefix(f"{name}: "))


def changed_inputs(release: Release, config: Config) -> Iterator[Difference]:
    """Rows of `completions` or `dialogues` that were edited: a rebuild would take them as its input.

    Their ids are digests of their contents, so an edited row no longer has the id that its contents give.
    """
    for path in release.files(config):
        # `unfit_rows` reports a file that cannot be read or has other columns.
        with suppress(DataError):
            if schema_difference(release.schema(path), config, release.layout) is None:
                yield from _changed_inputs(release, config, path)


def _changed_inputs(release: Release, config: Config, path: Path) -> Iterator[Difference]:
    for number, row in enumerate(_rows(release, path)):
        stated = row.pop("row_id")
        if stated != content_id_of(config, row):
            what = f"the {config.value.removesuffix('s')} was changed"
            yield Difference(file=release.name_of(path), row=number, what=what)


def compare_with_rebuild(release: Release, rebuilt: Release) -> Iterator[Difference]:
    """Rows, split lists, counts and views that a rebuild makes differently; equal files are not parsed."""
    names = sorted({*release.manifest.files, *rebuilt.manifest.files})
    for name in names:
        if config_and_split(name) is None:
            continue
        try:
            yield from _compare_table(release, rebuilt, name)
        except DataError as error:
            yield Difference(file=name, what=str(error).removeprefix(f"{name}: "))
        yield from _compare_records(release, rebuilt, name)
    for name in (SPLITS, *_comparable_views(release, rebuilt)):
        if _bytes_of(release.root / name) != _bytes_of(rebuilt.root / name):
            yield Difference(file=name, what="a rebuild writes something else")
    for part in ("counts", "usage", "license", "prompts"):
        if getattr(release.manifest, part) != getattr(rebuilt.manifest, part):
            yield Difference(file=MANIFEST, what=f"{part}: a rebuild gives something else")


def _compare_table(release: Release, rebuilt: Release, name: str) -> Iterator[Difference]:
    ours, theirs = release.root / name, rebuilt.root / name
    if not is_inside(release.root, name) or not theirs.is_file():
        yield Difference(file=name, what="is missing" if theirs.is_file() else "a rebuild makes no such file")
        return
    # Equal bytes are equal rows: only differing files are parsed.
    if sha256_of(ours) == sha256_of(theirs):
        return
    same_rows = True
    for number, (row, again) in enumerate(zip_longest(_rows(release, ours), _rows(rebuilt, theirs))):
        if row is None or again is None:
            same_rows = False
            what = "is not in the rebuild" if again is None else "is missing"
            yield Difference(file=name, row=number, what=what)
            return
        # In canonical form, which is also what the digests of rows are made of.
        if canonical_json(row) != canonical_json(again):
            same_rows = False
            yield Difference(file=name, row=number, what=_which_columns(row, again))
    # Another Parquet writer lays out the same rows in other bytes; only under the same writer do they prove an edit.
    if same_rows and _writer_of(ours) == _writer_of(theirs):
        yield Difference(file=name, what="the rows equal the rebuild's, but the bytes of the file do not")


# Compares the manifests' row counts and row digests, which do not depend on the Parquet writer.
def _compare_records(release: Release, rebuilt: Release, name: str) -> Iterator[Difference]:
    stated, due = release.manifest.files.get(name), rebuilt.manifest.files.get(name)
    for key in ("rows", "rows_sha256"):
        if stated and due and getattr(stated, key) != getattr(due, key):
            yield Difference(file=MANIFEST, what=f"files.{name}.{key}: a rebuild gives something else")


def written_by_another(release: Release, rebuilt: Release) -> str | None:
    """The release's Parquet writer if another one is installed, so that only rows can be compared; else None."""
    for name in release.manifest.files:
        if config_and_split(name) is None or not (release.root / name).is_file():
            continue
        theirs, here = _writer_of(release.root / name), _writer_of(rebuilt.root / name)
        if theirs and here and theirs != here:
            return theirs
    return None


def _writer_of(path: Path) -> str | None:
    try:
        with pq.ParquetFile(path) as file:
            return str(file.metadata.created_by)
    except (OSError, pa.ArrowException, ValueError):
        return None


def _rows(release: Release, path: Path) -> Iterator[dict[str, Any]]:
    for batch in release.batches(path):
        yield from batch.to_pylist()


def _which_columns(row: dict[str, Any], again: dict[str, Any]) -> str:
    names = [name for name in {**row, **again} if row.get(name) != again.get(name)]
    return f"{', '.join(names)}: not what the recorded answers give (row_id {row.get('row_id')})"


# The views that a rebuild must write byte for byte.
#
# Another version of the package may word the card differently. The card also shows the size of every table, and
# `croissant.json` its digest, and both depend on the Parquet writer.
def _comparable_views(release: Release, rebuilt: Release) -> tuple[str, ...]:
    same_package = release.manifest.run.packages.get(PACKAGE) == version(PACKAGE)
    comparable = same_package and written_by_another(release, rebuilt) is None
    return (CARD, CHANGELOG, CROISSANT, LICENSE, NOTICE) if comparable else ()


def _bytes_of(path: Path) -> bytes:
    return read_inside(path.parent, path.name) or b""

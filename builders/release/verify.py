"""What changed in a release, told by file and row: bytes against the manifest, rows against a rebuild."""

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
from ...schemas.plain_files import is_inside, printable, read_inside
from ...schemas.rows import content_id_of
from ..sources.files import sha256_of
from .columns import schema_difference
from .layout import CARD, CHANGELOG, CROISSANT, LICENSE, MANIFEST, NOTICE, SPLITS, config_and_split
from .read import Release
from .rules import broken_rows

PACKAGE = "ipm-prefdial"


class Difference(Frozen):
    """One thing that is not what it should be."""

    file: str
    """Path below the release."""
    row: int | None = None
    """The row in that file, from 0, where it is a row."""
    what: str
    """What is wrong, in words."""

    def __str__(self) -> str:
        return f"{self.file}{'' if self.row is None else f': row {self.row}'}: {self.what}"


def changed_files(release: Release) -> Iterator[Difference]:
    """Files that are gone, changed or too many, by the manifest."""
    for name, record in release.manifest.files.items():
        path = release.root / name
        if not is_inside(release.root, name):
            yield Difference(file=name, what="is gone")
        elif sha256_of(path, release.root) != record.sha256:
            yield Difference(file=name, what="its bytes are not those in the manifest")
        elif path.stat().st_size != record.bytes:
            yield Difference(file=name, what=f"it has {path.stat().st_size} bytes, the manifest says {record.bytes}")
    known = {*release.manifest.files, MANIFEST}
    for path in sorted(release.root.rglob("*")):
        name = path.relative_to(release.root).as_posix()
        hub_cache = name.startswith((".cache/", ".git"))
        if not path.is_dir() and name not in known and not hub_cache:
            yield Difference(file=printable(name), what="is not in the manifest")


def unfit_rows(release: Release, config: Config) -> Iterator[Difference]:
    """What makes a table unfit to be rebuilt from: it cannot be read, or rows are not of the config's form."""
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
    """Rows of `completions` or `dialogues` whose id does not fit what they hold: a rebuild would build on them."""
    for path in release.files(config):
        # A file that cannot be read, or has other columns, is told by `unfit_rows`.
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
    """Rows and split lists that a rebuild makes differently; where bytes are equal nothing is read."""
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
    for field in ("counts", "usage", "license", "prompts"):
        if getattr(release.manifest, field) != getattr(rebuilt.manifest, field):
            yield Difference(file=MANIFEST, what=f"{field}: a rebuild gives something else")


def _compare_table(release: Release, rebuilt: Release, name: str) -> Iterator[Difference]:
    ours, theirs = release.root / name, rebuilt.root / name
    if not is_inside(release.root, name) or not theirs.is_file():
        yield Difference(file=name, what="is missing" if theirs.is_file() else "a rebuild makes no such file")
        return
    if sha256_of(ours) == sha256_of(theirs):
        return
    same_rows = True
    for number, (row, again) in enumerate(zip_longest(_rows(release, ours), _rows(rebuilt, theirs))):
        if row is None or again is None:
            same_rows = False
            yield Difference(file=name, row=number, what="is too many" if again is None else "is missing")
            return
        if canonical_json(row) != canonical_json(again):
            same_rows = False
            yield Difference(file=name, row=number, what=_which_columns(row, again))
    if same_rows and _writer_of(ours) == _writer_of(theirs):
        yield Difference(file=name, what="the rows are those of a rebuild, but the bytes around them are not")


def _compare_records(release: Release, rebuilt: Release, name: str) -> Iterator[Difference]:
    """What the manifest says of a table's rows, which holds whatever wrote the file."""
    stated, due = release.manifest.files.get(name), rebuilt.manifest.files.get(name)
    for field in ("rows", "rows_sha256"):
        if stated and due and getattr(stated, field) != getattr(due, field):
            yield Difference(file=MANIFEST, what=f"files.{name}.{field}: a rebuild gives something else")


def written_by_another(release: Release, rebuilt: Release) -> str | None:
    """The Parquet writer of a table of the release where it is not the one installed, so that only rows compare."""
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


def _comparable_views(release: Release, rebuilt: Release) -> tuple[str, ...]:
    """The views that a rebuild has to write byte for byte.

    A card is worded by the version of the package that wrote it; another one may word it differently. It also tells
    the size of every table, and `croissant.json` its digest, which are another Parquet writer's own.
    """
    same = _same_package(release) and written_by_another(release, rebuilt) is None
    return (CARD, CHANGELOG, CROISSANT, LICENSE, NOTICE) if same else ()


def _same_package(release: Release) -> bool:
    """Whether this version of the package wrote the release's views."""
    return release.manifest.run.packages.get(PACKAGE) == version(PACKAGE)


def _bytes_of(path: Path) -> bytes:
    return read_inside(path.parent, path.name) or b""

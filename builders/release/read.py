"""Reads a release folder: its manifest and its rows, as a stream."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from ...schemas.config import Config
from ...schemas.dialogue import Dialogue, Split, Turn
from ...schemas.errors import DataError, UsageError
from ...schemas.licence import LICENCES
from ...schemas.manifest import Manifest
from ...schemas.rows import rows_of
from ..mining.turns import PlacedDialogue
from .layout import MANIFEST, config_and_split

ROWS_PER_BATCH = 1_000

_DAMAGE = (OSError, pa.ArrowException, ValueError)
"""What a damaged file may raise; a ValueError where the name of a column is no UTF-8 any more."""


class Release:
    """A release in a folder; nothing is read before it is asked for."""

    def __init__(self, root: Path) -> None:
        if not (root / MANIFEST).is_file():
            what = "no such folder" if not root.is_dir() else f"no release: there is no {MANIFEST} in it"
            raise UsageError(f"{root}: {what}")
        self.root = root
        self.manifest = read_manifest(root / MANIFEST)

    @property
    def layout(self) -> int:
        """Which columns its rows have."""
        return self.manifest.spec.layout

    @property
    def configs(self) -> tuple[Config, ...]:
        """The configs that it has."""
        return tuple(rows_of(self.layout))

    def files(self, config: Config, split: Split | None = None) -> list[Path]:
        """The shards of a config, or of one of its splits, in order of split and number."""
        order = {one: place for place, one in enumerate(Split)}
        found = []
        for name in self.manifest.files:
            table = config_and_split(name)
            if table is not None and table[0] is config and split in (None, table[1]):
                found.append((order[table[1]], name))
        return [self.root / name for _, name in sorted(found)]

    def batches(self, path: Path) -> Iterator[pa.RecordBatch]:
        """A shard's rows as Arrow batches.

        Raises:
            DataError: the file is gone or damaged; the message names the row group and the rows in it.
        """
        with self._open(path) as file:
            first = 0
            for group in range(file.num_row_groups):
                last = first + file.metadata.row_group(group).num_rows - 1
                try:
                    yield from file.iter_batches(ROWS_PER_BATCH, row_groups=[group])
                except _DAMAGE as error:
                    where = f"rows {first} to {last} (row group {group})"
                    raise DataError(f"{self.name_of(path)}: {where}: damaged: {_first_line(error)}") from error
                first = last + 1

    def schema(self, path: Path) -> pa.Schema:
        """A shard's columns.

        Raises:
            DataError: the file is gone or damaged.
        """
        with self._open(path) as file:
            return file.schema_arrow

    def _open(self, path: Path) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(path, page_checksum_verification=True)
        except _DAMAGE as error:
            raise DataError(f"{self.name_of(path)}: cannot be read: {_first_line(error)}") from error

    def rows(self, config: Config, split: Split | None = None) -> Iterator[dict[str, Any]]:
        """The rows of a config, or of one of its splits, as plain dictionaries, in order."""
        for path in self.files(config, split):
            for batch in self.batches(path):
                yield from batch.to_pylist()

    def name_of(self, path: Path) -> str:
        """A file's path below the release."""
        return path.relative_to(self.root).as_posix()


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file.

    Raises:
        DataError: it is no manifest; the message names the field.
    """
    try:
        return Manifest.model_validate(json.loads(path.read_bytes()))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path}: {field}: {first['msg']}") from error
    except ValueError as error:
        raise DataError(f"{path}: not JSON: {error}") from error


def placed_dialogues(release: Release) -> Iterator[PlacedDialogue]:
    """The release's dialogues in source order, merged from its tables, which are each in that order.

    Raises:
        DataError: a dialogue is not what its id says.
    """
    import heapq

    tables = [(Config.DIALOGUES, split) for split in Split] + [(Config.CRISIS_HOLDOUT, Split.TEST)]
    streams = [_placed(release, config, split) for config, split in tables]
    yield from heapq.merge(*streams, key=lambda placed: placed.position)


def _placed(release: Release, config: Config, split: Split) -> Iterator[PlacedDialogue]:
    for path in release.files(config, split):
        number = 0
        for batch in release.batches(path):
            for row in batch.to_pylist():
                dialogue = _dialogue(row, f"{release.name_of(path)}: row {number}")
                yield PlacedDialogue(dialogue, row["position"], split, row.get("repeats"), row.get("contaminated_by"))
                number += 1


def _dialogue(row: dict[str, Any], where: str) -> Dialogue:
    if row["license"] not in LICENCES:
        raise DataError(f"{where}: license: {row['license']!r} is no licence that is known")
    if row["withheld"]:
        raise DataError(f"{where}: dialogue {row['dialogue_id']} is withheld by its licence: give its source")
    try:
        dialogue = Dialogue(
            source=row["source"],
            license=row["license"],
            split=row["own_split"],
            problem=row["problem"],
            emotion=row["emotion"],
            situation=row["situation"],
            turns=tuple(Turn.model_validate(turn) for turn in row["turns"]),
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if dialogue.dialogue_id != row["dialogue_id"]:
        raise DataError(f"{where}: the dialogue was changed: its turns give the id {dialogue.dialogue_id}")
    return dialogue


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

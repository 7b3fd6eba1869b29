"""Compares one config of two releases."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from ....schemas.config import Config
from ....schemas.dialogue import Split
from ....schemas.diff import ConfigDiff, Presence, RowDiff, SplitDiff
from ....schemas.errors import DataError
from ..read import Release
from .columns import columns_of, compare_columns, shared_columns
from .compare import Compared, compare_rows, count_by_split, list_rows
from .store import RowStore, digest_folder
from .tables import Table, find_table


@dataclass(frozen=True)
class Found:
    """What is found of one config."""

    diff: ConfigDiff
    rewritten: tuple[str, ...]
    """Tables of the new release that hold the old rows in other bytes."""
    rows: list[RowDiff]
    """The first rows that differ."""
    differing: int
    """Rows that differ, listed or not."""


@dataclass(frozen=True)
class ConfigComparison:
    """One config of two releases; either may lack it."""

    old: Release
    new: Release
    config: Config

    def found(self, most: int) -> Found:
        """What differs, with at most `most` rows by name.

        Raises:
            DataError: a file is gone or damaged, or its columns are not the config's.
            UsageError: the disk has no room for the digests.
        """
        with _named(self.old):
            old_columns = columns_of(self.old, self.config)
        with _named(self.new):
            new_columns = columns_of(self.new, self.config)
        presence = _presence(bool(old_columns), bool(new_columns))
        columns = compare_columns(old_columns, new_columns) if presence is Presence.BOTH else ()
        with digest_folder() as folder:
            compared = self._rows(folder, shared_columns(old_columns, new_columns))
            splits = tuple(self._splits(compared))
            rows = list_rows(compared, self.config, [table.split for table in self._tables], most)
        diff = ConfigDiff(config=self.config, presence=presence, columns=columns, splits=splits)
        rewritten = () if columns else tuple(self._rewritten(splits))
        return Found(diff, rewritten, rows, compared.differing)

    @cached_property
    def _tables(self) -> list[Table]:
        """Every split that either release has, in order."""
        both = [split for split in Split if self.old.files(self.config, split) or self.new.files(self.config, split)]
        return [find_table(self.old, self.new, self.config, split) for split in both]

    def _rows(self, folder: Path, columns: list[str]) -> Compared:
        old = _stored(self.old, [table.old for table in self._tables], folder / "old", columns)
        new = _stored(self.new, [table.new for table in self._tables], folder / "new", columns)
        return compare_rows(old, new, columns, len(self._tables))

    def _splits(self, compared: Compared) -> Iterator[SplitDiff]:
        for number, counts in enumerate(count_by_split(compared, len(self._tables))):
            table = self._tables[number]
            there = (bool(release.files(self.config, table.split)) for release in (self.old, self.new))
            differing = {column: int(by_split[number]) for column, by_split in compared.columns.items()}
            yield SplitDiff(
                split=table.split,
                presence=_presence(*there),
                old=table.same_rows + int((compared.old_splits == number).sum()),
                new=table.same_rows + int((compared.new_splits == number).sum()),
                columns={column: rows for column, rows in differing.items() if rows},
                **counts,
            )

    def _rewritten(self, splits: Iterable[SplitDiff]) -> Iterator[str]:
        for table, split in zip(self._tables, splits, strict=True):
            if split.presence is Presence.BOTH and not split.differs:
                yield from map(self.new.name_of, table.new)


def _presence(old: bool, new: bool) -> Presence:
    return Presence.BOTH if old and new else Presence.GONE if old else Presence.ADDED


def _stored(release: Release, files: list[tuple[Path, ...]], folder: Path, columns: list[str]) -> RowStore:
    """The rows of a release's files, given by split, in a store of their own."""

    def batches(paths: tuple[Path, ...]) -> Iterator[pa.RecordBatch]:
        for path in paths:
            yield from release.batches(path)

    folder.mkdir()
    store = RowStore(folder, columns)
    with _named(release):
        store.fill((number, batches(paths)) for number, paths in enumerate(files))
    return store


@contextmanager
def _named(release: Release) -> Iterator[None]:
    """A failure says which of the two releases it is of."""
    try:
        yield
    except DataError as error:
        raise DataError(f"{release.root}: {error}") from error

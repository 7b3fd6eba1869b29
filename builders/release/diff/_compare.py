"""Compares the rows of one config, read into a store each, and counts what differs by split and column."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from ....schemas.config import Config
from ....schemas.dialogue import Split
from ....schemas.diff import ConfigDiff, Presence, RowChange, RowDiff, SplitDiff
from ....schemas.errors import DataError
from ..read import Release
from ._store import RowStore, SplitPair, columns_of, compare_columns, digest_folder, find_table, shared_columns

# 2**64 divided by the golden ratio, an odd number: its multiples are all different, and spread evenly.
_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Match:
    """The rows that both releases have, and those of only one, by their indices."""

    old: np.ndarray
    """Indices in the old release of the rows that both have."""
    new: np.ndarray
    """Indices of the same rows in the new release."""
    gone: np.ndarray
    """Indices in the old release of rows that only it has, in order."""
    added: np.ndarray
    """Indices in the new release of rows that only it has, in order."""


def match_rows(old: np.ndarray, new: np.ndarray) -> Match:
    """Matches two lists of ids; if an id is repeated (in an invalid release), its n-th occurrences match each other."""
    _, at_old, at_new = np.intersect1d(_uniques(old), _uniques(new), assume_unique=True, return_indices=True)
    order = np.argsort(at_new)
    return Match(at_old[order], at_new[order], _without(len(old), at_old), _without(len(new), at_new))


# The ids, with every repetition replaced by another number.
def _uniques(ids: np.ndarray) -> np.ndarray:
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ids) else np.zeros(0, dtype=np.int64)
    if len(starts) == len(ids):
        return ids
    earlier = np.arange(len(ids)) - np.repeat(starts, np.diff(np.r_[starts, len(ids)]))
    uniques = ids.copy()
    uniques[order] += earlier.astype(np.uint64) * _ODD
    return uniques


def _without(rows: int, places: np.ndarray) -> np.ndarray:
    left = np.ones(rows, dtype=bool)
    left[places] = False
    return np.flatnonzero(left)


@dataclass(frozen=True)
class Compared:
    """Two stores, the match of their rows, and which of the matched rows differ."""

    old: RowStore
    new: RowStore
    match: Match
    old_splits: np.ndarray
    """The number of every old row's split."""
    new_splits: np.ndarray
    moved: np.ndarray
    """Whether each matched row is in another split."""
    changed: np.ndarray
    """Whether each matched row differs in any cell."""
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    """For each column that differs anywhere, the number of differing rows by new split."""

    @property
    def differing(self) -> int:
        """The number of rows that are gone, added, moved or changed."""
        return len(self.match.gone) + len(self.match.added) + int(np.count_nonzero(self.moved | self.changed))


def compare_rows(old: RowStore, new: RowStore, columns: Sequence[str], splits: int) -> Compared:
    """Matches the rows by their ids and compares their cells, a column at a time.

    Args:
        old: the rows of the old release.
        new: the rows of the new release.
        columns: the columns to compare, which both stores must have.
        splits: the number of splits.
    """
    match = match_rows(old.digests(), new.digests())
    old_splits, new_splits = old.splits(), new.splits()
    moved = old_splits[match.old] != new_splits[match.new]
    changed = np.zeros(len(match.old), dtype=bool)
    counts = {}
    for column in columns:
        differs = old.digests(column)[match.old] != new.digests(column)[match.new]
        if differs.any():
            changed |= differs
            counts[column] = np.bincount(new_splits[match.new][differs], minlength=splits)
    return Compared(old, new, match, old_splits, new_splits, moved, changed, counts)


def count_by_split(found: Compared, splits: int) -> list[dict[str, int]]:
    """The counts of `SplitDiff` for every split, by name, except `old` and `new`, which count unread files, too."""
    match = found.match
    was, now = found.old_splits[match.old], found.new_splits[match.new]
    counted = {
        "added": found.new_splits[match.added],
        "gone": found.old_splits[match.gone],
        "moved_in": now[found.moved],
        "moved_out": was[found.moved],
        "changed": now[found.changed],
    }
    counts = {name: np.bincount(numbers, minlength=splits) for name, numbers in counted.items()}
    return [{name: int(numbers[split]) for name, numbers in counts.items()} for split in range(splits)]


def list_rows(found: Compared, config: str, splits: Sequence[str], most: int) -> list[RowDiff]:
    """The first `most` rows that differ: by kind, in the order of `RowChange`, and then in the order of the files."""
    match = found.match
    both = {
        RowChange.CHANGED: np.flatnonzero(found.changed & ~found.moved),
        RowChange.MOVED: np.flatnonzero(found.moved),
    }
    rows: list[RowDiff] = []
    for what in RowChange:
        left = most - len(rows)
        if what in both:
            rows += _matched(found, config, splits, what, both[what][:left])
        else:
            gone = what is RowChange.GONE
            store, at = (found.old, match.gone[:left]) if gone else (found.new, match.added[:left])
            numbers = (found.old_splits if gone else found.new_splits)[at]
            for row_id, split in zip(store.row_ids(at), numbers, strict=True):
                rows.append(RowDiff(config=config, split=splits[split], row_id=row_id, what=what))
    return rows


# Changed or moved rows, by their indices in the match.
def _matched(found: Compared, config: str, splits: Sequence[str], what: RowChange, chosen: np.ndarray) -> list[RowDiff]:
    was, now = found.match.old[chosen], found.match.new[chosen]
    differs = {
        column: found.old.digests(column)[was] != found.new.digests(column)[now]
        for column in (found.columns if len(chosen) else ())
    }
    return [
        RowDiff(
            config=config,
            split=splits[found.new_splits[now[number]]],
            moved_from=splits[found.old_splits[was[number]]] if what is RowChange.MOVED else None,
            row_id=row_id,
            what=what,
            columns=tuple(column for column, rows in differs.items() if rows[number]),
        )
        for number, row_id in enumerate(found.new.row_ids(now))
    ]


@dataclass(frozen=True)
class ConfigResult:
    """The difference of one config."""

    diff: ConfigDiff
    rewritten: tuple[str, ...]
    """Tables of the new release that hold the old rows in other bytes."""
    rows: list[RowDiff]
    """The first rows that differ."""
    differing: int
    """The number of rows that differ, listed or not."""


@dataclass(frozen=True)
class ConfigComparison:
    """Compares one config of two releases; one of them may lack it."""

    old: Release
    new: Release
    config: Config

    def compare(self, most: int) -> ConfigResult:
        """Compares the config, and lists at most `most` rows.

        Raises:
            DataError: a file is missing or damaged, or its columns differ from those of the config's other files.
            UsageError: the disk has no room for the digests.
        """
        with _naming(self.old):
            old_columns = columns_of(self.old, self.config)
        with _naming(self.new):
            new_columns = columns_of(self.new, self.config)
        presence = _presence(bool(old_columns), bool(new_columns))
        columns = compare_columns(old_columns, new_columns) if presence is Presence.BOTH else ()
        with digest_folder() as folder:
            compared = self._rows(folder, shared_columns(old_columns, new_columns))
            splits = tuple(self._splits(compared))
            rows = list_rows(compared, self.config, [table.split for table in self._tables], most)
        diff = ConfigDiff(config=self.config, presence=presence, columns=columns, splits=splits)
        rewritten = () if columns else tuple(self._rewritten(splits))
        return ConfigResult(diff, rewritten, rows, compared.differing)

    # Every split that either release has, in order.
    @cached_property
    def _tables(self) -> list[SplitPair]:
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


# A store of the rows of a release's files, which are given by split.
def _stored(release: Release, files: list[tuple[Path, ...]], folder: Path, columns: list[str]) -> RowStore:
    def batches(paths: tuple[Path, ...]) -> Iterator[pa.RecordBatch]:
        for path in paths:
            yield from release.batches(path)

    folder.mkdir()
    store = RowStore(folder, columns)
    with _naming(release):
        store.fill((number, batches(paths)) for number, paths in enumerate(files))
    return store


# Adds to the message of a failure which of the two releases it is about.
@contextmanager
def _naming(release: Release) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise DataError(f"{release.root}: {error}") from error

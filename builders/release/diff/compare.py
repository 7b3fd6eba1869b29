"""Compares the rows of one config, read into a store each, and counts what differs by split and column."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ....schemas.diff import RowChange, RowDiff
from .match import Match, match_rows
from .store import RowStore


@dataclass(frozen=True)
class Compared:
    """Two stores, which row of one is which of the other, and which of these differ."""

    old: RowStore
    new: RowStore
    match: Match
    old_splits: np.ndarray
    """The number of the split of every row of the old store."""
    new_splits: np.ndarray
    moved: np.ndarray
    """Of each matched row, whether its splits differ."""
    changed: np.ndarray
    """Of each matched row, whether any of its cells differs."""
    columns: dict[str, np.ndarray] = field(default_factory=dict)
    """Per column that differs anywhere, how many rows differ in it, by the number of their new split."""

    @property
    def differing(self) -> int:
        """Rows that are not as they were."""
        return len(self.match.gone) + len(self.match.added) + int(np.count_nonzero(self.moved | self.changed))


def compare_rows(old: RowStore, new: RowStore, columns: Sequence[str], splits: int) -> Compared:
    """Matches the rows by their ids and compares their cells, a column at a time.

    Args:
        old: the rows of the old release.
        new: the rows of the new release.
        columns: the columns to compare; both stores have them.
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
    """The counts of `SplitDiff` for every split, by their names; not `old` and `new`, which need all files."""
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
    """The first rows that differ, at most `most`: those that break most first, each kind in the order of the files."""
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


def _matched(found: Compared, config: str, splits: Sequence[str], what: RowChange, chosen: np.ndarray) -> list[RowDiff]:
    """Rows that both releases have, by their places in the match."""
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

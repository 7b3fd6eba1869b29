"""Matches the rows of two releases by the digests of their ids: arithmetic on arrays, no row in sight."""

from dataclasses import dataclass

import numpy as np

_ODD = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Match:
    """Which row is which, by their places in the old and the new release."""

    old: np.ndarray
    """Places in the old release of the rows that both have."""
    new: np.ndarray
    """Places of the same rows in the new release."""
    gone: np.ndarray
    """Places in the old release of rows that only it has, in order."""
    added: np.ndarray
    """Places in the new release of rows that only it has, in order."""


def match_rows(old: np.ndarray, new: np.ndarray) -> Match:
    """Matches two lists of ids, each at most once: where an id stands twice (no valid release), first with first."""
    _, at_old, at_new = np.intersect1d(_once(old), _once(new), assume_unique=True, return_indices=True)
    order = np.argsort(at_new)
    return Match(at_old[order], at_new[order], _without(len(old), at_old), _without(len(new), at_new))


def _once(ids: np.ndarray) -> np.ndarray:
    """The ids with each further one of its kind made another, so that every id stands once."""
    order = np.argsort(ids, kind="stable")
    ordered = ids[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ids) else np.zeros(0, dtype=np.int64)
    if len(starts) == len(ids):
        return ids
    earlier = np.arange(len(ids)) - np.repeat(starts, np.diff(np.r_[starts, len(ids)]))
    told_apart = ids.copy()
    told_apart[order] += earlier.astype(np.uint64) * _ODD
    return told_apart


def _without(rows: int, places: np.ndarray) -> np.ndarray:
    left = np.ones(rows, dtype=bool)
    left[places] = False
    return np.flatnonzero(left)

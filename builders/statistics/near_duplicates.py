"""Finds near-duplicates among any number of texts, by MinHash sketches (datasketch's) with banding.

A sketch is cut into bands; texts that agree in a whole band are compared. Sketches may be on disk: memory holds some
tens of bytes a text.
"""

import tempfile
import weakref
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import IO, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from datasketch import MinHash

PERMUTATIONS = 128
"""Numbers of a sketch."""
# With bands of four of the 128 numbers, 99 % of the pairs with a similarity of 0.6 become candidates and are compared.
_ROWS_PER_BAND = 4
# Bands whose keys are in memory at a time: fewer take less memory, and more passes over the file.
_BANDS_AT_ONCE = 4
# Sketches in memory at a time.
_CHUNK = 4096
# Among thousands of equal keys not every pair is compared: each with its next neighbours, and groups join.
_NEIGHBOURS = 128
# Factors that make a band's key of its numbers; they keep bands apart that share a number by chance.
_ODD = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], dtype=np.uint64)

Read = Callable[[np.ndarray], np.ndarray]
"""Gives the sketches with these numbers, a row each."""


def sketch_of(words: Sequence[str]) -> np.ndarray:
    """The MinHash sketch of a text's word triples: two sketches agree in about the share that the triples share."""
    triples = {" ".join(words[at : at + 3]).encode() for at in range(max(1, len(words) - 2))}
    sketch = _empty_sketch().copy()
    sketch.update_batch(sorted(triples))
    return np.asarray(sketch.hashvalues, dtype=np.uint32)


# Copied for every text, because drawing the permutations is most of the cost of a new one.
@lru_cache
def _empty_sketch() -> "MinHash":
    from datasketch import MinHash  # brings SciPy, slow to import

    return MinHash(num_perm=PERMUTATIONS)


class Sketches:
    """Sketches in a temporary file, by number in the order in which they came."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `close` or the finalizer
        weakref.finalize(self, self._file.close)
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def add(self, sketch: np.ndarray) -> None:
        self._file.write(sketch.tobytes())
        self._size += 1

    def groups(self, similarity: float, among: np.ndarray | None = None) -> np.ndarray:
        """As `near_duplicate_groups`, of those numbered `among`, or of all."""
        self._file.flush()
        if among is None:
            return near_duplicate_groups(self._size, self._read, similarity)
        return near_duplicate_groups(len(among), lambda places: self._read(among[places]), similarity)

    def close(self) -> None:
        self._file.close()

    def _read(self, numbers: np.ndarray) -> np.ndarray:
        # Mapped anew for every read, since pages that stay mapped count as memory.
        whole = np.memmap(self._file, dtype=np.uint32, mode="r", shape=(self._size, PERMUTATIONS))
        return np.asarray(whole[numbers])


def near_duplicate_groups(size: int, read: Read, similarity: float) -> np.ndarray:
    """A group number for every sketch; sketches that agree in at least `similarity` share one, also through others.

    Groups are numbered from 0 in the order of their first members.
    """
    groups = np.arange(size)
    for keys in _keys(size, read) if size else ():
        order = np.argsort(keys, kind="stable")
        for one, other in _equal_neighbours(keys[order], order):
            separate = groups[one] != groups[other]
            one, other = one[separate], other[separate]
            alike = np.array([], dtype=bool) if not len(one) else _alike(one, other, read, similarity)
            groups = _joined(groups, one[alike], other[alike])
    return groups


# A 64-bit key for every sketch, band by band.
def _keys(size: int, read: Read) -> Iterator[np.ndarray]:
    bands = PERMUTATIONS // _ROWS_PER_BAND
    for first in range(0, bands, _BANDS_AT_ONCE):
        keys = np.empty((_BANDS_AT_ONCE, size), dtype=np.uint64)
        for start in range(0, size, _CHUNK):
            sketches = read(np.arange(start, min(start + _CHUNK, size)))
            parts = sketches.reshape(len(sketches), bands, _ROWS_PER_BAND)[:, first : first + _BANDS_AT_ONCE]
            keys[:, start : start + len(sketches)] = (parts.astype(np.uint64) * _ODD).sum(axis=2).T
        yield from keys


# Pairs whose places among the sorted keys are at most `_NEIGHBOURS` apart, and whose keys are equal.
#
# That is every pair, but in a corpus where over a hundred dialogues share a band; there the chain still holds them.
def _equal_neighbours(keys: np.ndarray, order: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for distance in range(1, _NEIGHBOURS + 1):
        same = np.flatnonzero(keys[distance:] == keys[:-distance])
        if not len(same):
            return
        for start in range(0, len(same), _CHUNK):
            at = same[start : start + _CHUNK]
            yield order[at], order[at + distance]


def _alike(one: np.ndarray, other: np.ndarray, read: Read, similarity: float) -> np.ndarray:
    return np.asarray((read(one) == read(other)).mean(axis=1) >= similarity)


# The groups after those of each pair are joined.
def _joined(groups: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    if not len(one):
        return groups
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    size = int(groups.max()) + 1
    graph = coo_array((np.ones(len(one), dtype=np.int8), (groups[one], groups[other])), shape=(size, size))
    joined: np.ndarray = connected_components(graph, directed=False)[1]
    return np.asarray(joined[groups])

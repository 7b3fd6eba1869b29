"""A sample of whole dialogues by hash: the same whatever the order of the rows, in memory that is bounded."""

import numpy as np

from ..statistics.bootstrap import SEED, mix

_SALT = SEED + 1


class DialogueSample:
    """Keeps the rows of those dialogues whose hashes are lowest, about `limit` rows; all where there are no more."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.seen = 0
        self._columns: list[list[np.ndarray]] = []
        self._ranks: list[np.ndarray] = []
        self._kept = 0
        self._highest = np.uint64(2**64 - 1)

    def wanted(self, dialogues: np.ndarray) -> np.ndarray:
        """Numbers of the rows worth offering: those of dialogues that may still be in the sample."""
        self.seen += len(dialogues)
        return np.flatnonzero(mix(dialogues, _SALT) <= self._highest)

    def add(self, dialogues: np.ndarray, *columns: np.ndarray) -> None:
        """Takes in rows that were `wanted`; every call has as many columns."""
        self._ranks.append(mix(dialogues, _SALT))
        self._columns.append([dialogues, *columns])
        self._kept += len(dialogues)
        if self._kept > 2 * self.limit:
            self._prune()

    def rows(self) -> list[np.ndarray]:
        """The dialogues' digests and the columns of the sampled rows, in order of hash; empty where nothing came."""
        if not self._ranks:
            return []
        self._prune()
        order = np.argsort(self._ranks[0], kind="stable")
        return [column[order] for column in self._columns[0]]

    def _prune(self) -> None:
        """Lets the dialogues with the highest hashes go until no more than `limit` rows are left, but keeps one."""
        ranks = np.concatenate(self._ranks)
        columns = [np.concatenate(parts) for parts in zip(*self._columns, strict=True)]
        if len(ranks) > self.limit:
            ordered = np.sort(ranks)
            # Just below the first that goes, so that a dialogue yet to come is not shut out by those seen so far.
            self._highest = max(ordered[0], ordered[self.limit] - np.uint64(1))
            keep = ranks <= self._highest
            ranks, columns = ranks[keep], [column[keep] for column in columns]
        self._ranks, self._columns, self._kept = [ranks], [columns], len(ranks)

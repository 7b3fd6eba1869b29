"""A sample that is spread over strata: deterministic, of any stream, in memory that is bounded."""

import hashlib
from bisect import insort
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

Stratum = tuple[str, ...]


class StratifiedSample(Generic[T]):
    """Keeps `limit` items, one after the other from every stratum that has more, those with the lowest ranks first.

    The order in which items are offered changes nothing. Of more strata than `limit`, those with the lowest digests
    are in.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.seen = 0
        self._strata: dict[Stratum, list[tuple[str, T]]] = {}
        self._held = 0
        self._most = limit

    def offer(self, stratum: Stratum, rank: str, make: Callable[[], T]) -> None:
        """Takes in an item, or not; `make` is called only where it may stay, and `rank` must be its own alone."""
        self.seen += 1
        items = self._strata.setdefault(stratum, [])
        if len(items) >= self._most:
            if rank >= items[-1][0]:
                return
            items.pop()
            self._held -= 1
        insort(items, (rank, make()), key=_rank_of)
        self._held += 1
        if self._held > 2 * self.limit:
            self._trim()

    def items(self) -> list[T]:
        """The sample, stratum by stratum in the order of their names."""
        self._trim()
        return [item for _, items in sorted(self._strata.items()) for _, item in items]

    def _trim(self) -> None:
        """Lets go of what is not in the sample; it never comes back, since more items only push it further down."""
        places = [
            (place, _digest(stratum), stratum)
            for stratum, items in self._strata.items()
            for place in range(min(len(items), self.limit))
        ]
        kept: dict[Stratum, int] = {}
        for place, _, stratum in sorted(places)[: self.limit]:
            kept[stratum] = place + 1
        self._strata = {stratum: self._strata[stratum][:number] for stratum, number in kept.items()}
        self._held = sum(kept.values())
        if self._held == self.limit:
            self._most = max(kept.values())


def _rank_of(item: tuple[str, T]) -> str:
    return item[0]


def _digest(stratum: Stratum) -> str:
    return hashlib.sha256("\0".join(stratum).encode()).hexdigest()

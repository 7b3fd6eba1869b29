"""Work in parts that do not need each other, so that they may be done elsewhere and at once."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

Part = TypeVar("Part")
Result = TypeVar("Result")


class Apart(Protocol):
    """Has parts of some work done; as `map`, but where there is room. Work, parts and results can be pickled."""

    def __call__(self, work: Callable[[Part], Result], parts: Iterable[Part], /) -> Iterator[Result]:
        """What comes of each part, in the order of the parts."""
        ...

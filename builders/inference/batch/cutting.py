"""How many of the waiting requests make the next batch."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple


class Piece(NamedTuple):
    """What one waiting request would add to a batch."""

    key: str
    size: int
    """Bytes of its line."""
    tokens: int
    """Estimated prompt tokens."""
    usd: float
    """What it may cost at most, at the batch price; 0 where the model has no price."""


@dataclass(frozen=True)
class Room:
    """What fits into a batch; None sets no limit."""

    requests: int
    size: int
    tokens: int | None = None
    usd: float | None = None


@dataclass(frozen=True)
class Cut:
    """A batch that fits: the first requests, in the order in which they wait."""

    keys: tuple[str, ...]
    tokens: int
    usd: float
    short_of_money: bool
    """Whether it was the money that let no more in; with no keys at all, not even the first could be paid."""
    next_usd: float = 0.0
    """What the request that did not fit would have cost at most."""


def cut_next(pieces: Iterable[Piece], room: Room) -> Cut:
    """The longest beginning of `pieces` that fits.

    The first goes in however large it is, since what a provider will not take at all is for the provider to say; but
    never without the money for it.
    """
    keys: list[str] = []
    size, tokens, usd = 0, 0, 0.0
    for piece in pieces:
        if room.usd is not None and usd + piece.usd > room.usd:
            return Cut(tuple(keys), tokens, usd, short_of_money=True, next_usd=piece.usd)
        too_large = size + piece.size > room.size or (room.tokens is not None and tokens + piece.tokens > room.tokens)
        if keys and (len(keys) >= room.requests or too_large):
            break
        keys.append(piece.key)
        size, tokens, usd = size + piece.size, tokens + piece.tokens, usd + piece.usd
    return Cut(tuple(keys), tokens, usd, short_of_money=False)

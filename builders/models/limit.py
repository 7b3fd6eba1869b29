"""Limits on the calls to one endpoint: in flight, and per minute."""

import asyncio
from collections import deque
from collections.abc import Callable

from aiolimiter import AsyncLimiter
from pydantic import Field

from ...schemas.base import Frozen
from ...schemas.inference import Failed, FailureReason, Outcome, Request
from .budget import Meter
from .client import Completer

# The usual rule of thumb for English.
_CHARACTERS_PER_TOKEN = 4
# After a refusal the limit grows slowly, until as many calls in a row as it allows went well.
_GROWTH = 0.1


class Limits(Frozen):
    """The limits of an endpoint."""

    concurrency: int = Field(default=32, ge=1)
    """Calls in flight."""
    rpm: float | None = Field(default=None, ge=1)
    """Calls in any minute, retries included; None sets no limit."""
    tpm: float | None = Field(default=None, ge=1)
    """Estimated tokens in any minute, sent and to come back; None sets no limit."""


class ConcurrencyGate:
    """Lets so many in at once; fewer for a time where the endpoint says that they are too many.

    Each refusal takes away the slot that it used, so that one round of calls brings the limit down by the share that
    was refused: to a real ceiling at once, and next to nothing for a few stray ones. Each success raises it again by a
    tenth, and by one after a whole round without a refusal; so the limit holds while fewer than one call in eleven is
    refused.
    """

    def __init__(self, ceiling: int) -> None:
        self.ceiling = ceiling
        self.limit = float(ceiling)
        self.in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._clean = 0

    async def enter(self) -> None:
        """Returns when there is room, first come first served; `leave` gives it back."""
        if self.in_flight < int(self.limit):
            self.in_flight += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # let in and cancelled at one moment
                self.leave()
            raise

    def leave(self) -> None:
        self.in_flight -= 1
        self._admit()

    def note(self, *, refused: bool) -> None:
        """Take in how a call ended: `refused` for having been too many."""
        if refused:
            self._clean = 0
            # By one call, not by half as in TCP: an endpoint that refuses one of thirty calls still answers the others.
            self.limit = max(1.0, self.limit - 1)
        else:
            self._clean += 1
            growth = 1.0 if self._clean > self.limit else _GROWTH
            self.limit = min(self.ceiling, self.limit + growth)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self.in_flight < int(self.limit):
            turn = self._waiting.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)


class Pace:
    """Lets no more than `per_minute` out in any minute, spread over it: about a second's worth may go at once."""

    def __init__(self, per_minute: float) -> None:
        burst = max(1.0, per_minute / 61)
        # Burst and refill together stay within the minute; a pace of one or two has no room for that.
        refill = (per_minute - burst if per_minute >= 2 else per_minute) / 60
        self._most = per_minute
        self._bucket = AsyncLimiter(burst, burst / refill)
        self._in_order = asyncio.Lock()

    async def take(self, amount: float = 1.0) -> None:
        """Returns when `amount` may go; first come first served, so a large one is not overtaken for ever."""
        left = min(amount, self._most)
        async with self._in_order:
            while left > 0:
                part = min(left, self._bucket.max_rate)
                await self._bucket.acquire(part)
                left -= part


def estimate_tokens(request: Request) -> float:
    """Tokens that a call may take: a quarter of its characters, and all that may come back."""
    characters = sum(len(message["content"]) for message in request.messages)
    return characters / _CHARACTERS_PER_TOKEN + request.sampling.max_tokens


class Limited:
    """A completer that keeps to `limits`: it wraps a single attempt, so a call that waits to retry holds no slot.

    Args:
        inner: what is asked.
        limits: the most that it is asked.
        meter: where calls in flight are counted.
    """

    def __init__(self, inner: Completer, limits: Limits, meter: Meter | None = None) -> None:
        self._inner = inner
        self._meter = meter or Meter()
        self.gate = ConcurrencyGate(limits.concurrency)
        paces: list[tuple[Pace, Callable[[Request], float]]] = []
        if limits.rpm is not None:
            paces.append((Pace(limits.rpm), lambda _: 1.0))
        if limits.tpm is not None:
            paces.append((Pace(limits.tpm), estimate_tokens))
        self._paces = tuple(paces)

    async def complete(self, request: Request) -> Outcome:
        """The inner one's outcome, when it is this call's turn."""
        await self.gate.enter()
        self._meter.in_flight += 1
        try:
            for pace, amount in self._paces:
                await pace.take(amount(request))
            outcome = await self._inner.complete(request)
            self.gate.note(refused=isinstance(outcome, Failed) and outcome.reason is FailureReason.RATE_LIMITED)
            return outcome
        finally:
            self._meter.in_flight -= 1
            self.gate.leave()

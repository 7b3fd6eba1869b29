"""A completer that asks only what the records do not hold."""

import asyncio

from ...schemas.inference import Outcome, Request
from .client import Completer, Store
from .meter import Meter


class Recording:
    """A completer that answers from `records` where it can, and records what the inner one says.

    Requests with one key that are in flight together are asked once. Where the one that asks is cancelled, one of the
    others asks in its place.

    Args:
        inner: what is asked.
        records: what is known; its owner closes it.
        meter: where the calls are counted.
        replay: answer recorded transient failures as they were, too, instead of asking again.
    """

    def __init__(self, inner: Completer, records: Store, meter: Meter | None = None, *, replay: bool = False) -> None:
        self._inner = inner
        self._records = records
        self._meter = meter or Meter()
        self._replay = replay
        self._flying: dict[str, asyncio.Future[Outcome | None] | None] = {}

    async def complete(self, request: Request) -> Outcome:
        """What is recorded, or else the inner one's outcome, which then is put on record."""
        self._meter.calls += 1
        key = request.key
        while key in self._flying:
            if (shared := await self._wait_for(key)) is not None:
                self._meter.from_records += 1
                return shared
        if (found := self._records.find(key, include_transient=self._replay)) is not None:
            self._meter.from_records += 1
            return found
        return await self._ask(key, request)

    async def _ask(self, key: str, request: Request) -> Outcome:
        self._flying[key] = None
        outcome: Outcome | None = None
        failure: Exception | None = None
        try:
            outcome = await self._inner.complete(request)
            self._records.put(request, outcome)
        except Exception as error:
            failure = error
            raise
        finally:
            self._land(key, outcome, failure)
        self._meter.count(outcome)
        return outcome

    async def _wait_for(self, key: str) -> Outcome | None:
        """The outcome of the call in flight; None where that call was cancelled."""
        future = self._flying[key]
        if future is None:
            future = self._flying[key] = asyncio.get_running_loop().create_future()
        return await asyncio.shield(future)

    def _land(self, key: str, outcome: Outcome | None, failure: Exception | None) -> None:
        future = self._flying.pop(key)
        if future is None:
            return
        if failure is None:
            future.set_result(outcome)
        else:
            future.set_exception(failure)
            future.exception()  # counts as looked at, for the case that everybody who waited is gone

"""Every outcome on disk under its request key: what was answered once is never asked again."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from ...schemas.errors import UsageError
from ...schemas.inference import Failed, Outcome, Request
from .budget import Meter
from .client import AnswerStore, Completer
from .record_file import (
    FIND,
    FORGET,
    INSERT,
    SELECT_ALL,
    SPENT,
    Recorded,
    Row,
    Spent,
    connect,
    lock_beside,
    outcome_of,
    prepare,
    recorded_of,
    row_of,
    spent_of,
)

# Answers within this time share one transaction: a transaction for each would wait for the disk every time.
_BATCH_INTERVAL_S = 0.005
# Entries of a transaction when many are put at once.
_CHUNK = 5000
# Rows that may wait for the writer; a further `put` waits, which bounds the memory.
_MOST_WAITING = 10_000


class Records:
    """The outcomes of one build: a SQLite file with one writer thread, which commits what there is in groups.

    `put` returns before the row is on disk, unless thousands wait for it already; `flush` returns after. A reply or a
    final failure stays as it was first recorded; a transient failure gives way to whatever comes later for its key.

    Args:
        path: the file; created if there is none.
        batch_interval_s: how long rows are gathered before they are committed together.
        lock: of which kind there may be one at a time. A build that has another process write its records holds the
            usual one itself, and the writer one of its own.

    Raises:
        UsageError: the file belongs to another program, is damaged, or another process writes to it.
    """

    def __init__(self, path: Path, *, batch_interval_s: float = _BATCH_INTERVAL_S, lock: str = "lock") -> None:
        self.path = path
        self._interval = batch_interval_s
        self._lock: IO[bytes] = lock_beside(path, lock)
        try:
            self._writer = connect(path)
            try:
                prepare(self._writer, path)
                self._reader = connect(path)
            except BaseException:
                self._writer.close()
                raise
        except BaseException:
            self._lock.close()
            raise
        self._pending: dict[str, Outcome] = {}
        self._queue: list[tuple[Row, Outcome]] = []
        self._guard = threading.Condition()
        self._wake = threading.Event()
        self._hurry = threading.Event()
        self._put_count = self._durable_count = 0
        self._broken: BaseException | None = None
        self._told = self._closing = self._stopped = False
        self._thread = threading.Thread(target=self._write_until_closed, name=f"records {path.name}", daemon=True)
        self._thread.start()

    def find(self, key: str, *, include_transient: bool = False) -> Outcome | None:
        """The recorded outcome of `key`; transient failures only on request, so that a rerun asks again."""
        outcome = self._pending.get(key)
        if outcome is None:
            try:
                row = self._reader.execute(FIND, (key,)).fetchone()
            except sqlite3.Error as error:
                raise UsageError(f"the records at {self.path} cannot be read: {error}; {_REPAIR}") from None
            if row is None:
                return None
            outcome = outcome_of(key, row)
        if not include_transient and isinstance(outcome, Failed) and outcome.transient:
            return None
        return outcome

    def put(self, request: Request, outcome: Outcome) -> None:
        """Hand `outcome` to the writer.

        Raises:
            UsageError: an earlier row could not be written.
        """
        ref, key = request.model, request.key
        self._enqueue([(row_of(key, request.ask.role.value, ref.name, ref.revision, request.draw, outcome), outcome)])

    def put_many(self, rows: Iterable[Recorded]) -> None:
        """Hand over what another store holds, a few thousand at a time: the fast way to fill one."""
        entries = ((row_of(r.key, r.role, r.model, r.revision, r.draw, r.outcome), r.outcome) for r in rows)
        while chunk := list(islice(entries, _CHUNK)):
            self._enqueue(chunk)
            if len(chunk) == _CHUNK:
                self.flush()

    def flush(self) -> None:
        """Returns when all that was put is on disk.

        Raises:
            UsageError: something could not be written.
        """
        with self._guard:
            target = self._put_count
        self._hurry.set()
        self._wake.set()
        with self._guard:
            self._guard.wait_for(lambda: self._durable_count >= target or self._stopped)
            if self._durable_count < target:
                self._raise_broken()

    async def aflush(self) -> None:
        """`flush` without holding the event loop up."""
        await asyncio.to_thread(self.flush)

    def spent(self) -> tuple[Spent, ...]:
        """Totals of everything recorded or put, per role and model, sorted."""
        self.flush()
        return tuple(spent_of(row) for row in self._reader.execute(SPENT))

    def forget_failures(self) -> int:
        """Takes away every failure that stands, so that its call is made again; how many there were. Replies stay."""
        self.flush()
        return self._writer.execute(FORGET).rowcount

    def rows(self) -> Iterator[Recorded]:
        """Everything recorded or put, by key, transient failures included; memory does not grow with the number."""
        self.flush()
        with closing(connect(self.path)) as reader:
            for row in reader.execute(SELECT_ALL):
                yield recorded_of(row)

    def close(self) -> None:
        """Write what is left and let go of the file; closing twice is fine.

        Raises:
            UsageError: something could not be written, and this was not reported yet.
        """
        if self._closing:
            return
        self._closing = True
        self._hurry.set()
        self._wake.set()
        self._thread.join()
        self._reader.close()
        self._writer.close()
        self._lock.close()
        if self._broken is not None and not self._told:
            self._raise_broken()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _enqueue(self, entries: list[tuple[Row, Outcome]]) -> None:
        with self._guard:
            if self._stopped or self._closing:
                self._raise_broken()
            for _, outcome in entries:
                held = self._pending.get(outcome.key)
                if held is None or (isinstance(held, Failed) and held.transient):
                    self._pending[outcome.key] = outcome
            self._queue += entries
            self._put_count += len(entries)
            behind = self._put_count - self._durable_count
        # The writer clears this before it takes the queue, so a set flag means that it has yet to take ours.
        if not self._wake.is_set():
            self._wake.set()
        if behind > _MOST_WAITING:
            self.flush()

    def _write_until_closed(self) -> None:
        try:
            while self._write_next():
                pass
        except (sqlite3.Error, ValueError, OverflowError) as error:
            self._broken = error
        finally:
            with self._guard:
                self._stopped = True
                self._guard.notify_all()

    # Commit what there is; False when closed and empty.
    def _write_next(self) -> bool:
        self._wake.wait()
        self._hurry.wait(self._interval)
        self._hurry.clear()
        self._wake.clear()
        with self._guard:
            batch, self._queue = self._queue, []
            closing = self._closing
        if batch:
            self._commit([row for row, _ in batch])
            with self._guard:
                for _, outcome in batch:
                    if self._pending.get(outcome.key) is outcome:
                        del self._pending[outcome.key]
                self._durable_count += len(batch)
                self._guard.notify_all()
        if closing:
            self._wake.set()
            self._hurry.set()
        return bool(batch) or not closing

    def _commit(self, rows: list[Row]) -> None:
        self._writer.execute("BEGIN IMMEDIATE")
        try:
            self._writer.executemany(INSERT, rows)
            self._writer.execute("COMMIT")
        except BaseException:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            raise

    def _raise_broken(self) -> None:
        self._told = True
        if self._broken is None:
            raise UsageError(f"the records at {self.path} are closed; open them again to write")
        raise UsageError(
            f"the records at {self.path} could not be written: {self._broken}; {self._durable_count} calls of this run "
            "are safe there: make room or mend the disk, and repeat the same command"
        ) from self._broken


_REPAIR = "move the file away to begin anew, or put back a copy of it"


# A completer that asks only what the records do not hold.


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

    def __init__(
        self, inner: Completer, records: AnswerStore, meter: Meter | None = None, *, replay: bool = False
    ) -> None:
        self._inner = inner
        self._records = records
        self._meter = meter or Meter()
        self._replay = replay
        self._flying: dict[str, asyncio.Future[Outcome | None] | None] = {}

    async def complete(self, request: Request) -> Outcome:
        """The recorded outcome, or else the inner completer's, which is then recorded."""
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

    # The outcome of the call in flight; None where that call was cancelled.
    async def _wait_for(self, key: str) -> Outcome | None:
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

"""What the workers of a cluster share, in one actor: records, budget, rate limits, and who calls which request.

The actor runs on the node of the build's own process and writes to the build's records: so the nodes need no shared
file system, and no answer is lost when a node dies. Workers come and go; the requests of one that died go to the next
worker that needs them.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import NamedTuple

from ...schemas.errors import BudgetError, PrefDialError, UnusableAnswersError, UsageError
from ...schemas.inference import Outcome
from ..building.failures import AnswerCounts, TaskModel, check_counts
from ..building.reuse import KnownAnswers, open_earlier
from ..models.budget import Budget, Prices, Snapshot, spent_usd
from ..models.limit import Limits, Pace
from ..models.record import Records
from ..models.record_file import Recorded

_TOGETHER_S = 0.005
"""How long answers wait to be written to disk together."""
_PATIENCE_S = 60.0
"""How long the coordinator of a build that was killed may take to release the records."""


@dataclass(frozen=True)
class CoordinatorOptions:
    """Where the records are, and the limits of all workers together."""

    records: Path
    reuse: tuple[str, ...] = ()
    """As `BuildOptions.reuse`."""
    budget_usd: float | None = None
    prices: Prices = field(default_factory=lambda: Prices(models={}))
    limits: Limits = field(default_factory=Limits)
    """`rpm` and `tpm` of every model."""
    accept_failures: float | None = None
    """As `BuildOptions.accept_failures`."""
    lease_s: float = 600.0
    """After so long another worker may make a call that one has claimed: for workers that died and never came back."""


class WorkerId(NamedTuple):
    """One process of a worker."""

    actor: str
    """The same however often Ray restarts the actor's process."""
    life: str
    """Another one for every process."""


@dataclass(eq=False)
class _Claim:
    """A worker makes this call until `until`."""

    worker: WorkerId
    until: float
    settled: "asyncio.Future[None]"


class Coordinator:
    """Grants each request to one worker, and records its answer.

    An error of its start is kept for `failure`, because Ray restarts an actor that raises in its constructor for ever.
    """

    def __init__(
        self,
        options: CoordinatorOptions,
        clock: Callable[[], float] = time.monotonic,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._options, self._clock, self._patience_s = options, clock, patience_s
        self._stack = ExitStack()
        self._claims: dict[str, _Claim] = {}
        self._reserved: defaultdict[str, float] = defaultdict(float)
        self._lives: dict[str, str] = {}
        self._meters: dict[WorkerId, dict[str, Snapshot]] = {}
        self._counts: dict[WorkerId, dict[TaskModel, AnswerCounts]] = {}
        self._paces: dict[str, tuple[Pace | None, Pace | None]] = {}
        self._failure: PrefDialError | None = None
        self._next_flush: asyncio.Task[None] | None = None
        try:
            self._open()
        except PrefDialError as error:
            self._failure = error

    def _open(self) -> None:
        self._records = self._stack.enter_context(_records_when_free(self._options.records, self._patience_s))
        self._known = KnownAnswers(self._records, self._stack.enter_context(open_earlier(self._options.reuse)))
        spent, prices = self._records.spent(), self._options.prices
        kept = sum(total.calls for total in spent)
        self._budget = Budget(self._options.budget_usd, prices, spent_usd(spent, prices), kept=kept)

    async def register(self, worker: WorkerId) -> None:
        """Registers a worker's process, and frees the claims and the money of the process before it."""
        self._lives[worker.actor] = worker.life
        self._budget.settle(self._reserved.pop(worker.actor, 0.0), 0.0, kept=False)
        # A list first, since `_free` changes the dictionary.
        for key in [key for key, claim in self._claims.items() if claim.worker.actor == worker.actor]:
            self._free(key)

    async def claim(self, key: str, worker: WorkerId) -> Outcome | None:
        """The known answer under a key; None if this worker has to make the call.

        While another worker makes the call, this waits for its answer.
        """
        while (known := self._known.find(key)) is None:
            claim = self._claims.get(key)
            if self._is_dead(worker):
                return None  # without a claim, which would block the workers that are alive
            if claim is None:
                until = self._clock() + self._options.lease_s
                self._claims[key] = _Claim(worker, until, asyncio.get_running_loop().create_future())
                return None
            await asyncio.wait([claim.settled], timeout=max(0.0, claim.until - self._clock()))
            # Whoever waits longest frees an expired claim; the check that it is still the same avoids freeing its
            # successor.
            if self._clock() >= claim.until and self._claims.get(key) is claim:
                self._free(key)
        return known

    async def record(self, recorded: Recorded) -> Outcome:
        """Records an answer, and returns the recorded one: an earlier one where there is one.

        It is on disk when this returns, so that a worker that goes on from it never depends on an answer that a
        restarted coordinator does not have.
        """
        known = self._known.find(recorded.key)
        if known is None:
            self._records.put_many([recorded])
            known = recorded.outcome
        # Answers that arrive within a few milliseconds share one write to disk: each alone would wait for the disk.
        self._next_flush = self._next_flush or asyncio.ensure_future(self._flush_soon())
        # Shielded, because one worker's cancelled call must not cancel the write that others wait for.
        await asyncio.shield(self._next_flush)
        self._free(recorded.key)
        return known

    async def release(self, key: str, worker: WorkerId) -> None:
        """Frees a key that the worker has claimed and will not call."""
        claim = self._claims.get(key)
        if claim is not None and claim.worker == worker:
            self._free(key)

    async def reserve(self, usd: float, worker: WorkerId) -> BudgetError | None:
        """As `Budget.reserve`, but returns the error."""
        try:
            await self._budget.reserve(usd)
        except BudgetError as error:
            return error
        if self._is_dead(worker):
            self._budget.settle(usd, 0.0, kept=False)
        else:
            self._reserved[worker.actor] += usd
        return None

    async def settle(self, reserved: float, real: float, *, kept: bool, worker: WorkerId) -> None:
        """As `Budget.settle`; the reservation of a dead process was given back when its successor registered."""
        dead = self._is_dead(worker)
        # Otherwise the money of a dead process would be given back twice, and the budget would grow.
        self._reserved[worker.actor] -= 0.0 if dead else reserved
        self._budget.settle(0.0 if dead else reserved, real, kept=kept)

    async def pace(self, model: str, tokens: float) -> None:
        """Returns when the rate limits allow a call to the model of about so many tokens."""
        limits = self._options.limits
        if model not in self._paces:
            requests, of_tokens = (None if most is None else Pace(most) for most in (limits.rpm, limits.tpm))
            self._paces[model] = (requests, of_tokens)
        for pace, amount in zip(self._paces[model], (1.0, tokens), strict=True):
            if pace is not None:
                await pace.take(amount)

    async def report_meters(self, worker: WorkerId, meters: dict[str, Snapshot]) -> None:
        """Takes the counters of a worker's models since its process began."""
        self._meters[worker] = meters

    async def report_counts(self, worker: WorkerId, counts: dict[TaskModel, AnswerCounts]) -> PrefDialError | None:
        """Takes the counts of a worker's answers since its process began; returns what stops the build, if anything.

        The counts of a process that died stay, because its finished dialogues are not mined again.
        """
        self._counts[worker] = counts
        total: dict[TaskModel, AnswerCounts] = {}
        for asked, counted in (one for each in self._counts.values() for one in each.items()):
            total[asked] = total.get(asked, AnswerCounts()).plus(counted)
        try:
            check_counts(total, self._options.accept_failures)
        except UnusableAnswersError as error:
            await self.fail(error)
        return self._failure

    async def fail(self, error: PrefDialError) -> None:
        """Stops the build with this error, unless an earlier one stops it already."""
        self._failure = self._failure or error

    async def failure(self) -> PrefDialError | None:
        """The error that stops the build, if any."""
        return self._failure

    async def close(self) -> dict[str, Snapshot]:
        """Writes everything to disk and closes it; returns the counters of every model, summed over all workers."""
        await asyncio.to_thread(self._stack.close)
        names = dict.fromkeys(name for meters in self._meters.values() for name in meters)
        return {
            name: reduce(Snapshot.plus, [meters[name] for meters in self._meters.values() if name in meters])
            for name in names
        }

    async def _flush_soon(self) -> None:
        await asyncio.sleep(_TOGETHER_S)
        self._next_flush = None
        await asyncio.to_thread(self._records.flush)

    def _is_dead(self, worker: WorkerId) -> bool:
        """Whether Ray has restarted the worker's process since: then nothing waits for the result of this call."""
        return self._lives.get(worker.actor, worker.life) != worker.life

    def _free(self, key: str) -> None:
        claim = self._claims.pop(key, None)
        if claim is not None:
            claim.settled.set_result(None)


def _records_when_free(path: Path, patience_s: float) -> Records:
    """The records, once the coordinator of a run that was killed has released them.

    The lock is not the build's own, which the process that started the coordinator holds.

    Raises:
        UsageError: the records cannot be used, or are still locked after `patience_s`.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            return Records(path, lock="keeper")
        except UsageError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)

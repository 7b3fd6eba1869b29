"""What the workers of a cluster share, in one place: the records, the money, the pace, and who is asking what.

It runs beside the build that began it, as an actor, and writes to that build's records: so no file system has to be
shared, and an answer is safe wherever its worker ran. Workers come and go; what one of them had in hand when it died is
given to the next that wants it.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import NamedTuple

from ...schemas.errors import BudgetError, PrefDialError, UnusableAnswersError, UsageError
from ...schemas.inference import Outcome
from ..building.failures import AskedRole, Counted, check_counts
from ..building.reuse import KnownAnswers, open_earlier
from ..models.budget import Budget, Prices, Snapshot, spent_usd
from ..models.limit import Limits, Pace
from ..models.record import Records
from ..models.record_file import Recorded

# How long answers are gathered before they go to disk together.
_TOGETHER_S = 0.005
# How long the keeper of a build that was killed may take to go.
_PATIENCE_S = 60.0


@dataclass(frozen=True)
class CoordinatorOptions:
    """What a keeper is to keep."""

    records: Path
    reuse: tuple[str, ...] = ()
    """As `BuildOptions.reuse`."""
    budget_usd: float | None = None
    prices: Prices = field(default_factory=lambda: Prices(models={}))
    limits: Limits = field(default_factory=Limits)
    """`rpm` and `tpm` of every model, over the whole cluster."""
    accept_failures: float | None = None
    """As `BuildOptions.accept_failures`."""
    lease_s: float = 600.0
    """After so long another worker may ask what one began to ask: for those that died and never came back."""


class Who(NamedTuple):
    """A worker, as the keeper knows it."""

    actor: str
    """The same however often its process is begun again."""
    life: str
    """Another for every process."""


@dataclass(eq=False)
class _Claim:
    """A worker is asking this."""

    who: Who
    until: float
    settled: "asyncio.Future[None]"


class Coordinator:
    """Gives out what is to be asked, and takes in what was answered.

    A failure to begin is kept for `failure`, since an actor that raises where it begins is begun again and again.
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
        self._set_aside: defaultdict[str, float] = defaultdict(float)
        self._lives: dict[str, str] = {}
        self._meters: dict[Who, dict[str, Snapshot]] = {}
        self._counts: dict[Who, dict[AskedRole, Counted]] = {}
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

    async def arrive(self, who: Who) -> None:
        """A worker begins, perhaps again after it died: what it had in hand before is anybody's."""
        self._lives[who.actor] = who.life
        self._budget.settle(self._set_aside.pop(who.actor, 0.0), 0.0, kept=False)
        for key in [key for key, claim in self._claims.items() if claim.who.actor == who.actor]:
            self._settle(key)

    async def claim(self, key: str, who: Who) -> Outcome | None:
        """What is known under a key; None where it is now this worker's to ask.

        Where another worker is asking it, its answer is waited for.
        """
        while (known := self._known.find(key)) is None:
            claim = self._claims.get(key)
            if self._is_dead(who):
                return None  # the worker is gone: it must not take what others wait for
            if claim is None:
                until = self._clock() + self._options.lease_s
                self._claims[key] = _Claim(who, until, asyncio.get_running_loop().create_future())
                return None
            await asyncio.wait([claim.settled], timeout=max(0.0, claim.until - self._clock()))
            if self._clock() >= claim.until and self._claims.get(key) is claim:
                self._settle(key)
        return known

    async def record(self, recorded: Recorded) -> Outcome:
        """Keeps an answer, and gives the one that is on record: another where that came first.

        It is on disk when this returns: the worker goes on from it, and would not ask it again for a new keeper.
        """
        known = self._known.find(recorded.key)
        if known is None:
            self._records.put_many([recorded])
            known = recorded.outcome
        self._next_flush = self._next_flush or asyncio.ensure_future(self._flush_soon())
        await asyncio.shield(self._next_flush)
        self._settle(recorded.key)
        return known

    async def give_up(self, key: str, who: Who) -> None:
        """The worker has claimed a key, and will not ask it after all."""
        claim = self._claims.get(key)
        if claim is not None and claim.who == who:
            self._settle(key)

    async def reserve(self, usd: float, who: Who) -> BudgetError | None:
        """Sets money aside, as `Budget.reserve`; the error where there is not enough."""
        try:
            await self._budget.reserve(usd)
        except BudgetError as error:
            return error
        if self._is_dead(who):
            self._budget.settle(usd, 0.0, kept=False)
        else:
            self._set_aside[who.actor] += usd
        return None

    async def settle(self, reserved: float, real: float, *, kept: bool, who: Who) -> None:
        """Takes the real cost in place of what was set aside, if that is not given back already."""
        dead = self._is_dead(who)
        self._set_aside[who.actor] -= 0.0 if dead else reserved
        self._budget.settle(0.0 if dead else reserved, real, kept=kept)

    async def pace(self, model: str, tokens: float) -> None:
        """Returns when a call to the model, of about so many tokens, may go."""
        limits = self._options.limits
        if model not in self._paces:
            requests, of_tokens = (None if most is None else Pace(most) for most in (limits.rpm, limits.tpm))
            self._paces[model] = (requests, of_tokens)
        for pace, amount in zip(self._paces[model], (1.0, tokens), strict=True):
            if pace is not None:
                await pace.take(amount)

    async def report(self, who: Who, meters: dict[str, Snapshot]) -> None:
        """Takes in what a worker's models did since its process began."""
        self._meters[who] = meters

    async def count(self, who: Who, counts: dict[AskedRole, Counted]) -> PrefDialError | None:
        """Takes in what a worker's answers were worth since its process began; what stops the build, if anything does.

        What a worker that died had counted stays: the dialogues that it had finished are not gone through again.
        """
        self._counts[who] = counts
        total: dict[AskedRole, Counted] = {}
        for asked, counted in (one for each in self._counts.values() for one in each.items()):
            total[asked] = total.get(asked, Counted()).plus(counted)
        try:
            check_counts(total, self._options.accept_failures)
        except UnusableAnswersError as error:
            await self.fail(error)
        return self._failure

    async def fail(self, error: PrefDialError) -> None:
        """Something stops the build; the first such thing is what it ends with."""
        self._failure = self._failure or error

    async def failure(self) -> PrefDialError | None:
        """What stops the build, if anything does."""
        return self._failure

    async def close(self) -> dict[str, Snapshot]:
        """Puts everything on disk and lets go of it; gives the counters of every model over all workers."""
        await asyncio.to_thread(self._stack.close)
        names = dict.fromkeys(name for meters in self._meters.values() for name in meters)
        return {name: _sum([meters[name] for meters in self._meters.values() if name in meters]) for name in names}

    # Puts what came within a moment on disk together.
    async def _flush_soon(self) -> None:
        await asyncio.sleep(_TOGETHER_S)
        self._next_flush = None
        await asyncio.to_thread(self._records.flush)

    # Whether the worker's process was restarted since then: its old calls are void.
    def _is_dead(self, who: Who) -> bool:
        return self._lives.get(who.actor, who.life) != who.life

    def _settle(self, key: str) -> None:
        claim = self._claims.pop(key, None)
        if claim is not None:
            claim.settled.set_result(None)


def _sum(snapshots: Sequence[Snapshot]) -> Snapshot:
    return reduce(Snapshot.plus, snapshots)


def _records_when_free(path: Path, patience_s: float) -> Records:
    """The records, once the keeper of a run that was killed has let go of them; the build's own lock is another.

    Raises:
        UsageError: they cannot be used, or another process has locked them for too long.
    """
    until = time.monotonic() + patience_s
    while True:
        try:
            return Records(path, lock="keeper")
        except UsageError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)

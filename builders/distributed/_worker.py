"""One worker of a cluster: mines dialogues as a build of its own does, and shares what is to be shared."""

import asyncio
import pickle
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

import numpy as np

from ...schemas.errors import BudgetError, PrefDialError
from ...schemas.inference import ModelRef, Outcome, Request, Role
from ..building.conversations import gather_answers
from ..building.failures import AskedRole, Counted, FailureTally, watched
from ..mining.plan import MiningPlan
from ..mining.steps import steps_of
from ..models.budget import Budget, Meter, Prices, Snapshot
from ..models.client import Completer, Completers
from ..models.limit import Limits, estimate_tokens
from ..models.pool import ModelOptions, ModelPool, resolve_endpoints
from ..models.record_file import Recorded
from ._coordinator import Who

if TYPE_CHECKING:
    from ray import ObjectRef

    from ..models.baseline.models import BaselineModels

# A worker's side of what the cluster shares: wrappers of a model, as the local ones are.


class Sharing(Protocol):
    """The coordinator as one worker sees it; see `Keeper`."""

    async def claim(self, key: str) -> Outcome | None:
        """What is known, or None: then it is this worker's to ask."""
        ...

    async def record(self, recorded: Recorded) -> Outcome:
        """Keeps an answer and gives the one on record."""
        ...

    async def give_up(self, key: str) -> None:
        """Lets go of a key that was claimed."""
        ...

    async def reserve(self, usd: float) -> BudgetError | None:
        """Sets money aside."""
        ...

    def settle(self, reserved: float, real: float, *, kept: bool) -> None:
        """Takes the real cost; need not be waited for."""
        ...

    async def pace(self, model: str, tokens: float) -> None:
        """Returns when a call may go."""
        ...

    async def report(self, meters: dict[str, Snapshot]) -> None:
        """Tells what this worker's models did."""
        ...

    async def count(self, counts: dict[AskedRole, Counted]) -> PrefDialError | None:
        """Tells what this worker's answers were worth; what stops the build, if anything does."""
        ...

    async def fail(self, error: PrefDialError) -> None:
        """Stops the build."""
        ...

    async def failure(self) -> PrefDialError | None:
        """What stops the build, if anything does."""
        ...


class Kept:
    """A completer that sends only requests that no other worker has sent, and answers the rest from the records."""

    def __init__(self, inner: Completer, sharing: Sharing, meter: Meter) -> None:
        self._inner = inner
        self._sharing = sharing
        self._meter = meter

    async def complete(self, request: Request) -> Outcome:
        """What is on record in the end; the inner one's outcome, unless another worker was first."""
        known = await self._sharing.claim(request.key)
        if known is not None:
            self._meter.calls += 1
            self._meter.from_records += 1
            return known
        try:
            outcome = await self._inner.complete(request)
        except BaseException:
            await self._sharing.give_up(request.key)
            raise
        ask, model = request.ask, request.model
        return await self._sharing.record(
            Recorded(request.key, ask.role, model.name, model.revision, request.draw, outcome)
        )


class SharedTally:
    """Counts a worker's answers, and tells of them whenever one is of no use: the cluster decides on all together.

    Usable answers alone cost nothing: they are reported with the next unusable one, since they cannot stop a build.
    """

    def __init__(self, tally: FailureTally, sharing: Sharing) -> None:
        self._tally = tally
        self._sharing = sharing

    async def note(self, request: Request, outcome: Outcome) -> None:
        """Takes in an answer.

        Raises:
            PrefDialError: the build is to stop, for this or for another reason.
        """
        if self._tally.count(request, outcome) and (stop := await self._sharing.count(self._tally.counts)) is not None:
            raise stop

    async def report(self) -> None:
        """Tells of the usable answers as well."""
        await self._sharing.count(self._tally.counts)


class Nothing:
    """A store that holds nothing: what a worker knows by itself."""

    def find(self, key: str, *, include_transient: bool = False) -> Outcome | None:
        return None

    def put(self, request: Request, outcome: Outcome) -> None:
        """Keeps nothing."""


class SharedBudget(Budget):
    """The cluster's money: set aside and settled with the coordinator."""

    def __init__(self, limit_usd: float | None, prices: Prices, sharing: Sharing) -> None:
        super().__init__(limit_usd, prices)
        self._sharing = sharing

    async def reserve(self, usd: float) -> None:
        """As `Budget.reserve`, over all workers; without a limit there is no call to the coordinator.

        Raises:
            BudgetError: the limit does not allow it.
        """
        if self.limit_usd is not None and (error := await self._sharing.reserve(usd)) is not None:
            raise error

    def settle(self, reserved: float, real: float, *, kept: bool) -> None:
        if self.limit_usd is not None:
            self._sharing.settle(reserved, real, kept=kept)


class Paced:
    """A completer that waits for the cluster's pace; as what it wraps, it is one attempt."""

    def __init__(self, inner: Completer, sharing: Sharing, model: str) -> None:
        self._inner = inner
        self._sharing = sharing
        self._model = model

    async def complete(self, request: Request) -> Outcome:
        """The inner one's outcome, when the pace allows it."""
        await self._sharing.pace(self._model, estimate_tokens(request))
        return await self._inner.complete(request)


@dataclass(frozen=True)
class WorkerTask:
    """What a worker has to know; no keys, which it takes from the environment of its own node."""

    plan: MiningPlan
    options: ModelOptions
    prices: Prices
    models: Mapping[Role, tuple[ModelRef, ...]]
    """The models by role."""
    baseline: "tuple[ObjectRef[BaselineModels], ...]"
    """The embedded models, where any role has them; one or none."""
    concurrency: int
    """Calls in flight at once, per model: this worker's share."""


@dataclass
class RayKeeper:
    """`Sharing` over a handle of the coordinator's actor."""

    handle: Any
    """Ray's; it has the coordinator's methods, each with a `remote`."""
    who: Who

    async def claim(self, key: str) -> Outcome | None:
        found: Outcome | None = await self.handle.claim.remote(key, self.who)
        return found

    async def record(self, recorded: Recorded) -> Outcome:
        kept: Outcome = await self.handle.record.remote(recorded)
        return kept

    async def give_up(self, key: str) -> None:
        await self.handle.give_up.remote(key, self.who)

    async def reserve(self, usd: float) -> BudgetError | None:
        error: BudgetError | None = await self.handle.reserve.remote(usd, self.who)
        return error

    def settle(self, reserved: float, real: float, *, kept: bool) -> None:
        self.handle.settle.remote(reserved, real, kept=kept, who=self.who)

    async def pace(self, model: str, tokens: float) -> None:
        await self.handle.pace.remote(model, tokens)

    async def report(self, meters: dict[str, Snapshot]) -> None:
        await self.handle.report.remote(self.who, meters)

    async def count(self, counts: dict[AskedRole, Counted]) -> PrefDialError | None:
        error: PrefDialError | None = await self.handle.count.remote(self.who, counts)
        return error

    async def fail(self, error: PrefDialError) -> None:
        await self.handle.fail.remote(error)

    async def failure(self) -> PrefDialError | None:
        error: PrefDialError | None = await self.handle.failure.remote()
        return error


class Worker:
    """Has the requests of dialogues answered; Ray Data hands it batch after batch, several at a time."""

    def __init__(self, handle: Any, part: WorkerTask) -> None:
        import ray

        # The actor is the same after a restart, so that the coordinator knows what the process before had in hand.
        who = Who(ray.get_runtime_context().get_actor_id() or "", uuid4().hex)
        ray.get(handle.arrive.remote(who))
        self._coordinator: Sharing = RayKeeper(handle, who)
        self._part = part
        self._baseline = ray.get(part.baseline[0]) if part.baseline else None
        self._pool: ModelPool | None = None
        self._tally: SharedTally | None = None
        self._stack = AsyncExitStack()
        self._completers: Completers = {}
        self._opening = asyncio.Lock()

    async def __call__(self, batch: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """One row for a batch: how many turns were gone through."""
        turns = [0]

        def count() -> None:
            turns[0] += 1

        try:
            if await self._coordinator.failure() is None:
                completers, plan = await self._opened(), self._part.plan
                dialogues = [pickle.loads(one) for one in batch["placed"]]
                await gather_answers(
                    dialogues,
                    plan,
                    steps_of(plan.spec),
                    completers,
                    turns_at_once=self._part.concurrency,
                    on_turn=count,
                )
        except PrefDialError as error:
            await self._coordinator.fail(error)
        if self._pool is not None and self._tally is not None:
            await self._coordinator.report(self._pool.snapshots())
            await self._tally.report()
        yield {"turns": np.array(turns)}

    # The models, opened once, in the loop in which they are asked.
    async def _opened(self) -> Completers:
        async with self._opening:
            if self._pool is None:
                part, options = self._part, self._part.options
                # Pace is the cluster's; what a worker keeps to by itself is its share of the calls in flight.
                pool = ModelPool(
                    options,
                    part.prices,
                    resolve_endpoints(options, options.words(part.plan.spec)),
                    self._baseline,
                    part.models,
                )
                budget = SharedBudget(options.budget_usd, part.prices, self._coordinator)
                paced = options.rpm is not None or options.tpm is not None
                reached = await self._stack.enter_async_context(
                    pool.reached(
                        Nothing(),
                        budget,
                        Limits(concurrency=part.concurrency),
                        (lambda ref, model: Paced(model, self._coordinator, str(ref))) if paced else None,
                    )
                )
                kept = {key: Kept(model, self._coordinator, pool.meter_of(key[1])) for key, model in reached.items()}
                self._tally = SharedTally(FailureTally(part.plan), self._coordinator)
                self._completers, self._pool = watched(kept, self._tally.note), pool
        return self._completers

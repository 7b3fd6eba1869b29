"""One worker of a cluster: mines dialogues as a build in one process does, with what the coordinator shares.

Its completers are wrappers, like the local ones: `Paced` waits for the cluster's rate limit, `SharedBudget` reserves
the cluster's money, and `SharedCompleter` makes only calls that no other worker makes.
"""

import asyncio
import pickle
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from ...schemas.errors import BudgetError, PrefDialError
from ...schemas.inference import ModelRef, Outcome, Request, Role
from ..building.conversations import gather_answers
from ..building.failures import AnswerCounts, FailureTally, TaskModel, watch_answers
from ..mining.plan import MiningPlan
from ..mining.steps import steps_of
from ..models.budget import Budget, Meter, Prices, Snapshot
from ..models.client import Completer, Completers
from ..models.limit import Limits, estimate_tokens
from ..models.pool import ModelOptions, ModelPool, resolve_endpoints
from ..models.record_file import Recorded
from ._coordinator import WorkerId

if TYPE_CHECKING:
    from ray import ObjectRef

    from ..models.baseline.models import BaselineModels


@dataclass(frozen=True)
class WorkerTask:
    """What a worker needs; no keys, which it takes from the environment of its own node."""

    plan: MiningPlan
    options: ModelOptions
    prices: Prices
    models: Mapping[Role, tuple[ModelRef, ...]]
    baseline: "tuple[ObjectRef[BaselineModels], ...]"
    """The baseline models, if a role has them; one or none."""
    concurrency: int
    """This worker's share of the calls in flight at once, per model."""


class Worker:
    """Answers the requests of dialogues; Ray Data calls it with batch after batch, several at a time."""

    def __init__(self, handle: Any, task: WorkerTask) -> None:
        import ray

        # The actor id stays the same after a restart: so the coordinator knows the claims of the process before.
        worker = WorkerId(ray.get_runtime_context().get_actor_id() or "", uuid4().hex)
        ray.get(handle.register.remote(worker))
        self._coordinator = CoordinatorClient(handle, worker)
        self._task = task
        self._baseline = ray.get(task.baseline[0]) if task.baseline else None
        self._pool: ModelPool | None = None
        self._tally: SharedTally | None = None
        self._stack = AsyncExitStack()
        self._completers: Completers = {}
        self._opening = asyncio.Lock()

    async def __call__(self, batch: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        """One row for a batch: the number of turns that were mined."""
        turns = [0]

        def count() -> None:
            turns[0] += 1

        try:
            if await self._coordinator.failure() is None:
                completers, plan = await self._opened(), self._task.plan
                # Pickled by our own process a moment ago; nothing from outside gets here.
                dialogues = [pickle.loads(one) for one in batch["placed"]]
                await gather_answers(
                    dialogues,
                    plan,
                    steps_of(plan.spec),
                    completers,
                    turns_at_once=self._task.concurrency,
                    on_turn=count,
                )
        except PrefDialError as error:
            await self._coordinator.fail(error)
        if self._pool is not None and self._tally is not None:
            await self._coordinator.report_meters(self._pool.snapshots())
            await self._tally.report()
        yield {"turns": np.array(turns)}

    async def _opened(self) -> Completers:
        """The completers, opened once, in the event loop that calls them."""
        async with self._opening:
            if self._pool is None:
                task, options = self._task, self._task.options
                endpoints = resolve_endpoints(options, options.words(task.plan.spec))
                pool = ModelPool(options, task.prices, endpoints, self._baseline, task.models)
                paced = options.rpm is not None or options.tpm is not None
                reached = await self._stack.enter_async_context(
                    pool.reached(
                        EmptyStore(),
                        SharedBudget(options.budget_usd, task.prices, self._coordinator),
                        # Rate limits are the cluster's; a worker enforces only its share of the calls in flight.
                        Limits(concurrency=task.concurrency),
                        (lambda ref, model: Paced(model, self._coordinator, str(ref))) if paced else None,
                    )
                )
                shared = {
                    key: SharedCompleter(model, self._coordinator, pool.meter_of(key[1]))
                    for key, model in reached.items()
                }
                self._tally = SharedTally(FailureTally(task.plan), self._coordinator)
                self._completers, self._pool = watch_answers(shared, self._tally.note), pool
        return self._completers


@dataclass
class CoordinatorClient:
    """The coordinator's methods as one worker calls them; see `Coordinator`."""

    handle: Any
    """Ray's handle of the actor; it has the coordinator's methods, each with a `remote`."""
    worker: WorkerId

    async def claim(self, key: str) -> Outcome | None:
        found: Outcome | None = await self.handle.claim.remote(key, self.worker)
        return found

    async def record(self, recorded: Recorded) -> Outcome:
        kept: Outcome = await self.handle.record.remote(recorded)
        return kept

    async def release(self, key: str) -> None:
        await self.handle.release.remote(key, self.worker)

    async def reserve(self, usd: float) -> BudgetError | None:
        error: BudgetError | None = await self.handle.reserve.remote(usd, self.worker)
        return error

    def settle(self, reserved: float, real: float, *, kept: bool) -> None:
        """Sends the real cost without waiting for the coordinator."""
        self.handle.settle.remote(reserved, real, kept=kept, worker=self.worker)

    async def pace(self, model: str, tokens: float) -> None:
        await self.handle.pace.remote(model, tokens)

    async def report_meters(self, meters: dict[str, Snapshot]) -> None:
        await self.handle.report_meters.remote(self.worker, meters)

    async def report_counts(self, counts: dict[TaskModel, AnswerCounts]) -> PrefDialError | None:
        error: PrefDialError | None = await self.handle.report_counts.remote(self.worker, counts)
        return error

    async def fail(self, error: PrefDialError) -> None:
        await self.handle.fail.remote(error)

    async def failure(self) -> PrefDialError | None:
        error: PrefDialError | None = await self.handle.failure.remote()
        return error


class SharedCompleter:
    """A completer that makes only the calls that no worker has made or makes, and returns the recorded answers."""

    def __init__(self, inner: Completer, coordinator: CoordinatorClient, meter: Meter) -> None:
        self._inner = inner
        self._coordinator = coordinator
        self._meter = meter

    async def complete(self, request: Request) -> Outcome:
        known = await self._coordinator.claim(request.key)
        if known is not None:
            self._meter.calls += 1
            self._meter.from_records += 1
            return known
        try:
            outcome = await self._inner.complete(request)
        # Also when the task is cancelled: a claim that stays would make every other worker wait for the end of its
        # lease.
        except BaseException:
            await self._coordinator.release(request.key)
            raise
        ask, model = request.ask, request.model
        return await self._coordinator.record(
            Recorded(request.key, ask.role, model.name, model.revision, request.draw, outcome)
        )


class SharedTally:
    """Counts a worker's answers, and reports them whenever one is unusable: the coordinator decides about all together.

    Usable answers cannot stop a build, so they cost no call: they are reported with the next unusable one.
    """

    def __init__(self, tally: FailureTally, coordinator: CoordinatorClient) -> None:
        self._tally = tally
        self._coordinator = coordinator

    async def note(self, request: Request, outcome: Outcome) -> None:
        """Counts an answer.

        Raises:
            PrefDialError: the build has to stop, for this or for another reason.
        """
        if not self._tally.count(request, outcome):
            return
        if (stop := await self._coordinator.report_counts(self._tally.counts)) is not None:
            raise stop

    async def report(self) -> None:
        """Reports the usable answers as well."""
        await self._coordinator.report_counts(self._tally.counts)


class EmptyStore:
    """An `AnswerStore` without answers: a worker knows only those that the coordinator has."""

    def find(self, key: str, *, include_transient: bool = False) -> Outcome | None:
        return None

    def put(self, request: Request, outcome: Outcome) -> None:
        pass


class SharedBudget(Budget):
    """The budget of the cluster, reserved and settled with the coordinator."""

    def __init__(self, limit_usd: float | None, prices: Prices, coordinator: CoordinatorClient) -> None:
        super().__init__(limit_usd, prices)
        self._coordinator = coordinator

    async def reserve(self, usd: float) -> None:
        """As `Budget.reserve`, over all workers; without a limit it makes no call.

        Raises:
            BudgetError: the limit does not allow it.
        """
        if self.limit_usd is not None and (error := await self._coordinator.reserve(usd)) is not None:
            raise error

    def settle(self, reserved: float, real: float, *, kept: bool) -> None:
        """As `Budget.settle`."""
        if self.limit_usd is not None:
            self._coordinator.settle(reserved, real, kept=kept)


class Paced:
    """A completer that waits for the rate limit of the cluster."""

    def __init__(self, inner: Completer, coordinator: CoordinatorClient, model: str) -> None:
        self._inner = inner
        self._coordinator = coordinator
        self._model = model

    async def complete(self, request: Request) -> Outcome:
        await self._coordinator.pace(self._model, estimate_tokens(request))
        return await self._inner.complete(request)

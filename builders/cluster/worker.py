"""One worker of a cluster: mines dialogues as a build of its own does, and shares what is to be shared."""

import asyncio
import pickle
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from ...schemas.errors import BudgetError, PrefDialError
from ...schemas.inference import Outcome, Role
from ...schemas.manifest import ModelRecord
from ..answers import Completers, gather_answers
from ..cast import Cast, CastOptions
from ..casting import endpoints_of
from ..failures import Asked, Counted, FailureTally, watched
from ..inference.limit import Limits
from ..inference.meter import Snapshot
from ..inference.prices import Prices
from ..inference.record_file import Recorded
from ..mining.plan import MiningPlan
from ..mining.steps import steps_of
from .keeper import Who
from .shared import Kept, Nothing, Paced, SharedBudget, SharedTally, Sharing

if TYPE_CHECKING:
    from ray import ObjectRef

    from ..inference.corpus.models import CorpusModels


@dataclass(frozen=True)
class Part:
    """What a worker has to know; no keys, which it takes from the environment of its own node."""

    plan: MiningPlan
    options: CastOptions
    prices: Prices
    records: Mapping[Role, tuple[ModelRecord, ...]]
    """As `Cast.records`."""
    corpus: "tuple[ObjectRef[CorpusModels], ...]"
    """The embedded models, where any role has them; one or none."""
    concurrency: int
    """Calls in flight at once, per model: this worker's share."""


@dataclass
class RayKeeper:
    """`Sharing` over a handle of the keeper's actor."""

    handle: Any
    """Ray's; it has the keeper's methods, each with a `remote`."""
    who: Who

    async def claim(self, key: str) -> Outcome | None:
        """See `Sharing`."""
        found: Outcome | None = await self.handle.claim.remote(key, self.who)
        return found

    async def record(self, recorded: Recorded) -> Outcome:
        """See `Sharing`."""
        kept: Outcome = await self.handle.record.remote(recorded)
        return kept

    async def give_up(self, key: str) -> None:
        """See `Sharing`."""
        await self.handle.give_up.remote(key, self.who)

    async def reserve(self, usd: float) -> BudgetError | None:
        """See `Sharing`."""
        error: BudgetError | None = await self.handle.reserve.remote(usd, self.who)
        return error

    def settle(self, reserved: float, real: float, *, kept: bool) -> None:
        """See `Sharing`."""
        self.handle.settle.remote(reserved, real, kept=kept, who=self.who)

    async def pace(self, model: str, tokens: float) -> None:
        """See `Sharing`."""
        await self.handle.pace.remote(model, tokens)

    async def tell(self, meters: dict[str, Snapshot]) -> None:
        """See `Sharing`."""
        await self.handle.tell.remote(self.who, meters)

    async def count(self, counts: dict[Asked, Counted]) -> PrefDialError | None:
        """See `Sharing`."""
        error: PrefDialError | None = await self.handle.count.remote(self.who, counts)
        return error

    async def fail(self, error: PrefDialError) -> None:
        """See `Sharing`."""
        await self.handle.fail.remote(error)

    async def failure(self) -> PrefDialError | None:
        """See `Sharing`."""
        error: PrefDialError | None = await self.handle.failure.remote()
        return error


class Worker:
    """Has the requests of dialogues answered; Ray Data hands it batch after batch, several at a time."""

    def __init__(self, handle: Any, part: Part) -> None:
        import ray

        # The actor is the same after a restart, so that the keeper knows what the process before had in hand.
        who = Who(ray.get_runtime_context().get_actor_id() or "", uuid4().hex)
        ray.get(handle.arrive.remote(who))
        self._keeper: Sharing = RayKeeper(handle, who)
        self._part = part
        self._corpus = ray.get(part.corpus[0]) if part.corpus else None
        self._cast: Cast | None = None
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
            if await self._keeper.failure() is None:
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
            await self._keeper.fail(error)
        if self._cast is not None and self._tally is not None:
            await self._keeper.tell(self._cast.snapshots())
            await self._tally.tell()
        yield {"turns": np.array(turns)}

    async def _opened(self) -> Completers:
        """The models, opened once, in the loop in which they are asked."""
        async with self._opening:
            if self._cast is None:
                part, options = self._part, self._part.options
                # Pace is the cluster's; what a worker keeps to by itself is its share of the calls in flight.
                cast = Cast(options, part.prices, endpoints_of(options, part.plan.spec), self._corpus, part.records)
                budget = SharedBudget(options.budget_usd, part.prices, self._keeper)
                paced = options.rpm is not None or options.tpm is not None
                reached = await self._stack.enter_async_context(
                    cast.reached(
                        Nothing(),
                        budget,
                        Limits(concurrency=part.concurrency),
                        (lambda ref, model: Paced(model, self._keeper, str(ref))) if paced else None,
                    )
                )
                kept = {key: Kept(model, self._keeper, cast.meter_of(key[1])) for key, model in reached.items()}
                self._tally = SharedTally(FailureTally(part.plan), self._keeper)
                self._completers, self._cast = watched(kept, self._tally.note), cast
        return self._completers

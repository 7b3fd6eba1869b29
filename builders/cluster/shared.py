"""A worker's side of what the cluster shares: wrappers of a model, as the local ones are."""

from typing import Protocol

from ...schemas.errors import BudgetError, PrefDialError
from ...schemas.inference import Outcome, Request
from ..failures import Asked, Counted, FailureTally
from ..inference.budget import Budget
from ..inference.client import Completer
from ..inference.limit import estimate_tokens
from ..inference.meter import Meter, Snapshot
from ..inference.prices import Prices
from ..inference.record_file import Recorded


class Sharing(Protocol):
    """The keeper as one worker sees it; see `Keeper`."""

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

    async def tell(self, meters: dict[str, Snapshot]) -> None:
        """Tells what this worker's models did."""
        ...

    async def count(self, counts: dict[Asked, Counted]) -> PrefDialError | None:
        """Tells what this worker's answers were worth; what stops the build, if anything does."""
        ...

    async def fail(self, error: PrefDialError) -> None:
        """Stops the build."""
        ...

    async def failure(self) -> PrefDialError | None:
        """What stops the build, if anything does."""
        ...


class Kept:
    """A completer that asks what nobody in the cluster has asked, and goes on with what is on record."""

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

    Usable answers alone cost nothing: they are told of with the next unusable one, and can stop no build.
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

    async def tell(self) -> None:
        """Tells of the usable answers as well."""
        await self._sharing.count(self._tally.counts)


class Nothing:
    """A store that holds nothing: what a worker knows by itself."""

    def find(self, key: str, *, include_transient: bool = False) -> Outcome | None:
        """None."""
        return None

    def put(self, request: Request, outcome: Outcome) -> None:
        """Keeps nothing."""


class SharedBudget(Budget):
    """The cluster's money: set aside and settled with the keeper."""

    def __init__(self, limit_usd: float | None, prices: Prices, sharing: Sharing) -> None:
        super().__init__(limit_usd, prices)
        self._sharing = sharing

    async def reserve(self, usd: float) -> None:
        """As `Budget.reserve`, over all workers; where there is no limit nobody need be asked.

        Raises:
            BudgetError: the limit does not allow it.
        """
        if self.limit_usd is not None and (error := await self._sharing.reserve(usd)) is not None:
            raise error

    def settle(self, reserved: float, real: float, *, kept: bool) -> None:
        """As `Budget.settle`."""
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

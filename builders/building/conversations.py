"""Runs mining conversations: with live models, many turns at once; or from recorded answers, one after the other."""

import asyncio
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ...schemas.config import PAIR_CONFIGS
from ...schemas.errors import BudgetError, PrefDialError, UnusableAnswersError
from ...schemas.inference import Outcome, Request
from ..mining.mine import mine_pairs
from ..mining.plan import MiningPlan
from ..mining.screen import screen
from ..mining.steps import Steps
from ..mining.turns import PlacedDialogue, SupporterTurn, supporter_turns
from ..models.batch.ledger import Deferred
from ..models.client import Completers
from ..reasoning.reason import reason

T = TypeVar("T")

# Errors that stop a build while its endpoints work: it makes no new calls, and waits for those in flight.
_ENDS = (BudgetError, UnusableAnswersError)

Conversation = Generator[tuple[Request, ...], tuple[Outcome, ...], T]
"""Yields the requests that it needs next, receives their outcomes, and returns its result at the end."""


def replay(conversation: Conversation[T], find: Callable[[Request], Outcome]) -> T:
    """The result of a conversation in which `find` answers every request."""
    try:
        requests = next(conversation)
        while True:
            requests = conversation.send(tuple(find(request) for request in requests))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def answer(conversation: Conversation[T], completers: Completers) -> T:
    """The result of a conversation with live models; the requests of one step are sent together."""
    try:
        requests = next(conversation)
        while True:
            waiting = [completers[request.ask.role, request.model].complete(request) for request in requests]
            requests = conversation.send(tuple(await _all(waiting)))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


# The results of all coroutines, which run together.
#
# If the budget ends, or a role can use too few of its answers, the calls in flight are still awaited, since they are
# paid for; also if an answer is deferred to a batch, since the others are needed too. Another error cancels them.
async def _all(waiting: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    if len(waiting) < 2:  # a task costs more than an answer from the records
        return [await one for one in waiting]
    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        return await asyncio.gather(*tasks)
    except (*_ENDS, Deferred):
        await asyncio.wait(tasks)
        failures = (error for task in tasks if isinstance(error := task.exception(), PrefDialError))
        if (failure := next(failures, None)) is not None:
            raise failure from None
        raise
    except BaseException:
        for task in tasks:
            task.cancel()
        raise


async def gather_answers(
    dialogues: Iterable[PlacedDialogue],
    plan: MiningPlan,
    steps: Steps,
    completers: Completers,
    *,
    turns_at_once: int,
    on_turn: Callable[[], None] = lambda: None,
) -> int:
    """Makes every call of every dialogue and turn; the completers record the answers.

    Dialogues are screened first, because no turn of a barred one is mined. Each of the workers takes the next item when
    it is done with its last, so a slow answer delays only its own item.

    Args:
        dialogues: iterated twice.
        plan: the requests.
        steps: the mining steps, whose results decide about further requests.
        completers: the models.
        turns_at_once: the number of workers.
        on_turn: called after every finished turn, of barred dialogues too.

    Returns:
        How many dialogues and turns wait for deferred answers; with live models none.

    Raises:
        EndpointError: an endpoint failed; the other workers are stopped first.
        BudgetError: the budget is spent; the calls in flight have been recorded.
        UnusableAnswersError: a role can use too few of its answers; the calls in flight have been recorded.
    """
    walk = _Walk(plan, steps, completers, on_turn)
    await _each(iter(dialogues), walk.look_at, turns_at_once)
    await _each((turn for placed in dialogues for turn in supporter_turns(placed)), walk.mine, turns_at_once)
    return len(walk.unseen) + walk.waiting


@dataclass
class _Walk:
    """The state of one pass over all dialogues and turns."""

    plan: MiningPlan
    steps: Steps
    completers: Completers
    on_turn: Callable[[], None]
    barred: set[int] = field(default_factory=set)
    """Positions of the dialogues that are not mined."""
    unseen: set[int] = field(default_factory=set)
    """Positions of the dialogues whose screening still waits for an answer."""
    waiting: int = 0
    """Number of turns that wait for deferred answers."""

    async def look_at(self, placed: PlacedDialogue) -> None:
        try:
            if (await answer(screen(placed, self.plan), self.completers)).barred is not None:
                self.barred.add(placed.position)
        except Deferred:
            self.unseen.add(placed.position)

    async def mine(self, turn: SupporterTurn) -> None:
        """Makes all calls about a turn that do not wait for deferred answers."""
        if turn.placed.position in self.unseen:
            return
        if turn.placed.position not in self.barred:
            try:
                await self._ask_about(turn)
            except Deferred:
                self.waiting += 1
                return
        self.on_turn()

    async def _ask_about(self, turn: SupporterTurn) -> None:
        plan, steps = self.plan, self.steps.of_turns
        mining = [answer(mine_pairs(turn, config, plan, steps), self.completers) for config in PAIR_CONFIGS]
        await _all([*mining, answer(reason(turn, plan, steps), self.completers)])


# Awaits `do` for every item, `workers` at a time.
async def _each(items: Iterator[T], do: Callable[[T], Coroutine[Any, Any, None]], workers: int) -> None:
    ended: list[PrefDialError] = []

    async def work() -> None:
        for item in items:
            if ended:
                return
            try:
                await do(item)
            except _ENDS as error:
                ended.append(error)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(workers):
                group.create_task(work())
    except* PrefDialError as errors:
        raise _first(errors) from None
    if ended:
        raise ended[0]


# The first error of a task group; those that follow are mostly consequences of it.
def _first(errors: BaseExceptionGroup[PrefDialError]) -> PrefDialError:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first

"""Who answers a mining conversation: live models, many turns at once; or records, one after the other."""

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

# What ends a build while its endpoints still answer: nothing new is asked, and what is in flight is taken in.
_ENDS = (BudgetError, UnusableAnswersError)

Conversation = Generator[tuple[Request, ...], tuple[Outcome, ...], T]
"""Yields the requests that it needs next, is sent their outcomes, and ends with what it made of them."""


def replay(conversation: Conversation[T], find: Callable[[Request], Outcome]) -> T:
    """What a conversation comes to in which `find` answers every request at once."""
    try:
        requests = next(conversation)
        while True:
            requests = conversation.send(tuple(find(request) for request in requests))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def answer(conversation: Conversation[T], completers: Completers) -> T:
    """What a conversation with live models comes to; the requests of one step go out together."""
    try:
        requests = next(conversation)
        while True:
            waiting = [completers[request.ask.role, request.model].complete(request) for request in requests]
            requests = conversation.send(tuple(await _all(waiting)))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


# Everything that is waited for.
#
# Where the budget ends, or a role can use too few of its answers, what is in flight is still waited for, since it is
# paid for; so it is where an answer comes later, since the others are needed then too. Any other failure stops it.
async def _all(waiting: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    if len(waiting) < 2:  # a task of its own would cost more than many an answer
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
    """Has every request of every dialogue and turn answered; what the answers are is in the records, not returned.

    Dialogues are screened first, since of one that is barred no turn is mined. A worker takes the next item as soon as
    it is done with its last, so a slow answer holds up its own item alone.

    Args:
        dialogues: can be walked through twice.
        plan: what is asked.
        steps: applied to the answers as far as further calls depend on them.
        completers: who answers.
        turns_at_once: workers.
        on_turn: called after every turn that is done, of barred dialogues too.

    Returns:
        How many dialogues and turns wait for answers that come later; with live models none.

    Raises:
        EndpointError: an endpoint is of no use; the other workers are stopped first.
        BudgetError: the budget is spent; what was in flight has been answered and recorded.
        UnusableAnswersError: a role can use too few of its answers; the same holds.
    """
    walk = _Walk(plan, steps, completers, on_turn)
    await _each(iter(dialogues), walk.look_at, turns_at_once)
    await _each((turn for placed in dialogues for turn in supporter_turns(placed)), walk.mine, turns_at_once)
    return len(walk.unseen) + walk.waiting


@dataclass
class _Walk:
    """One way through all dialogues and turns, and what is found out on it."""

    plan: MiningPlan
    steps: Steps
    completers: Completers
    on_turn: Callable[[], None]
    barred: set[int] = field(default_factory=set)
    """Positions of the dialogues that are not mined."""
    unseen: set[int] = field(default_factory=set)
    """Positions of the dialogues whose screening still waits for an answer."""
    waiting: int = 0
    """Turns that wait for answers."""

    async def look_at(self, placed: PlacedDialogue) -> None:
        try:
            if (await answer(screen(placed, self.plan), self.completers)).barred is not None:
                self.barred.add(placed.position)
        except Deferred:
            self.unseen.add(placed.position)

    async def mine(self, turn: SupporterTurn) -> None:
        """Has everything about a turn asked, as far as that can be now."""
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


# Has `do` done with every item, so many at once.
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


# The first failure; those that follow are mostly echoes of it.
def _first(errors: BaseExceptionGroup[PrefDialError]) -> PrefDialError:
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first

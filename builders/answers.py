"""Who answers a mining conversation: live models, many turns at once; or records, one after the other."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ..schemas.config import PAIR_CONFIGS
from ..schemas.errors import BudgetError, PrefDialError
from ..schemas.inference import ModelRef, Outcome, Request, Role
from .inference.client import Completer
from .mining.candidate import Result
from .mining.mine import Mining, mine_pairs
from .mining.plan import MiningPlan
from .mining.steps import Check, Judging
from .mining.turns import PlacedDialogue, SupporterTurn, supporter_turns

Completers = Mapping[tuple[Role, ModelRef], Completer]
"""Who answers for each model in each role."""

T = TypeVar("T")

Steps = tuple[Check | Judging, ...]


def replay(mining: Mining, find: Callable[[Request], Outcome]) -> tuple[Result, ...]:
    """The results of a mining conversation in which `find` answers every request at once."""
    try:
        requests = next(mining)
        while True:
            requests = mining.send(tuple(find(request) for request in requests))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def answer(mining: Mining, completers: Completers) -> tuple[Result, ...]:
    """The results of a mining conversation with live models; the requests of one step go out together."""
    try:
        requests = next(mining)
        while True:
            waiting = [completers[request.ask.role, request.model].complete(request) for request in requests]
            requests = mining.send(tuple(await _all(waiting)))
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]


async def _all(waiting: Sequence[Coroutine[Any, Any, T]]) -> list[T]:
    """Everything that is waited for.

    Where the budget ends, what is in flight is still waited for, since it is paid for; any other failure stops it.
    """
    tasks = [asyncio.ensure_future(one) for one in waiting]
    try:
        return await asyncio.gather(*tasks)
    except BudgetError:
        await asyncio.wait(tasks)
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
) -> None:
    """Has every request of every turn answered; what the answers are is in the records, not returned.

    A worker takes the next turn as soon as it is done with its last, so a slow answer holds up its own turn alone.

    Raises:
        EndpointError: an endpoint is of no use; the other workers are stopped first.
        BudgetError: the budget is spent; what was in flight has been answered and recorded.
    """
    turns = _all_turns(dialogues)
    spent: list[BudgetError] = []

    async def work() -> None:
        for turn in turns:
            if spent:
                return
            try:
                await _all([answer(mine_pairs(turn, config, plan, steps), completers) for config in PAIR_CONFIGS])
            except BudgetError as error:
                spent.append(error)
            on_turn()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(turns_at_once):
                group.create_task(work())
    except* PrefDialError as errors:
        raise _first(errors) from None
    if spent:
        raise spent[0]


def _all_turns(dialogues: Iterable[PlacedDialogue]) -> Iterator[SupporterTurn]:
    for placed in dialogues:
        yield from supporter_turns(placed)


def _first(errors: BaseExceptionGroup[PrefDialError]) -> PrefDialError:
    """The first failure; those that follow are mostly echoes of it."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first

"""Many questions at once, answers in order."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from ...schemas.errors import BudgetError, PrefDialError

T = TypeVar("T")
R = TypeVar("R")


async def answer_all(
    ask: Callable[[T], Awaitable[R]], jobs: Sequence[T], *, at_once: int, on_done: Callable[[], None] = lambda: None
) -> list[R]:
    """What `ask` gives for every job, in the order of the jobs; a slow one holds up nobody else.

    Raises:
        EndpointError: an endpoint is of no use; the other jobs are stopped first.
        BudgetError: the budget is spent; what was in flight was answered, and is recorded.
    """
    answers: dict[int, R] = {}
    waiting = iter(enumerate(jobs))
    spent: list[BudgetError] = []

    async def work() -> None:
        for number, job in waiting:
            if spent:
                return
            try:
                answers[number] = await ask(job)
            except BudgetError as error:
                spent.append(error)
            on_done()

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(jobs))):
                group.create_task(work())
    except* PrefDialError as errors:
        raise _first(errors) from None
    if spent:
        raise spent[0]
    return [answers[number] for number in range(len(jobs))]


def _first(errors: BaseExceptionGroup[PrefDialError]) -> PrefDialError:
    """The first failure; those that follow are mostly echoes of it."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first

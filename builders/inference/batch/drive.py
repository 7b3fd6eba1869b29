"""Carries batches on: from waiting requests, by way of the provider, to recorded outcomes.

Every step is on disk before its consequence is sent and after its result is there. So the command may be killed between
any two lines: its next run finds what was sent by the job's mark, and sends again only what is nowhere to be found.
"""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from ....schemas.errors import EndpointError
from ..budget import Budget
from .cutting import Room, cut_next
from .desk import Desk
from .job import Job, JobState, Queue
from .provider import Unsettled
from .steps import Steps

log = logging.getLogger(__name__)

_FAILED_IN_A_ROW = 8
_LONGEST_PAUSE_S = 600.0


@dataclass(frozen=True)
class Standing:
    """How things are at one moment."""

    jobs: int
    """Batches that are not done."""
    requests: int
    """Requests that wait or are in one of these."""
    note: str
    """The same in words."""


class Driver:
    """Carries on every batch of a build.

    Args:
        desk: the books, the records and the providers.
        budget: the money as it stands when asked; batches that run are not in it.
        on_look: told how things are after every round.
    """

    def __init__(
        self,
        desk: Desk,
        budget: Callable[[], Budget],
        *,
        on_look: Callable[[Standing], None] = lambda _: None,
    ) -> None:
        self._ledger = desk.ledger
        self._limits = desk.limits
        self._sleep = desk.sleep
        self._steps = Steps(desk)
        self._budget = budget
        self._on_look = on_look
        self._failed: Counter[int] = Counter()

    def run(self) -> None:
        """Has all that waits answered, and leaves nothing at the provider.

        Raises:
            EndpointError: a provider is of no use, or somebody else cancelled a batch; batches that run go on without
                us, and the same command finds them.
            BudgetError: the next request cannot be afforded; all batches before it are taken in.
        """
        while True:
            self._cut()
            if not self._round():
                return

    def cancel(self) -> None:
        """Stops all batches, takes in what they have brought, and leaves nothing at the provider.

        Raises:
            EndpointError: a provider is of no use.
        """
        while self._round(cancel=True):
            continue

    def _round(self, *, cancel: bool = False) -> bool:
        """One step for every job; False where there is none left."""
        jobs = self._ledger.open_jobs()
        moved, wait_s, stops = False, 0.0, list[EndpointError]()
        for job in jobs:
            try:
                moved |= self._steps.cancel(job) if cancel else self._steps.advance(job)
                self._failed.pop(job.number, None)
            except Unsettled as error:
                wait_s = max(wait_s, self._pause_after(job, error))
            except EndpointError as error:
                stops.append(error)
        self._look()
        if stops:
            raise stops[0]
        if jobs and (wait_s or not moved):
            self._sleep(max(wait_s, 0.0 if moved else self._limits.poll_s))
        return bool(jobs)

    def _pause_after(self, job: Job, error: Unsettled) -> float:
        """How long to wait after a failure in passing.

        Raises:
            EndpointError: it was one of too many.
        """
        self._failed[job.number] += 1
        times = self._failed[job.number]
        log.info("%s; try %d", error, times)
        if times >= _FAILED_IN_A_ROW:
            raise EndpointError(
                f"{error}. That was the {times}th time in a row; batches that run go on: the same command finds them"
            )
        return min(_LONGEST_PAUSE_S, max(error.wait_s, self._limits.poll_s * 2.0 ** (times - 1)))

    def _cut(self) -> None:
        """Makes jobs of what waits, as far as limits and money go.

        Raises:
            BudgetError: something waits, nothing runs, and the money is spent.
        """
        for queue, _ in self._ledger.waiting():
            while self._cut_one(queue):
                continue

    def _cut_one(self, queue: Queue) -> bool:
        jobs, budget = self._ledger.open_jobs(), self._budget()
        enqueued = sum(job.tokens for job in jobs if job.queue == queue)
        aside = sum(job.usd for job in jobs if job.state is not JobState.TAKEN)
        money = None if budget.limit_usd is None else budget.limit_usd - budget.spent - aside
        room = Room(self._limits.requests, self._limits.size, self._steps.most_tokens(queue), money)
        cut = cut_next(self._ledger.pieces(queue), room)
        if cut.short_of_money:
            if jobs:
                return False  # they may turn out cheaper than was set aside for them
            if not cut.keys:
                raise budget.refusal(cut.next_usd)
        if not cut.keys or (room.tokens is not None and enqueued and enqueued + cut.tokens > room.tokens):
            return False
        job = self._ledger.cut(queue, cut)
        log.info("job %d: %d requests to %s, about %d tokens", job.number, job.requests, queue.model, job.tokens)
        return True

    def _look(self) -> None:
        jobs = self._ledger.open_jobs()
        waiting = sum(number for _, number in self._ledger.waiting())
        states = Counter(job.status if job.state is JobState.RUNNING else job.state.value for job in jobs)
        told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
        left = sum(max(0, job.requests - self._steps.done(job)) for job in jobs if job.state is not JobState.TAKEN)
        more = f", {waiting} requests wait for room" if waiting else ""
        self._on_look(Standing(len(jobs), waiting + left, f"batches: {told or 'none'}{more}"))

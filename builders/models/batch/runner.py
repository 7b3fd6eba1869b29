"""Carries batches on: from waiting requests, by way of the provider, to recorded outcomes.

Every step is on disk before its consequence is sent and after its result is there. So the command may be killed between
any two lines: its next run finds what was sent by the job's mark, and sends again only what is nowhere to be found.
"""

import json
import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from ....schemas.errors import EndpointError
from ..budget import Budget
from ._finalize import Finalizer
from ._provider import ENDED, LostFileError, RefusedError, Remote, Unsettled
from .context import BatchContext
from .job import Job, JobState, Queue, Room, cut_next

# From a job's requests to a batch at the provider, made once whatever gets lost on the way.


_LOST_IN_A_ROW = 3


class Submitting:
    """Sends files and starts batches.

    A file or batch that may have arrived without our being told is looked for by the job's mark, after it has had the
    time to show up in the provider's lists.
    """

    def __init__(self, context: BatchContext) -> None:
        self._context = context
        self._lost: dict[int, int] = {}

    def upload(self, job: Job) -> None:
        """Has the provider hold the input file.

        Raises:
            Unsettled: to be tried again.
            EndpointError: the provider is of no use, or will not take the file.
        """
        if job.state is JobState.UPLOADING and (found := self.find_file(job)) is not None:
            self._context.ledger.move(job, JobState.UPLOADED, file_id=found)
            return
        with tempfile.TemporaryFile() as content:
            content.writelines(self._context.ledger.lines(job))
            content.seek(0)
            self._context.ledger.move(job, JobState.UPLOADING)
            try:
                file_id = self._context.provider(job).upload(job.file_name, content)
            except RefusedError:
                self._context.ledger.settle(job, ())
                raise
        self._context.ledger.move(job, JobState.UPLOADED, file_id=file_id)

    def create(self, job: Job) -> Remote:
        """Has the provider run the batch.

        Raises:
            Unsettled: to be tried again.
            EndpointError: the provider is of no use, or will not take the batch.
        """
        if job.state is JobState.CREATING and (found := self.find_batch(job)) is not None:
            return found
        assert job.file_id is not None, "the state says that the file is there"
        self._context.ledger.move(job, JobState.CREATING)
        try:
            return self._context.provider(job).create(job.file_id, job.mark)
        except RefusedError:
            self._context.ledger.settle(job, ())
            raise
        except LostFileError:
            self._lost[job.number] = self._lost.get(job.number, 0) + 1
            if self._lost[job.number] >= _LOST_IN_A_ROW:
                self._context.ledger.move(job, JobState.CUT, file_id=None)
            raise

    def find_file(self, job: Job) -> str | None:
        """The id of an input file whose upload response was lost."""
        self._give_time(job)
        size = sum(len(line) for line in self._context.ledger.lines(job))
        return self._context.provider(job).find_file(job.file_name, size)

    def find_batch(self, job: Job) -> Remote | None:
        """A batch whose submit response was lost; of several, the first counts and the others are cancelled."""
        assert job.file_id is not None, "the state says that the file is there"
        self._give_time(job)
        provider = self._context.provider(job)
        found = provider.find_batches(job.mark, job.file_id)
        for extra in found[1:]:
            provider.cancel(extra.id)
        return found[0] if found else None

    def _give_time(self, job: Job) -> None:
        poll_s = self._context.limits.poll_s
        self._context.sleep(min(poll_s, max(0.0, job.tried_at + poll_s - time.time())))


def gone(job: Job) -> EndpointError:
    """What to raise for a batch that the provider does not know."""
    return EndpointError(
        f"batch {job.batch_id} of {job.queue.model} is not known at {job.queue.base_url}: perhaps the key is that of "
        "another account. Set the key that made it and repeat the command; --cancel gives the batch up"
    )


# What is done next for one batch, by the state that it is in.


class JobSteps:
    """Takes jobs one step on."""

    def __init__(self, context: BatchContext) -> None:
        self._context = context
        self._submitting = Submitting(context)
        self._ending = Finalizer(context)
        self._done: dict[int, int] = {}

    def done(self, job: Job) -> int:
        """Requests of a job that were answered or failed when it was last looked at."""
        return self._done.get(job.number, 0)

    def most_tokens(self, queue: Queue) -> int | None:
        """What may be enqueued in a queue."""
        return self._ending.most_tokens(queue)

    def advance(self, job: Job) -> bool:
        """One step; False where there is only waiting to be done.

        Raises:
            Unsettled: to be tried again.
            EndpointError: it makes no sense to go on.
        """
        match job.state:
            case JobState.CUT | JobState.UPLOADING:
                self._submitting.upload(job)
            case JobState.UPLOADED | JobState.CREATING:
                self._note(job, self._submitting.create(job))
            case JobState.RUNNING:
                if (remote := self._look(job)) is None:
                    raise gone(job)
                return self._note(job, remote)
            case JobState.ENDED:
                self._take(job)
            case JobState.TAKEN:
                self._ending.clean(job)
        return True

    def cancel(self, job: Job) -> bool:
        """The same for a job that is to end; one that was not started never is.

        Raises:
            Unsettled: to be tried again.
            EndpointError: it makes no sense to go on.
        """
        ledger = self._context.ledger
        job = ledger.move(job, job.state, cancelled=True)
        match job.state:
            case JobState.CUT | JobState.UPLOADED:
                ledger.settle(job, ())
            case JobState.UPLOADING:
                ledger.move(job, JobState.UPLOADED, file_id=self._submitting.find_file(job))
            case JobState.CREATING:
                if (found := self._submitting.find_batch(job)) is None:
                    ledger.settle(job, ())
                else:
                    self._note(job, found)
            case JobState.RUNNING:
                return self._end(job)
            case _:
                return self.advance(job)
        return True

    # Asks for the end of a batch that runs; whether that has come.
    def _end(self, job: Job) -> bool:
        if (remote := self._look(job)) is None:
            self._context.ledger.settle(job, ())
            return True
        if remote.cancellable:
            self._context.provider(job).cancel(remote.id)
        return self._note(job, remote)

    def _look(self, job: Job) -> Remote | None:
        assert job.batch_id is not None, "the state says that there is a batch"
        remote = self._context.provider(job).retrieve(job.batch_id)
        if remote is not None:
            self._done[job.number] = remote.done
            if remote.status in ENDED and remote.answered and remote.output_file_id is None:
                raise Unsettled(f"batch {remote.id} is {remote.status}, but its output file is not named yet")
        return remote

    # Writes down how a batch stands; whether it has ended.
    def _note(self, job: Job, remote: Remote) -> bool:
        ended = remote.status in ENDED
        if remote.status != job.status or remote.id != job.batch_id:
            log.info("job %d: batch %s is %s", job.number, remote.id, remote.status)
            self._context.ledger.move(
                job,
                JobState.ENDED if ended else JobState.RUNNING,
                batch_id=remote.id,
                status=remote.status,
                output_file_id=remote.output_file_id,
                error_file_id=remote.error_file_id,
                errors=json.dumps([asdict(fault) for fault in remote.faults]) if remote.faults else "",
                answered=remote.answered,
            )
        return ended

    def _take(self, job: Job) -> None:
        try:
            self._ending.take(job)
        except EndpointError:
            # Whatever it told of the endpoint, nothing of this batch is to be left there.
            with suppress(Unsettled, EndpointError):
                self._ending.clean(replace(job, state=JobState.TAKEN))
            raise


log = logging.getLogger(__name__)

_FAILED_IN_A_ROW = 8
_LONGEST_PAUSE_S = 600.0


@dataclass(frozen=True)
class BatchStatus:
    """How things are at one moment."""

    jobs: int
    """Batches that are not done."""
    requests: int
    """Requests that wait or are in one of these."""
    note: str
    """The same in words."""


class BatchRunner:
    """Carries on every batch of a build.

    Args:
        context: the books, the records and the providers.
        budget: the money as it stands when asked; batches that run are not in it.
        on_look: told how things are after every round.
    """

    def __init__(
        self,
        context: BatchContext,
        budget: Callable[[], Budget],
        *,
        on_look: Callable[[BatchStatus], None] = lambda _: None,
    ) -> None:
        self._ledger = context.ledger
        self._limits = context.limits
        self._sleep = context.sleep
        self._steps = JobSteps(context)
        self._budget = budget
        self._on_look = on_look
        self._failed: Counter[int] = Counter()

    def run(self) -> None:
        """Has all that waits answered, and leaves nothing at the provider.

        Raises:
            EndpointError: a provider cannot be used, or a batch was cancelled there; batches that run go on without
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

    # One step for every job; False where there is none left.
    def _round(self, *, cancel: bool = False) -> bool:
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
        self._on_look(BatchStatus(len(jobs), waiting + left, f"batches: {told or 'none'}{more}"))

"""Takes every batch of a build from waiting requests to recorded outcomes.

`BatchRunner` plans batches and waits, `_JobSteps` chooses the next step by a job's state, `_Submitter` sends. Each step
is in the ledger before its call is sent and after its result is there. So the command may be killed between any two
lines: its next run finds by the job's mark what was sent, and sends again only what the provider does not have.
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
from .job import BatchCapacity, Job, JobState, Queue, plan_batch

log = logging.getLogger(__name__)

# A file that is unknown so often is gone, and not merely late in the provider's lists.
_LOST_IN_A_ROW = 3
# With doubling pauses, eight failures take more than half an hour at the usual poll.
_FAILED_IN_A_ROW = 8
# Ten minutes: a batch takes hours, and a user who looks should not find the command asleep for as long.
_LONGEST_PAUSE_S = 600.0


@dataclass(frozen=True)
class BatchStatus:
    """The progress of all batches of a build."""

    jobs: int
    """Batches that are not done."""
    requests: int
    """Requests that wait, or that are in such a batch and have no answer."""
    note: str
    """The same in words."""


class BatchRunner:
    """Runs every batch of a build.

    Args:
        context: the ledger, the records and the providers.
        budget: gives the budget as it is now; batches that run are not in it.
        on_look: called with the progress after every round.
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
        self._steps = _JobSteps(context)
        self._budget = budget
        self._on_look = on_look
        self._failed: Counter[int] = Counter()

    def run(self) -> None:
        """Records an outcome for every request that waits, and leaves no file at the provider.

        Raises:
            EndpointError: a provider cannot be used, or a batch was cancelled there; batches that run go on without
                us, and the same command finds them.
            BudgetError: the next request cannot be afforded; all batches before it are imported.
        """
        while True:
            self._add_jobs()
            if not self._round():
                return

    def cancel(self) -> None:
        """Cancels all batches, imports the answers that they have, and leaves no file at the provider.

        Raises:
            EndpointError: a provider cannot be used.
        """
        while self._round(cancel=True):
            continue

    # One step for every job; False when no job is left.
    def _round(self, *, cancel: bool = False) -> bool:
        jobs = self._ledger.open_jobs()
        # Every job has its step before any error is raised, so that one bad batch leaves no other behind half imported.
        moved, wait_s, stops = False, 0.0, list[EndpointError]()
        for job in jobs:
            try:
                moved |= self._steps.cancel(job) if cancel else self._steps.advance(job)
                self._failed.pop(job.number, None)
            except Unsettled as error:
                wait_s = max(wait_s, self._pause_after(job, error))
            except EndpointError as error:
                stops.append(error)
        self._report()
        if stops:
            raise stops[0]
        # Where something moved, the next step of that job can follow at once.
        if jobs and (wait_s or not moved):
            self._sleep(max(wait_s, 0.0 if moved else self._limits.poll_s))
        return bool(jobs)

    def _pause_after(self, job: Job, error: Unsettled) -> float:
        """Seconds to wait after a transient failure.

        Raises:
            EndpointError: too many in a row.
        """
        self._failed[job.number] += 1
        times = self._failed[job.number]
        log.info("%s; try %d", error, times)
        if times >= _FAILED_IN_A_ROW:
            raise EndpointError(
                f"{error}. That was the {times}th time in a row; batches that run go on: the same command finds them"
            )
        return min(_LONGEST_PAUSE_S, max(error.wait_s, self._limits.poll_s * 2.0 ** (times - 1)))

    def _add_jobs(self) -> None:
        """Makes jobs of the requests that wait, within the limits and the budget.

        Raises:
            BudgetError: requests wait, no batch runs, and the budget is spent.
        """
        for queue, _ in self._ledger.waiting():
            while self._add_job(queue):
                continue

    def _add_job(self, queue: Queue) -> bool:
        jobs, budget = self._ledger.open_jobs(), self._budget()
        enqueued = sum(job.tokens for job in jobs if job.queue == queue)
        # What was imported is in `spent` already.
        reserved = sum(job.usd for job in jobs if job.state is not JobState.TAKEN)
        money = None if budget.limit_usd is None else budget.limit_usd - budget.spent - reserved
        capacity = BatchCapacity(self._limits.requests, self._limits.size, self._steps.most_tokens(queue), money)
        plan = plan_batch(self._ledger.sizes(queue), capacity)
        if plan.short_of_money:
            if jobs:
                return False  # batches that run may cost less than their estimates
            if not plan.keys:
                raise budget.refusal(plan.next_usd)
        # A single job may be above the limit of tokens: it could otherwise never be sent.
        if not plan.keys or (capacity.tokens is not None and enqueued and enqueued + plan.tokens > capacity.tokens):
            return False
        job = self._ledger.add_job(queue, plan)
        log.info("job %d: %d requests to %s, about %d tokens", job.number, job.requests, queue.model, job.tokens)
        return True

    def _report(self) -> None:
        jobs = self._ledger.open_jobs()
        waiting = sum(number for _, number in self._ledger.waiting())
        states = Counter(job.status if job.state is JobState.RUNNING else job.state.value for job in jobs)
        counts = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
        left = sum(max(0, job.requests - self._steps.done(job)) for job in jobs if job.state is not JobState.TAKEN)
        more = f", {waiting} requests wait for room" if waiting else ""
        self._on_look(BatchStatus(len(jobs), waiting + left, f"batches: {counts or 'none'}{more}"))


class _JobSteps:
    # Takes one job one step further, by its state.

    def __init__(self, context: BatchContext) -> None:
        self._context = context
        self._submitter = _Submitter(context)
        self._finalizer = Finalizer(context)
        self._done: dict[int, int] = {}

    def done(self, job: Job) -> int:
        # Requests that were answered or failed at the last look.
        return self._done.get(job.number, 0)

    def most_tokens(self, queue: Queue) -> int | None:
        return self._finalizer.most_tokens(queue)

    def advance(self, job: Job) -> bool:
        """Takes the next step; False if the job only has to wait.

        Raises:
            Unsettled: another try may help.
            EndpointError: no other try helps.
        """
        match job.state:
            case JobState.CUT | JobState.UPLOADING:
                self._submitter.upload(job)
            case JobState.UPLOADED | JobState.CREATING:
                self._note(job, self._submitter.create(job))
            case JobState.RUNNING:
                if (remote := self._look(job)) is None:
                    raise _unknown_batch(job)
                return self._note(job, remote)
            case JobState.ENDED:
                self._import(job)
            case JobState.TAKEN:
                self._finalizer.clean(job)
        return True

    def cancel(self, job: Job) -> bool:
        """The next step when cancelling; a job that was not started is never started.

        Raises:
            Unsettled: another try may help.
            EndpointError: no other try helps.
        """
        ledger = self._context.ledger
        job = ledger.move(job, job.state, cancelled=True)
        match job.state:
            case JobState.CUT | JobState.UPLOADED:
                ledger.settle(job, ())
            # The response to the upload was lost: what was uploaded has to be found before it can be deleted.
            case JobState.UPLOADING:
                ledger.move(job, JobState.UPLOADED, file_id=self._submitter.find_file(job))
            case JobState.CREATING:
                if (found := self._submitter.find_batch(job)) is None:
                    ledger.settle(job, ())
                else:
                    self._note(job, found)
            case JobState.RUNNING:
                return self._end(job)
            case _:
                return self.advance(job)
        return True

    # Asks the provider to cancel a batch; whether it has ended.
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
            # Some providers report the end before the output file exists; importing now would lose every answer.
            if remote.status in ENDED and remote.answered and remote.output_file_id is None:
                raise Unsettled(f"batch {remote.id} is {remote.status}, but its output file is not named yet")
        return remote

    # Writes a batch's status into the ledger; whether it has ended.
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

    def _import(self, job: Job) -> None:
        try:
            self._finalizer.import_results(job)
        except EndpointError:
            # The results are on record and show that the endpoint cannot be used; its copies are deleted all the same.
            with suppress(Unsettled, EndpointError):
                self._finalizer.clean(replace(job, state=JobState.TAKEN))
            raise


def _unknown_batch(job: Job) -> EndpointError:
    return EndpointError(
        f"batch {job.batch_id} of {job.queue.model} is not known at {job.queue.base_url}: perhaps the key is that of "
        "another account. Set the key that made it and repeat the command; --cancel gives the batch up"
    )


class _Submitter:
    # Sends files and starts batches, each once: after a submit whose response was lost, it first looks for the job's
    # mark in the provider's lists, once the file or batch has had the time to appear there.

    def __init__(self, context: BatchContext) -> None:
        self._context = context
        self._lost: dict[int, int] = {}

    def upload(self, job: Job) -> None:
        """Uploads the input file.

        Raises:
            Unsettled: another try may help.
            EndpointError: the provider cannot be used, or refuses the file.
        """
        if job.state is JobState.UPLOADING and (found := self.find_file(job)) is not None:
            self._context.ledger.move(job, JobState.UPLOADED, file_id=found)
            return
        with tempfile.TemporaryFile() as content:
            content.writelines(self._context.ledger.lines(job))
            content.seek(0)
            # Before the call, so that a command killed during it knows that there may be a file.
            self._context.ledger.move(job, JobState.UPLOADING)
            try:
                file_id = self._context.provider(job).upload(job.file_name, content)
            except RefusedError:
                self._context.ledger.settle(job, ())
                raise
        self._context.ledger.move(job, JobState.UPLOADED, file_id=file_id)

    def create(self, job: Job) -> Remote:
        """Starts the batch.

        Raises:
            Unsettled: another try may help.
            EndpointError: the provider cannot be used, or refuses the batch.
        """
        if job.state is JobState.CREATING and (found := self.find_batch(job)) is not None:
            return found
        assert job.file_id is not None, "the state says that the file is there"
        # Before the call, for the same reason: a batch that is started twice is paid twice.
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
        # The id of an input file whose upload response was lost.
        self._wait_for_lists(job)
        size = sum(len(line) for line in self._context.ledger.lines(job))
        return self._context.provider(job).find_file(job.file_name, size)

    def find_batch(self, job: Job) -> Remote | None:
        # A batch whose submit response was lost; of several, the first counts and the others are cancelled.
        assert job.file_id is not None, "the state says that the file is there"
        self._wait_for_lists(job)
        provider = self._context.provider(job)
        found = provider.find_batches(job.mark, job.file_id)
        for extra in found[1:]:
            provider.cancel(extra.id)
        return found[0] if found else None

    def _wait_for_lists(self, job: Job) -> None:
        poll_s = self._context.limits.poll_s
        self._context.sleep(min(poll_s, max(0.0, job.tried_at + poll_s - time.time())))

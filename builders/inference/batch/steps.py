"""What is done next for one batch, by the state that it is in."""

import json
import logging
from contextlib import suppress
from dataclasses import asdict, replace

from ....schemas.errors import EndpointError
from .desk import Desk
from .ending import Ending
from .job import Job, JobState, Queue
from .provider import ENDED, Remote, Unsettled
from .submitting import Submitting, gone

log = logging.getLogger(__name__)


class Steps:
    """Takes jobs one step on."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._submitting = Submitting(desk)
        self._ending = Ending(desk)
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
        ledger = self._desk.ledger
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

    def _end(self, job: Job) -> bool:
        """Asks for the end of a batch that runs; whether that has come."""
        if (remote := self._look(job)) is None:
            self._desk.ledger.settle(job, ())
            return True
        if remote.cancellable:
            self._desk.provider(job).cancel(remote.id)
        return self._note(job, remote)

    def _look(self, job: Job) -> Remote | None:
        assert job.batch_id is not None, "the state says that there is a batch"
        remote = self._desk.provider(job).retrieve(job.batch_id)
        if remote is not None:
            self._done[job.number] = remote.done
            if remote.status in ENDED and remote.answered and remote.output_file_id is None:
                raise Unsettled(f"batch {remote.id} is {remote.status}, but its output file is not named yet")
        return remote

    def _note(self, job: Job, remote: Remote) -> bool:
        """Writes down how a batch stands; whether it has ended."""
        ended = remote.status in ENDED
        if remote.status != job.status or remote.id != job.batch_id:
            log.info("job %d: batch %s is %s", job.number, remote.id, remote.status)
            self._desk.ledger.move(
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

"""From a job's requests to a batch at the provider, made once whatever gets lost on the way."""

import tempfile
import time

from ....schemas.errors import EndpointError
from .desk import Desk
from .job import Job, JobState
from .provider import LostFileError, RefusedError, Remote

_LOST_IN_A_ROW = 3


class Submitting:
    """Sends files and starts batches.

    A file or batch that may have arrived without our being told is looked for by the job's mark, after it has had the
    time to show up in the provider's lists.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lost: dict[int, int] = {}

    def upload(self, job: Job) -> None:
        """Has the provider hold the input file.

        Raises:
            Unsettled: to be tried again.
            EndpointError: the provider is of no use, or will not take the file.
        """
        if job.state is JobState.UPLOADING and (found := self.find_file(job)) is not None:
            self._desk.ledger.move(job, JobState.UPLOADED, file_id=found)
            return
        with tempfile.TemporaryFile() as content:
            content.writelines(self._desk.ledger.lines(job))
            content.seek(0)
            self._desk.ledger.move(job, JobState.UPLOADING)
            try:
                file_id = self._desk.provider(job).upload(job.file_name, content)
            except RefusedError:
                self._desk.ledger.settle(job, ())
                raise
        self._desk.ledger.move(job, JobState.UPLOADED, file_id=file_id)

    def create(self, job: Job) -> Remote:
        """Has the provider run the batch.

        Raises:
            Unsettled: to be tried again.
            EndpointError: the provider is of no use, or will not take the batch.
        """
        if job.state is JobState.CREATING and (found := self.find_batch(job)) is not None:
            return found
        assert job.file_id is not None, "the state says that the file is there"
        self._desk.ledger.move(job, JobState.CREATING)
        try:
            return self._desk.provider(job).create(job.file_id, job.mark)
        except RefusedError:
            self._desk.ledger.settle(job, ())
            raise
        except LostFileError:
            self._lost[job.number] = self._lost.get(job.number, 0) + 1
            if self._lost[job.number] >= _LOST_IN_A_ROW:
                self._desk.ledger.move(job, JobState.CUT, file_id=None)
            raise

    def find_file(self, job: Job) -> str | None:
        """The id of an input file of which we were not told."""
        self._give_time(job)
        size = sum(len(line) for line in self._desk.ledger.lines(job))
        return self._desk.provider(job).find_file(job.file_name, size)

    def find_batch(self, job: Job) -> Remote | None:
        """A batch of which we were not told; where there are several, the first counts and the others are ended."""
        assert job.file_id is not None, "the state says that the file is there"
        self._give_time(job)
        provider = self._desk.provider(job)
        found = provider.find_batches(job.mark, job.file_id)
        for extra in found[1:]:
            provider.cancel(extra.id)
        return found[0] if found else None

    def _give_time(self, job: Job) -> None:
        poll_s = self._desk.limits.poll_s
        self._desk.sleep(min(poll_s, max(0.0, job.tried_at + poll_s - time.time())))


def gone(job: Job) -> EndpointError:
    """What to raise for a batch that the provider does not know."""
    return EndpointError(
        f"batch {job.batch_id} of {job.queue.model} is not known at {job.queue.base_url}: perhaps the key is that of "
        "another account. Set the key that made it and repeat the command; --cancel gives the batch up"
    )

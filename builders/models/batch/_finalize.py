"""What is made of a batch that ended: results go on record, the rest is asked again, and its files are taken away."""

import json
import logging
import re
from collections import Counter

from ....schemas.errors import EndpointError
from ._provider import InputFault, Unsettled
from ._results import ResultImporter, Taken
from .context import BatchContext
from .job import Job, JobState, Line, Queue, read_lines

log = logging.getLogger(__name__)

_DOWNLOADS = 3
_FULL = "token_limit_exceeded"
_FULL_IN_A_ROW = 8
_MANY_BAD_LINES = 10
_ABOUT_ALL = re.compile(r"model|limit|quota|billing|account|organi[sz]ation|permission", re.IGNORECASE)
_NONE_ANSWERED = 10


class Finalizer:
    """Takes in what batches brought."""

    def __init__(self, context: BatchContext) -> None:
        self._context = context
        self._caps: dict[Queue, int] = {}
        self._full: Counter[Queue] = Counter()
        self._broken: Counter[str] = Counter()

    def most_tokens(self, queue: Queue) -> int | None:
        """What may be enqueued in a queue; less than the user's limit where the provider said that it was too much."""
        limit, cap = self._context.limits.tokens, self._caps.get(queue)
        return limit if cap is None else cap if limit is None else min(cap, limit)

    def take(self, job: Job) -> None:
        """Has every request of the job on record, wait again, or forgotten until the next wave wants it.

        Raises:
            Unsettled: to be tried again.
            EndpointError: it was taken in, and shows that asking on makes no sense.
        """
        if job.status == "failed":
            self._take_faults(job, [InputFault(**one) for one in json.loads(job.errors or "[]")])
            return
        lines = self._lines_of(job, job.output_file_id, job.answered) + self._lines_of(job, job.error_file_id)
        taken = self._taker(job).take(lines)
        del self._full[job.queue]
        dead = self._is_dead(taken)
        usage = (taken.prompt_tokens, taken.completion_tokens)
        self._context.ledger.settle(job, () if dead else taken.passing, usage)
        self._report(job, taken, dead=dead)

    def clean(self, job: Job) -> None:
        """Takes the job's files away at the provider.

        Raises:
            Unsettled: to be tried again.
            EndpointError: the provider is of no use.
        """
        for file_id in (job.file_id, job.output_file_id, job.error_file_id):
            if file_id is not None:
                self._context.provider(job).delete(file_id)
        self._context.ledger.move(job, JobState.DONE)

    def _taker(self, job: Job) -> ResultImporter:
        context = self._context
        meter, endpoint = context.meter_of(job.queue.model), context.provider(job).endpoint
        return ResultImporter(job, context.ledger, context.records, context.dialect(job.queue), meter, endpoint)

    # The results in a file; one that comes broken or too short is fetched again before it is taken as it is.
    def _lines_of(self, job: Job, file_id: str | None, expected: int = 0) -> list[Line]:
        if file_id is None:
            return []
        data = self._context.provider(job).download(file_id, job.requests)
        if data is None:
            log.warning("batch %s: its file %s is gone; what was in it is asked again", job.batch_id, file_id)
            return []
        lines, broken = read_lines(data)
        lacking = max(broken, expected - len(lines))
        if lacking > 0:
            self._broken[file_id] += 1
            said = f"batch {job.batch_id}: {lacking} results of file {file_id} are not there or cannot be read"
            if self._broken[file_id] < _DOWNLOADS:
                raise Unsettled(said)
            log.warning("%s; they are asked again", said)
        return lines

    # Whether the provider failed as a whole: then no request is to blame, and none has one try less.
    #
    # A batch of nothing but requests that failed before says nothing of the provider.
    def _is_dead(self, taken: Taken) -> bool:
        fresh = sum(self._context.ledger.tries(key) == 0 for key in taken.passing)
        return fresh >= _NONE_ANSWERED and not (taken.answered or taken.refused)

    def _report(self, job: Job, taken: Taken, *, dead: bool) -> None:
        """Says what a batch brought.

        Raises:
            EndpointError: it shows that asking on makes no sense.
        """
        log.info(
            "batch %s (%s): %d replies, %d refused, %d failed in passing, %d not run",
            *(job.batch_id, job.status, taken.answered, taken.refused, len(taken.passing), taken.cancelled),
        )
        kept = "Every answer so far is kept; the same command asks the rest"
        if job.cancelled:
            return
        if taken.useless is not None:
            raise EndpointError(f"batch {job.batch_id}: {taken.useless}. {kept} once that is mended")
        if job.status == "cancelled":
            raise EndpointError(f"batch {job.batch_id} was cancelled, and not by this command. {kept}")
        if dead:
            raise EndpointError(
                f"of the {job.requests} requests of batch {job.batch_id} none was answered ({job.status}). {kept}"
            )

    def _take_faults(self, job: Job, faults: list[InputFault]) -> None:
        """Handles a batch that never ran, because its file was refused.

        Raises:
            EndpointError: what is wrong is not about single lines.
        """
        said = "; ".join(f"{fault.code}: {fault.message}" for fault in faults[:3]) or "no reason given"
        said = self._context.provider(job).mask(said)
        keys = self._context.ledger.keys(job)
        bad = {keys[fault.line - 1]: said for fault in faults if fault.line and fault.line <= len(keys)}
        if job.cancelled:
            self._context.ledger.settle(job, ())
        elif any(fault.code == _FULL for fault in faults):
            self._wait_for_room(job, said)
        elif 0 < len(bad) == len(faults) < min(len(keys), _MANY_BAD_LINES) and not _ABOUT_ALL.search(said):
            self._taker(job).refuse(bad.items())
            self._context.ledger.drop(bad)
            self._context.ledger.settle(job, (), again=True)
        else:
            self._context.ledger.settle(job, ())
            raise EndpointError(f"{job.queue.model}: batch {job.batch_id} was not taken: {said}. Nothing of it was run")

    def _wait_for_room(self, job: Job, said: str) -> None:
        """The provider has too much of ours, or of our organisation's, in its queue: less next time, and later.

        Raises:
            EndpointError: it said so too often.
        """
        self._context.ledger.settle(job, (), again=True)
        self._full[job.queue] += 1
        times = self._full[job.queue]
        if times >= _FULL_IN_A_ROW:
            raise EndpointError(
                f"{job.queue.model}: {said}. That was said {times} times in a row; repeat the same command when there "
                "is room, or give the limit as --batch-tokens"
            )
        jobs = [one for one in self._context.ledger.open_jobs() if one.queue == job.queue]
        others = sum(one.tokens for one in jobs if one.state is not JobState.TAKEN)
        self._caps[job.queue] = max(1, others + job.tokens - 1 if others else job.tokens // 2)
        if not others:
            self._context.sleep(self._context.limits.poll_s * 2.0 ** (times - 1))

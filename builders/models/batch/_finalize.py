"""Imports a batch that ended: results are recorded, the rest waits again, and its files at the provider are deleted."""

import json
import logging
import re
from collections import Counter

from ....schemas.errors import EndpointError
from ._provider import InputFault, Unsettled
from ._results import ImportedResults, ResultImporter
from .context import BatchContext
from .job import Job, JobState, Line, Queue, read_lines

log = logging.getLogger(__name__)

# Downloads of one file before what it lacks counts as not answered.
_DOWNLOADS = 3
_FULL = "token_limit_exceeded"
# Refusals for a full queue before the command gives up: with doubling pauses, about an hour at the usual poll.
_FULL_IN_A_ROW = 8
# From so many bad lines on, the fault is in what we send, and leaving the lines out would only hide it.
_MANY_BAD_LINES = 10
# A refusal with such a word is about the account or the model, although it may name single lines.
_ABOUT_ALL = re.compile(r"model|limit|quota|billing|account|organi[sz]ation|permission", re.IGNORECASE)
# So many requests without any answer mean that the provider is down, not that the requests are bad.
_NONE_ANSWERED = 10


class Finalizer:
    """Imports the results of batches, and deletes their files."""

    def __init__(self, context: BatchContext) -> None:
        self._context = context
        self._caps: dict[Queue, int] = {}
        self._full: Counter[Queue] = Counter()
        self._broken: Counter[str] = Counter()

    def most_tokens(self, queue: Queue) -> int | None:
        """Tokens that may be enqueued in a queue: the user's limit, or less after a refusal of the provider."""
        limit, cap = self._context.limits.tokens, self._caps.get(queue)
        return limit if cap is None else cap if limit is None else min(cap, limit)

    def import_results(self, job: Job) -> None:
        """Imports a job: each of its requests is recorded, waits again, or is left to the next wave.

        Raises:
            Unsettled: another try may help.
            EndpointError: it is imported, and shows that further calls cannot succeed.
        """
        if job.status == "failed":
            self._handle_refusal(job, [InputFault(**one) for one in json.loads(job.errors or "[]")])
            return
        lines = self._lines_of(job, job.output_file_id, job.answered) + self._lines_of(job, job.error_file_id)
        imported = self._importer(job).import_lines(lines)
        # A batch that ran shows that there is room again.
        del self._full[job.queue]
        dead = self._is_dead(imported)
        usage = (imported.prompt_tokens, imported.completion_tokens)
        # Where the provider is down, these requests have used up no try: they go out again unharmed.
        self._context.ledger.settle(job, () if dead else imported.transient, usage)
        self._report(job, imported, dead=dead)

    def clean(self, job: Job) -> None:
        """Deletes the job's files at the provider.

        Raises:
            Unsettled: another try may help.
            EndpointError: the provider cannot be used.
        """
        for file_id in (job.file_id, job.output_file_id, job.error_file_id):
            if file_id is not None:
                self._context.provider(job).delete(file_id)
        self._context.ledger.move(job, JobState.DONE)

    def _importer(self, job: Job) -> ResultImporter:
        context = self._context
        meter, endpoint = context.meter_of(job.queue.model), context.provider(job).endpoint
        return ResultImporter(job, context.ledger, context.records, context.dialect(job.queue), meter, endpoint)

    # The results in a file; a broken or short one is downloaded again before it is read as it is.
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

    # Whether the provider failed as a whole: then no request loses a try. A batch of requests that all failed before
    # proves nothing about the provider.
    def _is_dead(self, imported: ImportedResults) -> bool:
        fresh = sum(self._context.ledger.tries(key) == 0 for key in imported.transient)
        return fresh >= _NONE_ANSWERED and not (imported.answered or imported.refused)

    def _report(self, job: Job, imported: ImportedResults, *, dead: bool) -> None:
        """Logs what a batch brought.

        Raises:
            EndpointError: it shows that further calls cannot succeed.
        """
        log.info(
            "batch %s (%s): %d replies, %d refused, %d failed in passing, %d not run",
            *(job.batch_id, job.status),
            *(imported.answered, imported.refused, len(imported.transient), imported.cancelled),
        )
        kept = "Every answer so far is kept; the same command asks the rest"
        if job.cancelled:
            return
        if imported.useless is not None:
            raise EndpointError(f"batch {job.batch_id}: {imported.useless}. {kept} once that is mended")
        if job.status == "cancelled":
            raise EndpointError(f"batch {job.batch_id} was cancelled, and not by this command. {kept}")
        if dead:
            raise EndpointError(
                f"of the {job.requests} requests of batch {job.batch_id} none was answered ({job.status}). {kept}"
            )

    def _handle_refusal(self, job: Job, faults: list[InputFault]) -> None:
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
        # Only where every fault names a line can the others be sent again without them.
        elif 0 < len(bad) == len(faults) < min(len(keys), _MANY_BAD_LINES) and not _ABOUT_ALL.search(said):
            self._importer(job).refuse(bad.items())
            self._context.ledger.drop(bad)
            self._context.ledger.settle(job, (), again=True)
        else:
            self._context.ledger.settle(job, ())
            raise EndpointError(f"{job.queue.model}: batch {job.batch_id} was not taken: {said}. Nothing of it was run")

    def _wait_for_room(self, job: Job, said: str) -> None:
        """Sends less next time, and later: the provider's queue is full of our requests, or of our organisation's.

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
        # Less than what was refused, and never nothing: with other jobs enqueued, one token less keeps this job waiting
        # until one of them ends; alone, it is cut in half.
        self._caps[job.queue] = max(1, others + job.tokens - 1 if others else job.tokens // 2)
        if not others:
            self._context.sleep(self._context.limits.poll_s * 2.0 ** (times - 1))

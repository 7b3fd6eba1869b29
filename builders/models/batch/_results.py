"""Turns the result files of an ended batch into outcomes, and records them."""

import json
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ....schemas.inference import Completion, Failed, FailureReason, Outcome
from .._api_errors import ApiError, HttpAnswer, read_error, read_failure, shorten
from .._dialect import Dialect, RequestBody
from .._replies import Sent, read_reply
from ..budget import Meter
from ..endpoint import Endpoint
from ..record import Records
from ..record_file import Recorded
from .job import CANCELLED, EXPIRED, Job, Line, QueuedRequest
from .ledger import Ledger

log = logging.getLogger(__name__)


@dataclass
class ImportedResults:
    """The outcomes of a batch, counted."""

    answered: int = 0
    """Replies."""
    refused: int = 0
    """Final failures."""
    transient: list[str] = field(default_factory=list)
    """Keys of requests with a transient failure: expired, missing, or an error of the provider."""
    cancelled: int = 0
    """Requests that never ran, because the batch was cancelled."""
    without_parameter: int = 0
    """Requests with a parameter or message role that the endpoint refuses; they are sent again without it."""
    useless: str | None = None
    """The endpoint's words if it cannot be used at all, as with a wrong key or a spent account."""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class ResultImporter:
    """Imports the results of one job.

    Args:
        job: ended.
        ledger: has its requests.
        records: get the outcomes.
        dialect: learns what the endpoint refuses.
        meter: counts the outcomes.
        endpoint: where the batch went; its key is masked in what is recorded.
    """

    def __init__(
        self, job: Job, ledger: Ledger, records: Records, dialect: Dialect, meter: Meter, endpoint: Endpoint
    ) -> None:
        self._job = job
        self._ledger = ledger
        self._records = records
        self._dialect = dialect
        self._meter = meter
        self._endpoint = endpoint

    def import_lines(self, lines: Iterable[Line]) -> ImportedResults:
        """Records every outcome in `lines`, and a failure for every request that they leave out; on disk at return.

        Lines may come in any order and repeatedly; those of other jobs are ignored.
        """
        # Counted from what was sent, not from what came: a result that is missing must not go unnoticed.
        imported, missing = ImportedResults(), set(self._ledger.keys(self._job))
        self._records.put_many(self._outcomes(lines, imported, missing))
        if self._job.status != "cancelled":
            said = f"batch {self._job.batch_id} ended as {self._job.status} without a result for this request"
            left = sorted(missing)
            self._records.put_many(self._failures(left, FailureReason.MALFORMED, said))
            imported.transient += left
        else:
            imported.cancelled += len(missing)
        self._records.flush()
        return imported

    def refuse(self, faults: Iterable[tuple[str, str]]) -> None:
        """Records the requests, by key, that the provider refuses, with its words; on disk at return."""
        for key, said in faults:
            self._records.put_many(self._failures([key], FailureReason.BAD_REQUEST, self._mask(said)))
        self._records.flush()

    def _failures(self, keys: Iterable[str], reason: FailureReason, said: str) -> Iterator[Recorded]:
        for key in keys:
            asked = self._ledger.find(self._job, key)
            assert asked is not None, "the keys are the job's"
            yield self._recorded(asked, Failed(key=key, reason=reason, detail=said))

    def _outcomes(self, lines: Iterable[Line], imported: ImportedResults, missing: set[str]) -> Iterator[Recorded]:
        strangers = 0
        for line in lines:
            # A provider may repeat a line; only the first counts, as only it was paid.
            asked = self._ledger.find(self._job, line.key) if line.key in missing else None
            if asked is None:
                strangers += 1
                continue
            missing.discard(line.key)
            outcome = self._read(line, asked, imported)
            if outcome is not None:
                yield self._recorded(asked, outcome)
        if strangers:
            log.warning("batch %s: %d results of no request of it, or there twice", self._job.batch_id, strangers)

    def _recorded(self, asked: QueuedRequest, outcome: Outcome) -> Recorded:
        self._meter.calls += 1
        self._meter.count(outcome)
        return Recorded(asked.key, asked.role, asked.model, asked.revision, asked.draw, outcome)

    # The outcome of one line; None where the request is simply to be asked again.
    def _read(self, line: Line, asked: QueuedRequest, imported: ImportedResults) -> Outcome | None:
        if line.code == CANCELLED:
            imported.cancelled += 1
            return None
        outcome = self._outcome(line, asked, imported)
        if isinstance(outcome, Completion):
            imported.answered += 1
            imported.prompt_tokens += outcome.prompt_tokens
            imported.completion_tokens += outcome.completion_tokens
            return outcome.model_copy(update={"text": self._endpoint.mask_reply(outcome.text)})
        if outcome is None:
            return None
        if outcome.transient:
            imported.transient.append(line.key)
        else:
            imported.refused += 1
        return outcome.model_copy(update={"detail": self._mask(outcome.detail)})

    def _outcome(self, line: Line, asked: QueuedRequest, imported: ImportedResults) -> Outcome | None:
        if line.status is None:
            reason = FailureReason.TIMEOUT if line.code == EXPIRED else FailureReason.SERVER_ERROR
            return Failed(key=line.key, reason=reason, detail=f"{line.code}: {line.message}")
        # The body as it was sent, not as it would be made today: what the endpoint refused is read off it.
        data = self._ledger.body(line.key)
        fields = json.loads(data)
        sent = RequestBody.of(fields, data)
        read = self._read_answer(line, asked, fields, sent)
        if not isinstance(read, ApiError):
            return read
        if self._dialect.learn(read, sent, line.status):
            imported.without_parameter += 1
            return None
        failed = read_failure(line.key, HttpAnswer(line.status, {}, line.body), read)
        if failed is None:
            imported.useless = self._mask(f"HTTP {line.status}: {read}")
        return failed

    # As of a live call: what an answer says, an error whatever status it came under.
    def _read_answer(
        self, line: Line, asked: QueuedRequest, fields: dict[str, Any], sent: RequestBody
    ) -> Outcome | ApiError:
        if line.status != 200:
            return read_error(line.body)
        # Newer models know the same limit by another name.
        limit = fields.get("max_tokens") or fields.get("max_completion_tokens") or 0
        reply = read_reply(Sent(line.key, asked.model, asked.structured, len(sent.data), limit), line.body)
        place = f"{asked.model} at {self._job.queue.base_url}"
        if reply.served is not None:
            self._meter.note_served(place, self._mask(reply.served))
        if reply.odd_usage:
            self._meter.note_odd_usage(place)
        return reply.outcome

    def _mask(self, text: str) -> str:
        return shorten(self._endpoint.mask(text))

"""The context of every step of a batch: the ledger, the records, and each queue's provider and parameters."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from pydantic import Field

from ....schemas.base import Frozen
from .._dialect import Dialect
from ..budget import Meter
from ..endpoint import Endpoint
from ..record import Records
from ._provider import Provider
from .job import Job, Queue
from .ledger import Ledger


class BatchLimits(Frozen):
    """The size of a batch, and the patience with it; the default sizes are OpenAI's limits."""

    requests: int = Field(default=50_000, ge=1)
    """Requests in one batch."""
    megabytes: float = Field(default=200.0, gt=0)
    """Size of one input file, in millions of bytes."""
    tokens: int | None = Field(default=None, ge=1)
    """Estimated prompt tokens in all unfinished batches of a model; None leaves it to the provider to refuse."""
    tries: int = Field(default=3, ge=1)
    """Batches in which a request may fail, expire or be missing before it is a drop."""
    poll_s: float = Field(default=30.0, gt=0)
    """Seconds between two looks at the batches, and before a submit is looked for whose response was lost."""

    @property
    def size(self) -> int:
        """Bytes of one input file."""
        return int(self.megabytes * 1e6)


Sleep = Callable[[float], None]
"""Waits so many seconds."""


class BatchContext:
    """Holds the connections to providers while batches run.

    Args:
        ledger: has every request and job.
        records: where outcomes go.
        limits: the size of a batch, and the patience with it.
        endpoint_of: gives the endpoint and key of a queue.
        meter_of: gives the counters of a model, by its name.
        sleep: waits; a test passes its own.
    """

    def __init__(
        self,
        ledger: Ledger,
        records: Records,
        limits: BatchLimits,
        endpoint_of: Callable[[Queue], Endpoint],
        meter_of: Callable[[str], Meter],
        *,
        sleep: Sleep = time.sleep,
    ) -> None:
        self.ledger = ledger
        self.records = records
        self.limits = limits
        self.meter_of = meter_of
        self.sleep = sleep
        self._endpoint_of = endpoint_of
        self._providers: dict[Queue, Provider] = {}
        self._dialects: dict[tuple[str, str], Dialect] = {}
        self._open = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def provider(self, job: Job) -> Provider:
        """The client of the provider that has the job's files and batch."""
        if job.queue not in self._providers:
            provider = self._providers[job.queue] = Provider(self._endpoint_of(job.queue))
            self._open.callback(provider.close)
        return self._providers[job.queue]

    def dialect(self, queue: Queue) -> Dialect:
        """The parameters and message roles that a queue's model accepts, as far as its refusals show."""
        place = (queue.base_url, queue.model)
        if place not in self._dialects:
            self._dialects[place] = known_dialect(self.ledger, queue, self.meter_of(queue.model))
        return self._dialects[place]


def known_dialect(ledger: Ledger, queue: Queue, meter: Meter) -> Dialect:
    """The dialect of a queue's model from earlier batches; it writes what it learns into the ledger and the meter."""
    base_url, model = queue.base_url, queue.model
    known = ledger.unknown(base_url, model)
    meter.without.update(known)

    def note(name: str) -> None:
        ledger.learn(base_url, model, name)
        meter.without.add(name)

    return Dialect(f"{model} at {base_url}", note, known)

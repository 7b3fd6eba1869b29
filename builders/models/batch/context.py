"""What every step of a batch needs at hand: the books, the records, the provider of each queue, and what it takes."""

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

# How much goes into one batch, and how patiently it is waited for.


class BatchLimits(Frozen):
    """What a provider takes at most; the defaults are OpenAI's."""

    requests: int = Field(default=50_000, ge=1)
    """Requests in one batch."""
    megabytes: float = Field(default=200.0, gt=0)
    """Size of one input file, in millions of bytes."""
    tokens: int | None = Field(default=None, ge=1)
    """Estimated prompt tokens in all unfinished batches of a model; None leaves it to the provider to refuse."""
    tries: int = Field(default=3, ge=1)
    """Batches that a request may fail in, expire in or be missing from before it is a drop."""
    poll_s: float = Field(default=30.0, gt=0)
    """Seconds between two looks at the batches; a submit whose answer was lost is looked for after as long."""

    @property
    def size(self) -> int:
        """Bytes of one input file."""
        return int(self.megabytes * 1e6)


Sleep = Callable[[float], None]
"""Waits so many seconds."""


class BatchContext:
    """Open for as long as batches are carried on.

    Args:
        ledger: which requests are where.
        records: where outcomes go.
        limits: how much goes into a batch, and how patiently it is waited for.
        endpoint_of: where a queue's batches go, and with which key.
        meter_of: where a model's outcomes are counted, by its name.
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
        """Who has the job's files and batch."""
        if job.queue not in self._providers:
            provider = self._providers[job.queue] = Provider(self._endpoint_of(job.queue))
            self._open.callback(provider.close)
        return self._providers[job.queue]

    def dialect(self, queue: Queue) -> Dialect:
        """The parameters and roles that a queue's model takes, as far as its refusals told."""
        place = (queue.base_url, queue.model)
        if place not in self._dialects:
            self._dialects[place] = known_dialect(self.ledger, queue, self.meter_of(queue.model))
        return self._dialects[place]


def known_dialect(ledger: Ledger, queue: Queue, meter: Meter) -> Dialect:
    """The parameters and roles that a queue's model takes, as earlier batches told; what it learns more is noted."""
    base_url, model = queue.base_url, queue.model
    known = ledger.unknown(base_url, model)
    meter.without.update(known)

    def note(name: str) -> None:
        ledger.learn(base_url, model, name)
        meter.without.add(name)

    return Dialect(f"{model} at {base_url}", note, known)

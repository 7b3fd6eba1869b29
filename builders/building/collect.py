"""Sends every model call that a build needs: live, or in waves of batches.

A wave goes through every dialogue and turn as far as the records answer; what it would ask next waits for a batch. When
the batches have ended and are on record, the next wave gets a step further: the judge's batches follow the responder's.
A request that failed in passing is simply missing, and so waits again.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from ...schemas.errors import UsageError
from ..mining.plan import MiningPlan
from ..mining.steps import steps_of
from ..mining.turns import supporter_turns
from ..models.batch.context import BatchContext, BatchLimits
from ..models.batch.job import Job, JobState, Queue
from ..models.batch.ledger import Ledger
from ..models.batch.runner import BatchRunner, BatchStatus
from ..models.budget import Budget, Meter, Prices
from ..models.endpoint import Endpoint, ModelChoice, resolve
from ..models.pool import ModelOptions, ModelPool
from ..models.record import Records
from ..release.write import disk_errors
from ..runtime.progress import Progress
from .conversations import gather_answers
from .failures import FailureTally, watched_by
from .ingest import Ingested
from .reuse import KnownAnswers
from .workspace import Workspace


@dataclass(frozen=True)
class RunState:
    """What a build has on disk of answers, and of requests that wait for some."""

    records: Records
    """What it has asked."""
    known: KnownAnswers
    """The same, and what earlier releases answer: that is neither asked nor put into a batch."""
    ledger: Ledger | None
    """Its batches, where it has or may have any."""


@dataclass(frozen=True)
class Collector:
    """What is asked, of whom, and where it is noted."""

    pool: ModelPool
    ingested: Ingested
    plan: MiningPlan
    run_state: RunState
    progress: Progress
    accept_failures: float | None = None
    """The share of unusable answers that the user accepts; see `failures`."""

    def ask_all(self) -> None:
        """Returns when everything has its answer.

        Raises:
            EndpointError: an endpoint failed; the same command goes on where it stopped, batches included.
            BudgetError: the budget is spent; a larger one goes on where it stopped.
            UnusableAnswersError: a role can use too few of its answers.
        """
        if self.pool.options.batch:
            self._ask_in_waves()
        else:
            asyncio.run(self._ask("asking models"))

    def _ask_in_waves(self) -> None:
        records, ledger = self.run_state.records, self.run_state.ledger
        assert ledger is not None, "where batches are asked for there is a ledger"
        with BatchContext(
            ledger, records, self.pool.options.batch_limits, endpoint_of, self.pool.meter_named
        ) as context:
            shown = _BatchProgress(self.progress, self.pool.format_progress)
            driver = BatchRunner(context, lambda: self.pool.budget(records, ledger), on_look=shown.look)
            for number in count(1):
                with ledger.wave():
                    left = asyncio.run(self._ask(f"wave {number}"))
                requests = sum(waiting for _, waiting in ledger.waiting())
                requests += sum(job.requests for job in ledger.open_jobs())
                assert requests or not left, "a turn that waits has a request that waits"
                if not requests:
                    return
                self.progress.stage(f"wave {number}, batches", requests)
                driver.run()

    # Goes through all turns once; how many dialogues and turns wait for batches.
    async def _ask(self, stage: str) -> int:
        self.progress.stage(stage, sum(1 for placed in self.ingested for _ in supporter_turns(placed)))
        async with self.pool.open(self.run_state.records, self.run_state.known, self.run_state.ledger) as completers:
            # A tally of its own for every wave, which meets all answers so far again.
            tally = FailureTally(self.plan, self.accept_failures)
            return await gather_answers(
                self.ingested,
                self.plan,
                steps_of(self.plan.spec),
                watched_by(completers, tally),
                turns_at_once=self.pool.options.concurrency,
                on_turn=lambda: self.progress.advance(self.pool.format_progress()),
            )


class _BatchProgress:
    """Turns how batches stand into steps of progress."""

    def __init__(self, progress: Progress, told: Callable[[], str]) -> None:
        self._progress = progress
        self._told = told
        self._left: int | None = None

    def look(self, now: BatchStatus) -> None:
        before = now.requests if self._left is None else self._left
        self._left = now.requests
        self._progress.advance(f"{now.note}; {self._told()}", max(0, before - now.requests))


def endpoint_of(queue: Queue) -> Endpoint:
    """Where a queue's batches go, with the key of the role that pays."""
    return resolve(ModelChoice(name=queue.model, base_url=queue.base_url), queue.role)


@contextmanager
def batches_of(workspace: Workspace, options: ModelOptions) -> Iterator[Ledger | None]:
    """The list of a build's batches, where it has or may have any.

    Raises:
        UsageError: batches are still running, and the command does not go on with them.
    """
    if not options.batch and not workspace.batches.is_file():
        yield None
        return
    with Ledger(workspace.batches) as ledger:
        jobs = [job for job in ledger.open_jobs() if job.state is not JobState.TAKEN]
        if jobs and not options.batch:
            raise UsageError(
                f"{workspace.out}: {len(jobs)} batches of this build are still open; go on with --mode batch, or end "
                "them with --mode batch --cancel: otherwise they would be paid twice"
            )
        yield ledger


@dataclass(frozen=True)
class CancelResult:
    """What became of the batches that were cancelled."""

    batches: int
    """That were open."""
    answers: int
    """That they had brought, and that are on record now."""


def cancel_batches(workspace: Workspace, limits: BatchLimits, progress: Progress) -> CancelResult:
    """Ends every batch of a build, takes in what they have brought, and leaves nothing at the provider.

    Raises:
        UsageError: there is no unfinished build there, or another process works on it.
        EndpointError: a provider is of no use; repeat the command.
    """
    if not workspace.root.is_dir():
        raise UsageError(f"{workspace.out}: no unfinished build is there, so it has no batches")
    with disk_errors(workspace.root), Records(workspace.records) as records, Ledger(workspace.batches) as ledger:
        jobs, meter = ledger.open_jobs(), Meter()
        progress.stage("ending batches", sum(job.requests for job in jobs))
        with BatchContext(ledger, records, limits, endpoint_of, lambda _: meter) as context:
            shown = _BatchProgress(progress, lambda: f"{meter.answered} answers taken in")
            BatchRunner(context, lambda: Budget(None, Prices(models={})), on_look=shown.look).cancel()
        return CancelResult(_counted(jobs), meter.answered)


def _counted(jobs: list[Job]) -> int:
    return sum(job.batch_id is not None for job in jobs)

"""Sends every model call that a build needs: live, or in waves of batches.

A wave goes through every dialogue and turn as far as the records have answers; the requests that come next wait for a
batch. When the batches have ended and are recorded, the next wave gets a step further: the judge's batches follow the
responder's. A request with a transient failure has no recorded answer, and so it waits again.
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
from ..models.batch.job import JobState, Queue
from ..models.batch.ledger import Ledger
from ..models.batch.runner import BatchRunner, BatchStatus
from ..models.budget import Budget, Meter, Prices
from ..models.endpoint import Endpoint, ModelChoice, resolve
from ..models.pool import ModelOptions, ModelPool
from ..models.record import Records
from ..release.write import disk_errors
from ..runtime.progress import Progress
from .conversations import gather_answers
from .failures import FailureTally, watch_with
from .ingest import Ingested
from .reuse import KnownAnswers
from .workspace import Workspace


@dataclass(frozen=True)
class RunState:
    """The state of a build on disk: answers, and requests that wait for answers."""

    records: Records
    """The answers to its own calls."""
    known: KnownAnswers
    """These and the answers of earlier releases; no known request is called or put into a batch."""
    ledger: Ledger | None
    """Its batches, if it has or may have any."""


@dataclass(frozen=True)
class Collector:
    """Collects the answers of a build in this process."""

    pool: ModelPool
    ingested: Ingested
    plan: MiningPlan
    run_state: RunState
    progress: Progress
    accept_failures: float | None = None
    """The share of unusable answers that the user accepts; see `failures`."""

    def collect(self) -> None:
        """Returns when every request has its recorded answer.

        Raises:
            EndpointError: an endpoint failed; the same command continues where it stopped, batches included.
            BudgetError: the budget is spent; the same command with a larger one continues.
            UnusableAnswersError: a role can use too few of its answers.
        """
        if self.pool.options.batch:
            self._collect_in_waves()
        else:
            asyncio.run(self._pass("asking models"))

    def _collect_in_waves(self) -> None:
        records, ledger = self.run_state.records, self.run_state.ledger
        assert ledger is not None, "batches_of opens one for batch roles"
        with BatchContext(
            ledger, records, self.pool.options.batch_limits, endpoint_of, self.pool.meter_named
        ) as context:
            shown = _BatchProgress(self.progress, self.pool.format_progress)
            driver = BatchRunner(context, lambda: self.pool.budget(records, ledger), on_look=shown.look)
            for number in count(1):
                with ledger.wave():
                    left = asyncio.run(self._pass(f"wave {number}"))
                requests = sum(waiting for _, waiting in ledger.waiting())
                requests += sum(job.requests for job in ledger.open_jobs())
                assert requests or not left, "a waiting turn has a waiting request"
                if not requests:
                    return
                self.progress.stage(f"wave {number}, batches", requests)
                driver.run()

    # Goes through all dialogues and turns once; returns how many of them wait for batches.
    async def _pass(self, stage: str) -> int:
        self.progress.stage(stage, sum(1 for placed in self.ingested for _ in supporter_turns(placed)))
        async with self.pool.open(self.run_state.records, self.run_state.known, self.run_state.ledger) as completers:
            # Every wave has its own tally, because it goes through all answers so far again.
            tally = FailureTally(self.plan, self.accept_failures)
            return await gather_answers(
                self.ingested,
                self.plan,
                steps_of(self.plan.spec),
                watch_with(completers, tally),
                turns_at_once=self.pool.options.concurrency,
                on_turn=lambda: self.progress.advance(self.pool.format_progress()),
            )


class _BatchProgress:
    """Translates the status of batches into steps of progress."""

    def __init__(self, progress: Progress, describe: Callable[[], str]) -> None:
        self._progress = progress
        self._describe = describe
        self._left: int | None = None

    def look(self, now: BatchStatus) -> None:
        before = now.requests if self._left is None else self._left
        self._left = now.requests
        self._progress.advance(f"{now.note}; {self._describe()}", max(0, before - now.requests))


def endpoint_of(queue: Queue) -> Endpoint:
    """The endpoint of a queue's batches, with the key of its role."""
    return resolve(ModelChoice(name=queue.model, base_url=queue.base_url), queue.role)


@contextmanager
def batches_of(workspace: Workspace, options: ModelOptions) -> Iterator[Ledger | None]:
    """The ledger of a build's batches; None if the build has none and the options ask for none.

    Raises:
        UsageError: batches are still open, and the command does not continue them.
    """
    if not options.batch and not workspace.batches.is_file():
        yield None
        return
    with Ledger(workspace.batches) as ledger:
        jobs = [job for job in ledger.open_jobs() if job.state is not JobState.TAKEN]
        if jobs and not options.batch:
            raise UsageError(
                f"{workspace.out}: {len(jobs)} batches of this build are still open; continue with --mode batch, or "
                "end them with --mode batch --cancel: otherwise you would pay for their requests twice"
            )
        yield ledger


@dataclass(frozen=True)
class CancelResult:
    """The batches of a build that were cancelled."""

    batches: int
    answers: int
    """Their answers that are recorded now."""


def cancel_batches(workspace: Workspace, limits: BatchLimits, progress: Progress) -> CancelResult:
    """Cancels every batch of a build, records the answers they have, and deletes their files at the provider.

    Raises:
        UsageError: there is no unfinished build there, or another process works on it.
        EndpointError: a provider failed; repeat the command.
    """
    if not workspace.root.is_dir():
        raise UsageError(f"{workspace.out}: there is no unfinished build here, so there are no batches to cancel")
    with disk_errors(workspace.root), Records(workspace.records) as records, Ledger(workspace.batches) as ledger:
        jobs, meter = ledger.open_jobs(), Meter()
        progress.stage("ending batches", sum(job.requests for job in jobs))
        with BatchContext(ledger, records, limits, endpoint_of, lambda _: meter) as context:
            shown = _BatchProgress(progress, lambda: f"{meter.answered} answers recorded")
            BatchRunner(context, lambda: Budget(None, Prices(models={})), on_look=shown.look).cancel()
        return CancelResult(sum(job.batch_id is not None for job in jobs), meter.answered)

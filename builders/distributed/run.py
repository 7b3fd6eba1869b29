"""Has a build's requests answered on a Ray cluster.

Ray Data hands the dialogues to the workers, restarts workers that die, and hands out again what they had; nothing of
that is ours. Results are not what comes back, but what the coordinator puts on record.
"""

import logging
import pickle
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from types import ModuleType
from typing import Any

from ...schemas.errors import PrefDialError
from ...schemas.manifest import Manifest
from ..building.collect import RunState
from ..building.ingest import Ingested
from ..building.run import BuildOptions, Prepared, build, collect_here
from ..mining.plan import MiningPlan
from ..mining.turns import supporter_turns
from ..models.budget import Snapshot
from ..models.limit import Limits
from ..models.pool import ModelOptions, ModelPool
from ..runtime.environment import Engine
from ..runtime.progress import Progress
from ._coordinator import Coordinator, CoordinatorOptions
from ._worker import Worker, WorkerTask
from .connection import connected, ray_errors

# Dialogues that a worker is handed at once, and is handed again where it died over them.
_DIALOGUES_PER_BLOCK = 32
# Of these, the ones that it goes through together; it has four such batches in hand.
_DIALOGUES_PER_BATCH = 8
# What Ray sets apart for one, since mostly it waits; so nodes that are left have room for workers of one that dies.
_CPUS_PER_WORKER = 0.5
# How long the coordinator of a build that fails may take to put everything on disk.
_CLOSING_S = 30.0
# Calls to the coordinator that may wait in it: for another worker's answer, for money or for their turn.
_WAITING_CALLS = 100_000
_REMEDY = "Every answer so far is kept; repeat the same command"


def build_release(options: BuildOptions, progress: Progress | None = None) -> Manifest:
    """Builds a release as `building.run.build` does, with the engine that the options name."""
    return build(options, progress, _collect_on_cluster if options.engine.ray else collect_here)


# Collects the answers of a build on the Ray cluster that `options.engine` names.
def _collect_on_cluster(
    prepared: Prepared, options: BuildOptions, state: RunState, progress: Progress
) -> dict[str, Snapshot]:
    pool = prepared.pool
    progress.stage("task models", sum(1 for placed in prepared.ingested for _ in supporter_turns(placed)))
    coordinator = CoordinatorOptions(
        state.records.path,
        options.reuse,
        pool.options.budget_usd,
        pool.prices,
        Limits(rpm=pool.options.rpm, tpm=pool.options.tpm),
        accept_failures=options.accept_failures,
    )
    task = CollectTask(options.engine, prepared.ingested, prepared.plan, pool, options.models, coordinator)
    return collect_on_ray(task, progress.advance)


@dataclass(frozen=True)
class CollectTask:
    """What is to be asked, and on what."""

    engine: Engine
    ingested: Ingested
    plan: MiningPlan
    pool: ModelPool
    options: ModelOptions
    coordinator: CoordinatorOptions


def collect_on_ray(task: CollectTask, on_turn: Callable[[str], None]) -> dict[str, Snapshot]:
    """Has every request of every dialogue on record; gives the counters of every model over all workers.

    Args:
        task: what is asked.
        on_turn: called after every turn with a note.

    Raises:
        UsageError: Ray is not installed, or a worker lacks a key.
        EndpointError: an endpoint, or the cluster itself, is of no use; the same command goes on where it stopped.
        BudgetError: the budget is spent.
    """
    with connected(task.engine) as ray, ray_errors(ray, _REMEDY):
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        # Beside this process, whose disk has the records; should it die, it begins again from them.
        coordinator = (
            ray.remote(Coordinator)
            .options(
                num_cpus=0,
                max_restarts=-1,
                max_task_retries=-1,
                max_concurrency=_WAITING_CALLS,
                scheduling_strategy=here,
            )
            .remote(task.coordinator)
        )
        _raise(ray.get(coordinator.failure.remote()))
        try:
            _work(ray, task, coordinator, on_turn)
            _raise(ray.get(coordinator.failure.remote()))
        except BaseException:
            with suppress(ray.exceptions.RayError):  # the first failure is the one to tell
                ray.get(coordinator.close.remote(), timeout=_CLOSING_S)
            raise
        told: dict[str, Snapshot] = ray.get(coordinator.close.remote())
        return told


# Hands every dialogue to a worker, and returns when all are done.
def _work(ray: ModuleType, task: CollectTask, coordinator: Any, on_turn: Callable[[str], None]) -> None:
    pool, workers = task.pool, task.engine.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    part = WorkerTask(
        plan=task.plan,
        options=task.options,
        prices=pool.prices,
        models=pool.models,
        baseline=() if pool.baseline is None else (ray.put(pool.baseline),),
        concurrency=max(1, pool.options.concurrency // workers),
    )
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    done = ray.data.from_arrow_refs(list(_blocks(ray, task.ingested))).map_batches(
        Worker,
        fn_constructor_args=(coordinator, part),
        batch_size=_DIALOGUES_PER_BATCH,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(
            min_size=1, max_size=workers, initial_size=workers, max_concurrent_calls_per_actor=2
        ),
        num_cpus=_CPUS_PER_WORKER,
    )
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # which making a dataset has set
    began, turns = time.monotonic(), 0
    for batch in done.iter_batches(batch_size=None, batch_format="numpy"):
        for _ in range(int(batch["turns"].sum())):
            turns += 1
            on_turn(f"{turns / max(time.monotonic() - began, 1e-3):.1f} turns/s, {workers} workers")


# The dialogues in Ray's object store, which moves them to disk where they are too many for memory.
def _blocks(ray: ModuleType, ingested: Ingested) -> Iterator[Any]:
    import pyarrow as pa

    dialogues = iter(ingested)
    while block := [pickle.dumps(placed) for placed in islice(dialogues, _DIALOGUES_PER_BLOCK)]:
        yield ray.put(pa.table({"placed": pa.array(block, type=pa.binary())}))


def _raise(failure: PrefDialError | None) -> None:
    if failure is not None:
        raise failure

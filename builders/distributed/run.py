"""Distributes the model calls of a build over a Ray cluster.

Ray Data sends the dialogues to the workers, restarts workers that die, and sends their dialogues again; none of that is
our code. The workers return only counts: the coordinator records the answers.
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

_DIALOGUES_PER_BLOCK = 32
"""Dialogues that Ray sends to a worker at once, and sends again if it dies."""
_DIALOGUES_PER_BATCH = 8
"""Dialogues of a block that a worker mines together; it has four such batches at hand."""
_CPUS_PER_WORKER = 0.5
"""A worker mostly waits for answers; half a CPU also leaves room on other nodes for the workers of one that dies."""
_CLOSING_S = 30.0
"""How long the coordinator of a build that fails may take to write everything to disk."""
_WAITING_CALLS = 100_000
"""Calls that may wait inside the coordinator: for another worker's answer, for budget or for the rate limit."""
_REMEDY = "Every answer so far is kept; repeat the same command"


def build_release(options: BuildOptions, progress: Progress | None = None) -> Manifest:
    """Builds a release as `building.run.build` does, on the engine that the options name."""
    return build(options, progress, _collect_on_cluster if options.engine.ray else collect_here)


def _collect_on_cluster(
    prepared: Prepared, options: BuildOptions, state: RunState, progress: Progress
) -> dict[str, Snapshot]:
    """Collects the answers of a build on the Ray cluster that `options.engine` names."""
    pool = prepared.pool
    progress.stage("asking models", sum(1 for placed in prepared.ingested for _ in supporter_turns(placed)))
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
    """The dialogues and models of a build, and the cluster that mines them."""

    engine: Engine
    ingested: Ingested
    plan: MiningPlan
    pool: ModelPool
    options: ModelOptions
    coordinator: CoordinatorOptions


def collect_on_ray(task: CollectTask, on_turn: Callable[[str], None]) -> dict[str, Snapshot]:
    """Records the answer to every request of every dialogue; returns the counters of every model over all workers.

    Args:
        task: what to collect, and where.
        on_turn: called after every turn with a note.

    Raises:
        UsageError: Ray is not installed, or a worker lacks a key.
        EndpointError: an endpoint, or the cluster itself, failed; the same command continues where it stopped.
        BudgetError: the budget is spent.
    """
    with connected(task.engine) as ray, ray_errors(ray, _REMEDY):
        coordinator = _start_coordinator(ray, task.coordinator)
        _raise(ray.get(coordinator.failure.remote()))
        try:
            _mine(ray, task, coordinator, on_turn)
            _raise(ray.get(coordinator.failure.remote()))
        except BaseException:
            with suppress(ray.exceptions.RayError):  # the first error is the one to report
                ray.get(coordinator.close.remote(), timeout=_CLOSING_S)
            raise
        meters: dict[str, Snapshot] = ray.get(coordinator.close.remote())
        return meters


def _start_coordinator(ray: ModuleType, options: CoordinatorOptions) -> Any:
    """Starts the coordinator on this node, whose disk has the records; if it dies, Ray restarts it from them."""
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )
    actor = ray.remote(Coordinator).options(
        num_cpus=0,
        # For ever: the records on disk have all that it needs to go on.
        max_restarts=-1,
        max_task_retries=-1,
        max_concurrency=_WAITING_CALLS,
        scheduling_strategy=here,
    )
    return actor.remote(options)


def _mine(ray: ModuleType, task: CollectTask, coordinator: Any, on_turn: Callable[[str], None]) -> None:
    """Sends every dialogue to a worker, and returns when all are mined."""
    pool, workers = task.pool, task.engine.workers or max(1, int(ray.cluster_resources().get("CPU", 1)))
    worker_task = WorkerTask(
        plan=task.plan,
        options=task.options,
        prices=pool.prices,
        models=pool.models,
        baseline=() if pool.baseline is None else (ray.put(pool.baseline),),
        concurrency=max(1, pool.options.concurrency // workers),
    )
    ray.data.DataContext.get_current().enable_progress_bars = False
    done = ray.data.from_arrow_refs(list(_blocks(ray, task.ingested))).map_batches(
        Worker,
        fn_constructor_args=(coordinator, worker_task),
        batch_size=_DIALOGUES_PER_BATCH,
        batch_format="numpy",
        compute=ray.data.ActorPoolStrategy(
            min_size=1, max_size=workers, initial_size=workers, max_concurrent_calls_per_actor=2
        ),
        num_cpus=_CPUS_PER_WORKER,
    )
    logging.getLogger("ray.data").setLevel(logging.ERROR)  # creating a dataset has set its own level
    began, turns = time.monotonic(), 0
    for batch in done.iter_batches(batch_size=None, batch_format="numpy"):
        for _ in range(int(batch["turns"].sum())):
            turns += 1
            on_turn(f"{turns / max(time.monotonic() - began, 1e-3):.1f} turns/s, {workers} workers")


def _blocks(ray: ModuleType, ingested: Ingested) -> Iterator[Any]:
    """The dialogues in Ray's object store, which moves them to disk if they do not fit into memory."""
    import pyarrow as pa

    dialogues = iter(ingested)
    while block := [pickle.dumps(placed) for placed in islice(dialogues, _DIALOGUES_PER_BLOCK)]:
        yield ray.put(pa.table({"placed": pa.array(block, type=pa.binary())}))


def _raise(failure: PrefDialError | None) -> None:
    if failure is not None:
        raise failure

"""Ray, connected for as long as a command needs it, and its failures in our words."""

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from ...schemas.errors import EndpointError, PrefDialError, UsageError
from ..runtime.environment import Engine, ParallelMap, Part, Result


@contextmanager
def connected(engine: Engine) -> Iterator[ModuleType]:
    """Ray, connected to the cluster that the engine names, or to one of this machine that ends with the context.

    Raises:
        UsageError: it is not installed.
        EndpointError: there is no such cluster.
    """
    try:
        import ray
        import ray.data
        import ray.util.scheduling_strategies
    except ImportError as error:
        raise UsageError(f"--engine ray needs Ray Data: pip install 'ipm-prefdial[ray]' ({error})") from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its files have the rest
    on_term = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=engine.address, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EndpointError(f"no Ray cluster at {engine.address or 'this machine'}: {_first_line(error)}") from error
    signal.signal(signal.SIGTERM, on_term)  # which Ray makes its own
    try:
        with redirect_stdout(sys.stderr):  # where Ray tells of what died; stdout is for what the command was asked
            yield ray
    finally:
        ray.shutdown()


@contextmanager
def ray_errors(ray: ModuleType, remedy: str) -> Iterator[None]:
    """What Ray cannot mend becomes one clear line; an error of ours that was raised on a node is raised here.

    Args:
        ray: the library.
        remedy: what to do about it, as the end of the line.

    Raises:
        EndpointError: the cluster is of no use any more.
    """
    try:
        yield
    except ray.exceptions.RayError as error:
        if isinstance(cause := getattr(error, "cause", None), PrefDialError):
            raise cause from None
        raise EndpointError(f"the Ray cluster failed: {_first_line(error)}. {remedy}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


# Has independent parts of some work done as tasks of a Ray cluster, which places them and repeats those that die.


@contextmanager
def parallel_map_on(engine: Engine, folders: Iterable[Path]) -> Iterator[ParallelMap | None]:
    """Whatever does parts of some work apart; None for the local engine, where work is done in one go.

    Args:
        engine: where.
        folders: what the work reads; every node has to see it under the same path.

    Raises:
        UsageError: Ray is not installed, or a node does not see a folder.
        EndpointError: there is no such cluster, or it failed.
        PrefDialError: the first that any part raised, in the order of the parts.
    """
    if not engine.ray:
        yield None
        return
    with connected(engine) as ray, ray_errors(ray, "Nothing was written; repeat the same command"):
        yield partial(_each_in_parallel, ray, tuple(folders))


# One task a part; the work itself goes to each node once.
def _each_in_parallel(
    ray: ModuleType, folders: tuple[Path, ...], work: Callable[[Part], Result], parts: Iterable[Part]
) -> Iterator[Result]:
    shared, task = ray.put(work), ray.remote(_do)
    for result in [task.remote(folders, shared, part) for part in parts]:
        yield ray.get(result)


def _do(folders: tuple[Path, ...], work: Callable[[Any], Any], part: object) -> Any:
    for folder in folders:
        if not folder.exists():
            raise UsageError(f"{folder}: not seen from every node of the Ray cluster; put it on a disk that they share")
    return work(part)

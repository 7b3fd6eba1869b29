"""Connects to Ray for as long as a command needs it, and maps a function over independent parts on its nodes."""

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
def parallel_map_on(engine: Engine, folders: Iterable[Path]) -> Iterator[ParallelMap | None]:
    """A map whose parts run as Ray tasks, which Ray places and repeats if they die; None for the local engine.

    Args:
        engine: where the parts run.
        folders: what the parts read; every node has to see it under the same path.

    Raises:
        UsageError: Ray is not installed, or a node does not see a folder.
        EndpointError: there is no such cluster, or it failed.
        PrefDialError: the first that a part raised, in the order of the parts.
    """
    if not engine.ray:
        yield None
        return
    with connected(engine) as ray, ray_errors(ray, "Nothing was written; repeat the same command"):
        yield partial(_map_on_nodes, ray, tuple(folders))


def _map_on_nodes(
    ray: ModuleType, folders: tuple[Path, ...], work: Callable[[Part], Result], parts: Iterable[Part]
) -> Iterator[Result]:
    shared, task = ray.put(work), ray.remote(_map_part)  # `put` sends the work to each node once, not with each part
    # All tasks are started before the first result is asked for; results come in the order of the parts.
    for result in [task.remote(folders, shared, part) for part in parts]:
        yield ray.get(result)


def _map_part(folders: tuple[Path, ...], work: Callable[[Any], Any], part: object) -> Any:
    for folder in folders:
        if not folder.exists():
            raise UsageError(f"{folder}: not seen from every node of the Ray cluster; put it on a disk that they share")
    return work(part)


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
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # its log files have the rest
    on_term = signal.getsignal(signal.SIGTERM)
    try:
        ray.init(address=engine.address, log_to_driver=False, logging_level=logging.WARNING)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise EndpointError(f"no Ray cluster at {engine.address or 'this machine'}: {_first_line(error)}") from error
    signal.signal(signal.SIGTERM, on_term)  # Ray installs a handler of its own
    try:
        with redirect_stdout(sys.stderr):  # Ray prints about dead workers; our stdout is for results
            yield ray
    finally:
        ray.shutdown()


@contextmanager
def ray_errors(ray: ModuleType, remedy: str) -> Iterator[None]:
    """Turns an error of Ray into one line, and raises here an error of ours that was raised on a node.

    Args:
        ray: the library.
        remedy: what the user can do, as the end of the line.

    Raises:
        EndpointError: the cluster failed.
    """
    try:
        yield
    except ray.exceptions.RayError as error:
        if isinstance(cause := getattr(error, "cause", None), PrefDialError):
            raise cause from None
        raise EndpointError(f"the Ray cluster failed: {_first_line(error)}. {remedy}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]

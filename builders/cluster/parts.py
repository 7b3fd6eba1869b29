"""Has independent parts of some work done as tasks of a Ray cluster, which places them and repeats those that die."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from ...schemas.errors import UsageError
from ..apart import Apart, Part, Result
from .connection import connected, ray_errors
from .engine import Engine


@contextmanager
def apart_on(engine: Engine, folders: Iterable[Path]) -> Iterator[Apart | None]:
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
        yield partial(_each_apart, ray, tuple(folders))


def _each_apart(
    ray: ModuleType, folders: tuple[Path, ...], work: Callable[[Part], Result], parts: Iterable[Part]
) -> Iterator[Result]:
    """One task a part; the work itself goes to each node once."""
    shared, task = ray.put(work), ray.remote(_do)
    for result in [task.remote(folders, shared, part) for part in parts]:
        yield ray.get(result)


def _do(folders: tuple[Path, ...], work: Callable[[Any], Any], part: object) -> Any:
    for folder in folders:
        if not folder.exists():
            raise UsageError(f"{folder}: not seen from every node of the Ray cluster; put it on a disk that they share")
    return work(part)

"""A small Ray cluster on this machine: nodes are processes of their own, with resources of their own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

STORE_BYTES = 100 * 2**20
"""The object store of a node; the least that Ray takes is about 80 MB."""


class RayCluster:
    """A head that works nothing, and worker nodes."""

    def __init__(self, nodes: int) -> None:
        from ray.cluster_utils import Cluster

        # The build's own process and what belongs to it run beside the head, the workers elsewhere.
        head = {"num_cpus": 0, "object_store_memory": STORE_BYTES, "include_dashboard": False}
        self._cluster: Any = Cluster()
        _patiently(lambda: self._cluster.add_node(**head))
        self._size, self._nodes = nodes, list[Any]()
        self.restore()

    @property
    def address(self) -> str:
        """What `--engine ray:` takes."""
        return str(self._cluster.address)

    def add_node(self) -> Any:
        """A node more, with one CPU."""
        return _patiently(lambda: self._cluster.add_node(num_cpus=1, object_store_memory=STORE_BYTES))

    def kill_node(self) -> None:
        """One node dies at once, with all that runs on it."""
        self._cluster.remove_node(self._nodes.pop(0), allow_graceful=False)

    def restore(self) -> None:
        """There are as many nodes as at first."""
        self._nodes += [self.add_node() for _ in range(self._size - len(self._nodes))]

    def kill_worker(self) -> bool:
        """One process in which dialogues are mined dies at once; whether there was one."""
        return _kill_one("ray::MapWorker")

    def kill_coordinator(self) -> bool:
        """The process that has the records dies at once; whether there was one."""
        return _kill_one("ray::Coordinator")

    def kill_task(self) -> bool:
        """One process in which a part of a release is read dies at once; whether there was one."""
        return _kill_one("ray::_map_part")

    def close(self) -> None:
        """Every node ends."""
        self._cluster.shutdown()


@contextmanager
def ray_cluster(nodes: int = 2) -> Iterator[RayCluster]:
    """A cluster that runs as long as the block."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    cluster = RayCluster(nodes)
    try:
        yield cluster
    finally:
        cluster.close()


def _patiently(start: Callable[[], Any]) -> Any:
    """What starts a node, tried thrice: Ray gives a node thirty seconds, which a busy machine may not keep to."""
    for _ in range(2):
        with suppress(Exception):  # Ray raises nothing narrower
            return start()
    return start()


def _kill_one(name: str) -> bool:
    found = processes(name)
    if found:
        os.kill(found[0], signal.SIGKILL)
    return bool(found)


def processes(name: str) -> list[int]:
    """The processes of this user that call themselves so and belong to this interpreter's clusters."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    found = [line.split(maxsplit=1) for line in listed.splitlines()]
    return [int(pid) for pid, words in found if words.startswith(name)]


def why_no_ray() -> str | None:
    """Why there can be not a cluster here, or None."""
    try:
        import ray  # noqa: F401
    except ImportError:
        return "the extra [ray] is not installed"
    return None if sys.platform == "linux" else "processes are looked up as Linux lists them"

"""Serves checkpoints while a context lasts: started on free ports, waited for, and always stopped."""

import http.client
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ...schemas.errors import EndpointError
from .child import Child, last_lines, started
from .servers import HOST, Server, Share, find_server, server_command, server_environ
from .view import make_view, revision_of

_PAUSE_S = 0.2
_LINES = 3
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Served:
    """A checkpoint behind an endpoint."""

    name: str
    """What the endpoint knows it by."""
    revision: str
    """What tells its weights from others; see `view.revision_of`."""
    url: str
    """The base URL, to `/v1`."""

    def __str__(self) -> str:
        """As `build` and `evaluate` take a model."""
        return f"{self.name}#{self.revision}@{self.url}"


@dataclass(frozen=True)
class ServeOptions:
    """How checkpoints are served."""

    folder: Path
    """Where the views of the checkpoints are while they are served and, below `logs`, the servers' logs."""
    server: Server | None = None
    """None takes the better one that is installed."""
    on_cpu: bool = False
    """Whether an accelerator that is there is left alone."""
    healthy_within_s: float = 600.0
    """Seconds that a server may take to load its model."""
    keeps: Sequence[int] = ()
    """Open files that stay open until the servers have ended."""


@contextmanager
def serve(checkpoints: Mapping[str, Path], options: ServeOptions) -> Iterator[dict[str, Served]]:
    """Every checkpoint behind an endpoint of its own on the loopback, by the name that the endpoint knows it by.

    They are stopped when the context ends, however it ends, and where this process is killed: see `guard`.

    Raises:
        UsageError: a folder is no checkpoint, or no server is installed.
        EndpointError: a server ended, or did not become healthy in time; its last lines are told.
    """
    server = options.server or find_server()
    revisions = {name: revision_of(folder) for name, folder in checkpoints.items()}
    gpus = 1 if options.on_cpu else max(1, _count_gpus())
    with ExitStack() as stack:
        waited: list[tuple[str, int, Child]] = []
        for place, (name, checkpoint) in enumerate(checkpoints.items()):
            stack.callback(shutil.rmtree, options.folder / name, ignore_errors=True)
            make_view(checkpoint, options.folder / name)
            share, port = Share(options.on_cpu, place, len(checkpoints), gpus), free_port()
            child = started(
                server_command(server, options.folder / name, name, port, share),
                options.folder / "logs" / f"{name}.log",
                folder=options.folder,
                environ=server_environ(server, share, os.environ.get("CUDA_VISIBLE_DEVICES")),
                keeps=options.keeps,
            )
            waited.append((name, port, stack.enter_context(child)))
        until = time.monotonic() + options.healthy_within_s
        for name, port, running in waited:
            _wait_until_healthy(name, port, running, until, options.healthy_within_s)
        yield {name: Served(name, revisions[name], f"http://{HOST}:{port}/v1") for name, port, _ in waited}


def free_port() -> int:
    """A port of the loopback that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(name: str, port: int, child: Child, until: float, limit_s: float) -> None:
    while not is_healthy(port):
        if child.code is not None:
            raise EndpointError(f"the server of {name} ended with exit code {child.code}{_said(child.log)}")
        if time.monotonic() > until:
            raise EndpointError(f"the server of {name} was not healthy within {limit_s:g} s{_said(child.log)}")
        time.sleep(_PAUSE_S)


def is_healthy(port: int) -> bool:
    """Whether whatever listens on a port of the loopback answers `/health` with 200; both servers do, once loaded."""
    try:
        with _NO_PROXY.open(f"http://{HOST}:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return False


def _said(log: Path) -> str:
    lines = last_lines(log, _LINES)
    told = f"; its last words: {' | '.join(lines)[:500]}" if lines else ""
    return f"{told} (all of them: {log}); repeat the command once the cause is mended"


def _count_gpus() -> int:
    """How many GPUs this process may use."""
    import torch

    return int(torch.cuda.device_count())

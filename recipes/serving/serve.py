"""Serves checkpoints while a context lasts: started on free ports, waited for, and always stopped."""

import http.client
import os
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from ...schemas.errors import EndpointError, UsageError
from .child import Child, last_lines, started
from .view import make_view, revision_of

# The servers that a checkpoint can be put behind, and the command lines that start them.
#
# vLLM where it is installed, as its documentation has `vllm serve` (nothing here was run against it without a GPU);
# `transformers serve` otherwise, whose command line is read from Transformers 5.23.


HOST = "127.0.0.1"
# vLLM's own default share, divided among the servers on a GPU.
_GPU_SHARE = 0.9


class Server(StrEnum):
    """The kinds of servers."""

    VLLM = "vllm"
    TRANSFORMERS = "transformers"

    @property
    def concurrency(self) -> int:
        """Calls that are worth having in flight: one batches, the other answers one after the other."""
        return 32 if self is Server.VLLM else 4


@dataclass(frozen=True)
class GpuShare:
    """A server's part of the machine."""

    on_cpu: bool = False
    """Whether an accelerator that is there is left alone."""
    place: int = 0
    """Which of the servers it is, from 0."""
    servers: int = 1
    """How many there are at a time."""
    gpus: int = 1
    """How many GPUs they share."""

    @property
    def gpu(self) -> int:
        """The GPU that it is on: the servers go round."""
        return self.place % self.gpus

    @property
    def memory(self) -> float:
        """The share of that GPU's memory that it may take."""
        here = len(range(self.gpu, self.servers, self.gpus))
        return round(_GPU_SHARE / here, 3)


def find_server() -> Server:
    """The better of the servers that are installed.

    Raises:
        UsageError: there is none.
    """
    if shutil.which("vllm") is not None or find_spec("vllm") is not None:
        return Server.VLLM
    missing = [name for name in ("transformers", "torch", "fastapi", "uvicorn") if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"nothing is installed that serves a model ({missing[0]} is missing): pip install 'ipm-prefdial[serve]', "
            "or put vllm on the PATH"
        )
    return Server.TRANSFORMERS


def server_command(server: Server, view: Path, name: str, port: int, share: GpuShare) -> list[str]:
    """The command that serves the folder `view`, which is called `name`, run in the folder above it."""
    where = ["--host", HOST, "--port", str(port)]
    if server is Server.TRANSFORMERS:
        # The server names the model after the folder on its command line.
        device = "cpu" if share.on_cpu else "auto"
        return [sys.executable, "-P", "-m", "transformers.cli.transformers", "serve", name, "--device", device, *where]
    program = shutil.which("vllm")
    start = [program] if program else [sys.executable, "-P", "-m", "vllm.entrypoints.cli.main"]
    limits = ["--gpu-memory-utilization", str(share.memory), "--generation-config", "vllm"]
    return [*start, "serve", str(view.resolve()), "--served-model-name", name, *where, *limits]


def server_environ(server: Server, share: GpuShare, visible: str | None) -> dict[str, str]:
    """Variables of the server's process.

    Args:
        server: which.
        share: its part of the machine.
        visible: the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them; None means all.
    """
    # A view is all that a server needs: it needs nothing from the Hub and sends no telemetry.
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "VLLM_NO_USAGE_STATS": "1"}
    if share.on_cpu:
        return quiet | {"CUDA_VISIBLE_DEVICES": ""}
    names = visible.split(",") if visible else [str(number) for number in range(share.gpus)]
    return quiet | ({"CUDA_VISIBLE_DEVICES": names[share.gpu]} if share.gpus > 1 else {})


_PAUSE_S = 0.2
_LINES = 3
# The loopback is never reached through a proxy, which the environment may name for the internet.
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Served:
    """A checkpoint behind an endpoint."""

    name: str
    """Its name at the endpoint."""
    revision: str
    """The digest of its weights; see `view.revision_of`."""
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
        UsageError: a folder is not a checkpoint, or no server is installed.
        EndpointError: a server ended, or did not become healthy in time; the message has its last lines.
    """
    server = options.server or find_server()
    revisions = {name: revision_of(folder) for name, folder in checkpoints.items()}
    gpus = 1 if options.on_cpu else max(1, _count_gpus())
    with ExitStack() as stack:
        waited: list[tuple[str, int, Child]] = []
        for place, (name, checkpoint) in enumerate(checkpoints.items()):
            stack.callback(shutil.rmtree, options.folder / name, ignore_errors=True)
            make_view(checkpoint, options.folder / name)
            # Asked for as late as possible: until the server has it, another process may take the port.
            share, port = GpuShare(options.on_cpu, place, len(checkpoints), gpus), free_port()
            child = started(
                server_command(server, options.folder / name, name, port, share),
                options.folder / "logs" / f"{name}.log",
                folder=options.folder,
                environ=server_environ(server, share, os.environ.get("CUDA_VISIBLE_DEVICES")),
                keeps=options.keeps,
            )
            waited.append((name, port, stack.enter_context(child)))
        # One deadline for all, since they load side by side.
        until = time.monotonic() + options.healthy_within_s
        for name, port, running in waited:
            _wait_until_healthy(name, port, running, until, options.healthy_within_s)
        yield {name: Served(name, revisions[name], f"http://{HOST}:{port}/v1") for name, port, _ in waited}


def free_port() -> int:
    """A port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def _wait_until_healthy(name: str, port: int, child: Child, until: float, limit_s: float) -> None:
    while not is_healthy(port):
        if child.code is not None:
            raise EndpointError(f"the server of {name} ended with exit code {child.code}{_last_words(child.log)}")
        if time.monotonic() > until:
            raise EndpointError(f"the server of {name} was not healthy within {limit_s:g} s{_last_words(child.log)}")
        time.sleep(_PAUSE_S)


def is_healthy(port: int) -> bool:
    """Whether whatever listens on a port of the loopback answers `/health` with 200; both servers do, once loaded."""
    try:
        with _NO_PROXY.open(f"http://{HOST}:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    # Not listening yet, or still loading: both only mean that it is not healthy now.
    except (urllib.error.URLError, http.client.HTTPException, OSError):
        return False


def _last_words(log: Path) -> str:
    lines = last_lines(log, _LINES)
    told = f"; its last words: {' | '.join(lines)[:500]}" if lines else ""
    return f"{told} (all of them: {log}); repeat the command once the cause is mended"


# How many GPUs this process may use.
def _count_gpus() -> int:
    import torch

    return int(torch.cuda.device_count())

"""The servers that a checkpoint can be put behind, and the command lines that start them.

vLLM where it is installed, as its documentation has `vllm serve` (nothing here was run against it without a GPU);
`transformers serve` otherwise, whose command line is read from Transformers 5.23.
"""

import shutil
import sys
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from ...schemas.errors import UsageError

HOST = "127.0.0.1"
_GPU_SHARE = 0.9


class Server(StrEnum):
    """What serves."""

    VLLM = "vllm"
    TRANSFORMERS = "transformers"

    @property
    def concurrency(self) -> int:
        """Calls that are worth having in flight: one batches, the other answers one after the other."""
        return 32 if self is Server.VLLM else 4


@dataclass(frozen=True)
class Share:
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


def server_command(server: Server, view: Path, name: str, port: int, share: Share) -> list[str]:
    """The command that serves the folder `view`, which is called `name`, run in the folder above it."""
    where = ["--host", HOST, "--port", str(port)]
    if server is Server.TRANSFORMERS:
        # The model goes by what the folder was called on the command line.
        device = "cpu" if share.on_cpu else "auto"
        return [sys.executable, "-P", "-m", "transformers.cli.transformers", "serve", name, "--device", device, *where]
    program = shutil.which("vllm")
    start = [program] if program else [sys.executable, "-P", "-m", "vllm.entrypoints.cli.main"]
    limits = ["--gpu-memory-utilization", str(share.memory), "--generation-config", "vllm"]
    return [*start, "serve", str(view.resolve()), "--served-model-name", name, *where, *limits]


def server_environ(server: Server, share: Share, visible: str | None) -> dict[str, str]:
    """Variables of the server's process.

    Args:
        server: which.
        share: its part of the machine.
        visible: the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them; None means all.
    """
    # A view is all that a server needs: it has nothing to ask of the Hub, and nobody to report to.
    quiet = {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1", "DO_NOT_TRACK": "1", "VLLM_NO_USAGE_STATS": "1"}
    if share.on_cpu:
        return quiet | {"CUDA_VISIBLE_DEVICES": ""}
    names = visible.split(",") if visible else [str(number) for number in range(share.gpus)]
    return quiet | ({"CUDA_VISIBLE_DEVICES": names[share.gpu]} if share.gpus > 1 else {})

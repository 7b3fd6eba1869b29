"""The light mock endpoint in C (`../shared/mockserver` beside the checkout), compiled and running for a benchmark."""

import json
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

SOURCE = Path(__file__).resolve().parents[3] / "shared" / "mockserver" / "server.c"


def why_not() -> str | None:
    """Why the mock cannot run here, or None."""
    if not SOURCE.exists():
        return "there is no mock endpoint beside this checkout (../shared/mockserver/server.c)"
    return None if shutil.which("gcc") else "there is no gcc to compile the mock endpoint with"


class MockEndpoint:
    """The server as a context manager; `url` is a base URL that ends in `/v1`."""

    def __init__(self, folder: Path) -> None:
        self._binary = folder / "server"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._root = f"http://127.0.0.1:{probe.getsockname()[1]}"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The base URL."""
        return f"{self._root}/v1"

    def __enter__(self) -> Self:
        subprocess.run(["gcc", "-O2", "-w", "-o", str(self._binary), str(SOURCE)], check=True)
        self._process = subprocess.Popen([str(self._binary), self._root.rpartition(":")[2]])
        for _ in range(100):
            try:
                self.reset(latency=0)
                break
            except OSError:
                time.sleep(0.05)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process is not None, "it was started"
        self._process.kill()
        self._process.wait()

    def reset(self, **settings: float) -> None:
        """Zeroes the counters; `settings` are those on top of server.c, such as `latency` in milliseconds."""
        self._get("reset?" + "&".join(f"{name}={value}" for name, value in settings.items()))

    def stats(self) -> dict[str, int]:
        """The counters."""
        found: dict[str, int] = json.loads(self._get("stats"))
        return found

    def _get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self._root}/{path}") as answer:
            data: bytes = answer.read()
        return data

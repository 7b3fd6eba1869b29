"""A small Hub on this machine, and clients of it in processes of their own: they read their settings at import."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from support.processes import run_fresh

TOKEN = "hf_alice"
"""Alice's, who may write to `acme`."""

_SERVER = Path(__file__).parents[1] / "localhub" / "localhub.py"


def free_port() -> int:
    """A port that is free, as is the next one."""
    # Processes that start together have numbers in a row: each begins to look at a place of its own.
    for port in range(20_000 + os.getpid() * 64 % 39_000, 60_000, 2):
        with contextlib.suppress(OSError), socket.socket() as one, socket.socket() as two:
            one.bind(("127.0.0.1", port))
            two.bind(("127.0.0.1", port + 1))
            return port
    raise RuntimeError("no free port")


PEOPLE = (f"alice:write:{TOKEN}:acme",)
"""Whom the Hub knows, as `user:role:token:organisations`."""


@contextlib.contextmanager
def running_hub(
    folder: Path, faults: list[dict[str, Any]] | None = None, *, people: Sequence[str] = PEOPLE, xet: bool = False
) -> Iterator[str]:
    """The URL of a Hub that runs as long as the block."""
    port, rules = free_port(), folder / "faults.json"
    folder.mkdir(exist_ok=True)
    rules.write_text(json.dumps(faults or []))
    command = [sys.executable, str(_SERVER), "--port", str(port), "--data", str(folder / "data")]
    command += ["--faults", str(rules), *(["--xet"] if xet else [])]
    for person in people:
        command += ["--token", person]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(port + 1, server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_for(port: int, server: "subprocess.Popen[bytes]") -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise RuntimeError("the local Hub did not start")


def as_client(url: str, home: Path, code: str, *arguments: str, token: str | None = None) -> Any:
    """What `code` prints as JSON on its last line, run against the Hub at `url` with an empty cache of its own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING"))}
    settings = {
        "HF_ENDPOINT": url,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        **({"HF_TOKEN": token} if token else {}),
    }
    done = run_fresh(_execute, [code, *arguments], {**kept, **settings}, timeout_s=120)
    assert done.code == 0, done.err
    return json.loads(done.out.splitlines()[-1])


def _execute(words: list[str]) -> None:
    sys.argv = ["-c", *words[1:]]
    exec(compile(words[0], "<client>", "exec"), {"__name__": "__main__"})


_UPLOAD = """
import json, sys
from huggingface_hub import HfApi
name, folder, tag, private = sys.argv[1:]
api = HfApi()
api.create_repo(name, repo_type="dataset", private=private == "private")
commit = api.upload_folder(repo_id=name, repo_type="dataset", folder_path=folder)
if tag:
    api.create_tag(name, repo_type="dataset", tag=tag, revision=commit.oid)
print(json.dumps(commit.oid))
"""


def upload(url: str, home: Path, name: str, folder: Path, *, tag: str = "", private: bool = False) -> str:
    """The commit that holds the folder's files on the Hub."""
    oid = as_client(url, home, _UPLOAD, name, str(folder), tag, "private" if private else "", token=TOKEN)
    assert isinstance(oid, str)
    return oid

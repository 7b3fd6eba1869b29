"""A reader who has never been here: loads the release with an empty cache, and with a token only where it needs one."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ...schemas.errors import DataError, EndpointError
from .failure import said

_MODULE = f"{__package__}.fresh_load"
_PLACES = ("HF_", "HUGGING_FACE_", "HUGGINGFACE_")
"""What the names of variables begin with that lead the Hub's libraries to caches, tokens and settings."""
_KEPT = ("HF_HUB_DISABLE_XET", "HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT")
_SHOWN = 3


@dataclass(frozen=True)
class ReadAs:
    """Where and as whom a release is read."""

    endpoint: str
    """The Hub's address."""
    repo: str
    tag: str
    token: str | None
    """None for anybody."""

    def __repr__(self) -> str:
        return f"ReadAs({self.endpoint!r}, {self.repo!r}, {self.tag!r}, {'with' if self.token else 'without'} a token)"


class ReleaseReader(Protocol):
    """Reads a published release and compares it with its manifest."""

    def __call__(self, read_as: ReadAs, manifest: Path) -> None:
        """Comes back where all is the same; raises what `read_back` does."""
        ...


def read_back(read_as: ReadAs, manifest: Path) -> None:
    """The release at the tag is what the manifest says: the digest of every file, and the rows that `datasets` gives.

    Raises:
        DataError: something else arrives.
        EndpointError: the Hub does not give it.
    """
    with tempfile.TemporaryDirectory(prefix="ipm-prefdial-reader-") as home:
        done = subprocess.run(
            [sys.executable, "-m", _MODULE, read_as.repo, read_as.tag, str(manifest)],
            env=_environment(read_as, Path(home)),
            capture_output=True,
            text=True,
            check=False,
        )
    where = f"{read_as.repo} {read_as.tag} is published, but "
    try:
        told = json.loads(done.stdout.splitlines()[-1])
        found = told.get("differences")
        if done.returncode or ("failure" not in told and not isinstance(found, list)):
            raise ValueError(f"the reader ended with {done.returncode}")
    except (IndexError, ValueError, AttributeError) as error:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise EndpointError(f"{where}could not be read back: {said(last)}; repeat the command") from error
    if "failure" in told:
        raise EndpointError(f"{where}could not be read back: {said(told['failure'])}; repeat the command")
    if found:
        raise DataError(f"{where}a reader does not get it as it is here: {'; '.join(found[:_SHOWN])}")


def _environment(read_as: ReadAs, home: Path) -> Mapping[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(_PLACES)}
    kept.pop("XDG_CACHE_HOME", None)
    settings = {
        "HF_ENDPOINT": read_as.endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    return {**kept, **settings, **({"HF_TOKEN": read_as.token} if read_as.token else {})}

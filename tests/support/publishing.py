"""A small Hub with several people, looked at from outside with git, and releases that can be published to it."""

import atexit
import contextlib
import hashlib
import json
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from huggingface_hub import HfApi
from support.audits import audit_release
from support.hub import TOKEN, running_hub
from support.releases import build_scripted

from ipm_prefdial.builders.auditing.run import write_audit
from ipm_prefdial.builders.release import write
from ipm_prefdial.builders.release.layout import MANIFEST
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.specs.released import load_release

REPO = "acme/prefs"
MALLORY = "hf_mallory"
"""Of somebody else who may write to `acme`."""
BOB = "hf_bob"
"""Of somebody who may write to nothing of `acme`."""
READ_ONLY = "hf_readonly"
PROPOSER = "hf_proposer"
"""Of a member of `acme` who may only open pull requests."""
STALE = "hf_expired"
"""Of nobody any more."""

_PEOPLE = (
    f"alice:write:{TOKEN}:acme",
    f"mallory:write:{MALLORY}:acme",
    f"bob:write:{BOB}",
    f"carol:read:{READ_ONLY}:acme",
    f"dave:pr:{PROPOSER}:acme",
)


@dataclass(frozen=True)
class HubServer:
    """A running Hub."""

    url: str
    data: Path
    home: Path
    """A folder for the homes of clients."""
    xet: bool = False
    _homes: list[Path] = field(default_factory=list)

    def environ(self, token: str | None = TOKEN) -> dict[str, str]:
        """The environment of a client with an empty home of its own."""
        self._homes.append(self.home / f"home-{len(self._homes)}")
        return {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(self._homes[-1]),
            "HF_HUB_DISABLE_XET": "0" if self.xet else "1",
            **({"HF_TOKEN": token} if token else {}),
        }

    def fault(self, *rules: dict[str, Any]) -> None:
        """Plants faults, in place of those that were planted before; counting starts anew, and so does the log."""
        for path, method in (("faults", "POST"), ("log", "DELETE")):
            data = json.dumps(list(rules)).encode() if method == "POST" else None
            urllib.request.urlopen(urllib.request.Request(f"{self.url}/_localhub/{path}", data, method=method)).close()

    def faults(self) -> set[str]:
        """The faults that requests have met, by what they did."""
        return {entry["fault"] for entry in self.log() if entry["fault"]}

    def log(self) -> list[dict[str, Any]]:
        """Every request so far."""
        with urllib.request.urlopen(f"{self.url}/_localhub/log") as answer:
            found: list[dict[str, Any]] = json.load(answer)
            return found

    def repo(self, name: str = REPO) -> "GitRepo":
        """A repo as git sees it."""
        return GitRepo(self.data / "repos" / "datasets" / f"{name}.git", self.data / "lfs")

    def api(self, token: str = TOKEN) -> HfApi:
        """The Hub's own client, in this process."""
        return HfApi(endpoint=self.url, token=token)


@dataclass(frozen=True)
class GitRepo:
    """A bare repo of the Hub, looked at with git itself."""

    folder: Path
    lfs: Path
    """Large file storage, by sha256."""

    def holds(self, release: Release, revision: str, *, besides: Mapping[str, bytes] | None = None) -> bool:
        """Whether a revision is the release byte for byte, with the files of others and nothing else."""
        names = self.git("ls-tree", "-r", "--name-only", revision).splitlines()
        due = {name: (release.root / name).read_bytes() for name in (*release.manifest.files, MANIFEST)}
        due |= besides or {}
        return sorted(names) == sorted((*due, ".gitattributes")) and all(
            self.bytes_of(name, revision) == data for name, data in due.items()
        )

    def bytes_of(self, name: str, revision: str) -> bytes:
        """A file of a revision, from large file storage where it is there."""
        data = self._run("show", f"{revision}:{name}").stdout
        if data.startswith(b"version https://git-lfs"):
            sha256 = data.split(b"sha256:")[1].split()[0].decode()
            data = (self.lfs / sha256[:2] / sha256).read_bytes()
            assert hashlib.sha256(data).hexdigest() == sha256
        return data

    def titles(self) -> list[str]:
        """The commits of `main`, the oldest first."""
        return self.git("log", "--reverse", "--format=%s", "main").splitlines()

    def tags(self) -> list[str]:
        """The tags."""
        return self.git("tag").splitlines()

    def is_sound(self) -> bool:
        """Whether git finds no fault in it."""
        return self._run("fsck", "--strict", "--full", check=False).returncode == 0

    def git(self, *words: str) -> str:
        """What git prints."""
        return self._run(*words).stdout.decode()

    def _run(self, *words: str, check: bool = True) -> "subprocess.CompletedProcess[bytes]":
        command = ["git", "-c", "safe.directory=*", "-C", str(self.folder), *words]
        return subprocess.run(command, capture_output=True, check=check)


@contextlib.contextmanager
def hub_server(folder: Path, *, xet: bool = False) -> Iterator[HubServer]:
    """A Hub that runs as long as the block."""
    folder.mkdir(exist_ok=True)
    with running_hub(folder / "server", people=_PEOPLE, xet=xet) as url:
        yield HubServer(url, folder / "server" / "data", folder / "homes", xet)


@lru_cache
def publishable(
    version: str,
    dialogues: int,
    *,
    gates: tuple[tuple[str, float], ...] = (("faults", 0),),
    rows_per_shard: int = write.ROWS_PER_SHARD,
) -> Release:
    """A small audited release with so many of the sample's dialogues; made once a process, and only to be read.

    With few rows a shard, it has as many files as a release of millions of rows.
    """
    spec = load_release("1.0.0").spec.model_copy(update={"version": version, "gates": {"rows": 0, **dict(gates)}})
    folder = mkdtemp(prefix="ipm-prefdial-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(write, "ROWS_PER_SHARD", rows_per_shard)
        release = build_scripted(Path(folder, "release"), limit=dialogues, spec=spec)
    write_audit(release, audit_release(release, sample=50))
    return Release(release.root)

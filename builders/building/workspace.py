"""The folder in which a build works, and the rename that publishes a complete release to its own folder."""

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ...schemas.documents import read_json
from ...schemas.errors import OutputExistsError, UsageError
from ...schemas.files import NotPlainError, write_whole
from ..release.layout import MANIFEST
from ..release.parts import read_places


@dataclass(frozen=True)
class Workspace:
    """The files of a build to `out`, in `<out>.partial` beside it."""

    out: Path

    @property
    def root(self) -> Path:
        """The folder itself; a build that stops leaves it, one that finishes deletes it."""
        return self.out.with_name(f"{self.out.name}.partial")

    @property
    def records(self) -> Path:
        return self.root / "records.sqlite"

    @property
    def batches(self) -> Path:
        """The ledger of the requests in batches of a provider."""
        return self.root / "batches.sqlite"

    @property
    def spool(self) -> Path:
        """The dialogues in source order."""
        return self.root / "dialogues.jsonl"

    @property
    def release(self) -> Path:
        """The tables and files until they are published to `out`."""
        return self.root / "release"

    def open(self, *, force: bool) -> None:
        """Creates the folder, or reopens that of an earlier run.

        Raises:
            OutputExistsError: `out` exists, and is not a release that `force` may replace.
            UsageError: the folder cannot be written.
        """
        self._refuse_existing(force)
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            if self.root.is_symlink():
                raise NotPlainError(self.root, "a link, and nothing is written through links: remove it")
            write_whole(self.root / ".writable", "")
            (self.root / ".writable").unlink()
        except OSError as error:
            raise UsageError(f"{self.out}: cannot be written: {error.strerror}; choose another --out") from error

    def clear(self) -> None:
        """Removes the unfinished tables of an earlier run; the caller must hold the lock of the records."""
        shutil.rmtree(self.release, ignore_errors=True)

    def _refuse_existing(self, force: bool) -> None:
        if not self.out.exists() or (self.out.is_dir() and not any(self.out.iterdir())):
            return
        if not (self.out / MANIFEST).is_file():
            raise OutputExistsError(f"{self.out}: it exists and is not a release; choose another --out")
        if not force:
            raise OutputExistsError(
                f"{self.out}: it is built already; raise the version, choose another --out, or replace an unpublished "
                "release with --force"
            )
        self._refuse_published()

    # A published version is never rebuilt: `--force` is for unpublished releases.
    def _refuse_published(self) -> None:
        try:
            version = read_json(self.out / MANIFEST, self.out)["version"]
        except (OSError, ValueError, KeyError, TypeError):
            version = None
        for place in read_places(self.out):
            if version in (None, place.version):
                raise OutputExistsError(
                    f"{self.out}: it is published as {place.tag} of {place.repo}; raise the version, and choose "
                    "another --out"
                )

    def publish(self) -> None:
        """Moves the finished release to `out` by a rename, and deletes the workspace."""
        old = self.out.with_name(f"{self.out.name}.replaced")
        if self.out.exists():
            shutil.rmtree(old, ignore_errors=True)
            self.out.rename(old)
        self.release.rename(self.out)
        _sync_folder(self.out.parent)
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(self.root, ignore_errors=True)

    @contextmanager
    def timed(self, clock: "Clock") -> Iterator[None]:
        """Adds the time of this run to that of the earlier runs, even if this one is stopped."""
        path = self.root / "seconds.json"
        clock.before = _seconds_in(path)
        try:
            yield
        finally:
            # On a full disk, the error that stopped the build matters, not that its duration was not saved.
            with suppress(OSError):
                write_whole(path, json.dumps(clock.total()))


class Clock:
    """Wall time of all runs of one build, in seconds."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC)
        self.before = 0.0
        self._from = time.monotonic()

    def total(self) -> float:
        return self.before + time.monotonic() - self._from


# What an earlier run noted; none where the note cannot be read: it is not a reason to stop a build.
def _seconds_in(path: Path) -> float:
    try:
        return float(read_json(path, path.parent))
    except (OSError, ValueError, TypeError):
        return 0.0


# Makes a rename in `folder` durable.
def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

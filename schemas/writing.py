"""The one way in which files are written: a temporary file in the same folder, then a rename; never through a link.

A reader sees the old file or the new one, never half of it; where a disk is full, the old files stay and nothing else
is left behind. `FileSet` does so for files that belong together.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from .plain_files import NotPlainError, fault_of_name

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_whole(path: Path, data: str | bytes) -> None:
    """Writes a file, whole and durably, instead of one that may be there; text as UTF-8.

    Raises:
        OSError: it cannot be written, and what was there is still there; `NotPlainError` where a link or anything but
            a plain file stands in its place.
    """
    with replacing(path) as part:
        handle = os.open(part, _NEW, _mode_of(path))
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """The place of a temporary file beside `path`, for what writes by itself; it is renamed when the block is done.

    Raises:
        NotPlainError: a link or anything but a plain file stands at `path`.
        OSError: it cannot be put in place.
    """
    check_target(path)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        yield part
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def check_target(path: Path) -> None:
    """Nothing stands at `path`, or a plain file does.

    Raises:
        NotPlainError: a link, a folder or anything else does.
    """
    try:
        there = os.lstat(path)
    except FileNotFoundError:
        return
    if stat.S_ISLNK(there.st_mode):
        raise NotPlainError(path, "a link, and nothing is written through links: remove it, or put a file there")
    if not stat.S_ISREG(there.st_mode):
        raise NotPlainError(path, "no plain file: move it away")


class FileSet:
    """Files of one folder that are replaced together: where one cannot be written, all are put back as they were.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._earlier: dict[str, Path | None] = {}

    def write(self, name: str, data: str | bytes) -> None:
        """Writes a file below the folder; folders on the way are made.

        Raises:
            OSError: it cannot be written; `NotPlainError` where a link is in the way.
        """
        path = self._path(name)
        self._keep(name, path)
        write_whole(path, data)

    def remove(self, name: str) -> None:
        """Removes a file below the folder, where there is one."""
        path = self._path(name, make=False)
        if path.parent.is_dir():
            check_target(path)
            self._keep(name, path)
            path.unlink(missing_ok=True)

    def _path(self, name: str, *, make: bool = True) -> Path:
        if fault := fault_of_name(name):
            raise NotPlainError(self.root / name, f"no file of this folder: {fault}")
        folder = self.root
        for part in name.split("/")[:-1]:
            folder /= part
            if folder.is_symlink():
                raise NotPlainError(folder, "a link, and nothing is written through links: remove it")
            if make:
                folder.mkdir(exist_ok=True)
        return self.root / name

    def _keep(self, name: str, path: Path) -> None:
        """Keeps what is there, under another name, until all is written."""
        if name in self._earlier:
            return
        check_target(path)
        kept = path.with_name(f".{path.name}.before")
        kept.unlink(missing_ok=True)
        if not path.exists():
            self._earlier[name] = None
            return
        try:
            os.link(path, kept)
        except OSError:  # a file system without hard links
            kept.write_bytes(path.read_bytes())
        self._earlier[name] = kept

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for name, kept in self._earlier.items():
            with suppress(OSError):
                if kept is not None and kind is not None:
                    kept.replace(self.root / name)
                    # Two names of one file stay two names when one is renamed to the other.
                    kept.unlink(missing_ok=True)
                elif kept is not None:
                    kept.unlink(missing_ok=True)
                elif kind is not None:
                    (self.root / name).unlink(missing_ok=True)


def _mode_of(path: Path) -> int:
    try:
        return stat.S_IMODE(path.lstat().st_mode)
    except FileNotFoundError:
        return 0o666

"""Reads and writes files whose names come from outside, so that no link leads elsewhere and no file is half written.

A name from a manifest, a card or a folder is relative and normal. A file is opened component by component without
following links, and only where it is a regular file: a FIFO or a device is refused before it is opened. The one
exception is a snapshot in the cache of the Hub's client, a folder of links into the `blobs` folder of the same repo,
whose entries may link to the `blobs` that the whole cache shares: these two links are resolved, each only to the place
where the client puts it. The folder or file that the user names may itself be a link.

Every write goes to a temporary file in the same folder and is then renamed. A reader sees the old file or the new one;
where the disk is full, the old files stay and nothing else is left behind. `FileSet` does so for several files.
"""

import errno
import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from .escape import printable

# The cache names a blob by what the server gave as its ETag: SHA-1 of Git for small files, SHA-256 for large ones.
_BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# The shared cache names blobs by Xet's hash instead.
_XET_HASH = re.compile(r"[0-9a-f]{64}")
_REPO = re.compile(r"(?:datasets|models|spaces|kernels)--.+")
# Names end up on terminals, in YAML and in Markdown: what could start a new line there is refused here.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# `C:name` is absolute on Windows, where a release may be read although it was written on Linux.
_DRIVE = re.compile(r"[A-Za-z]:")
# O_NONBLOCK, because opening a named pipe would otherwise wait for a writer that may never come.
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# The deepest nesting of folders that is searched.
_MOST_DEEP = 32

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISLNK, "a link, and links are not followed: put the file itself there (`cp -rL` copies what links name)"),
    (stat.S_ISFIFO, "a named pipe, no plain file"),
    (stat.S_ISSOCK, "a socket, no plain file"),
    (stat.S_ISBLK, "a device, no plain file"),
    (stat.S_ISCHR, "a device, no plain file"),
)


class NotPlainError(OSError):
    """There is no plain file at a path but something else, such as a link or a named pipe; `strerror` names it."""

    def __init__(self, path: Path | str, what: str) -> None:
        super().__init__(errno.EINVAL, f"it is {what}", printable(path))


def fault_of_name(name: str) -> str | None:
    """The reason why a name is not a plain, relative name of a file inside a folder; None where it is one."""
    if not name:
        return "it is empty"
    if _CONTROL.search(name) or not name.isprintable():
        return "it has a control character, or bytes that are not UTF-8"
    if "\\" in name:
        return "it has a backslash"
    if name.startswith("/") or _DRIVE.match(name):
        return "it is absolute"
    if any(part in ("", ".", "..") for part in name.split("/")):
        return "it is not normal: it has an empty part, `.` or `..`"
    return None


def open_plain(path: Path) -> BinaryIO:
    """The one file that the user names, which may be a link to a plain file.

    Raises:
        OSError: it cannot be opened; `NotPlainError` where it is not a plain file.
    """
    # `stat` follows links: the user named this path, so where it leads is what the user means.
    there = path.stat()
    if not stat.S_ISREG(there.st_mode):
        raise NotPlainError(path, _kind(there))
    return _checked(path, os.open(path, _READ & ~os.O_NOFOLLOW))


def open_inside(root: Path, name: str) -> BinaryIO:
    """A file of a folder, by its name below it; no link is followed but a cache snapshot's own.

    Raises:
        OSError: it cannot be opened; `NotPlainError` where the name is not plain, or it is not a plain file.
    """
    if fault := fault_of_name(name):
        raise NotPlainError(Path(root, printable(name)), f"no file of this folder: {fault}")
    *folders, last = name.split("/")
    # Every component is opened relative to the folder before it. A path that is resolved as a whole could be exchanged
    # for a link between the check and the opening.
    at = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for number, folder in enumerate(folders):
            inner = _open_folder(root, folders[: number + 1], folder, at)
            os.close(at)
            at = inner
        # Looked at before it is opened, because merely opening a device can have an effect.
        there = os.stat(last, dir_fd=at, follow_symlinks=False)
        if stat.S_ISLNK(there.st_mode):
            return _open_blob(root, name, os.readlink(last, dir_fd=at), there)
        if not stat.S_ISREG(there.st_mode):
            raise NotPlainError(Path(root, name), _kind(there))
        return _checked(Path(root, name), os.open(last, _READ, dir_fd=at))
    finally:
        os.close(at)


def is_inside(root: Path, name: str) -> bool:
    """Whether there is such a plain file.

    Raises:
        NotPlainError: there is something else.
    """
    try:
        open_inside(root, name).close()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def read_inside(root: Path, name: str) -> bytes | None:
    """The bytes of a small file of a folder; None if there is none.

    Raises:
        OSError: it cannot be read; `NotPlainError` where it is not a plain file.
    """
    try:
        with open_inside(root, name) as file:
            return file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None


def plain_files(root: Path) -> list[str]:
    """The names of all files below a folder, sorted; what begins with a dot is left out, folder or file.

    Raises:
        OSError: a folder cannot be read; `NotPlainError` where there is a link, or anything but files and folders, or
            a name that is none.
    """
    return sorted(_walk(root, ()))


def is_cache_snapshot(root: Path) -> bool:
    """Whether a folder is a snapshot in the cache of the Hub's client, or inside one: never to be written to."""
    snapshot = _snapshot_of(root)
    if snapshot is None:
        return False
    repo = snapshot.parent.parent
    return _REPO.fullmatch(repo.name) is not None or (repo / "blobs").is_dir()


def _walk(root: Path, above: Sequence[str]) -> Iterator[str]:
    if len(above) > _MOST_DEEP:
        raise NotPlainError(Path(root, *above), f"a folder more than {_MOST_DEEP} levels deep")
    with os.scandir(Path(root, *above)) as entries:
        # Sorted, so that a digest over the files does not depend on the file system.
        found = sorted(entries, key=lambda entry: entry.name)
    for entry in found:
        name = "/".join((*above, entry.name))
        if entry.name.startswith("."):
            continue
        if fault := fault_of_name(name):
            raise NotPlainError(Path(root, printable(name)), f"a name that no data set may have: {fault}")
        there = entry.stat(follow_symlinks=False)
        if stat.S_ISDIR(there.st_mode):
            yield from _walk(root, (*above, entry.name))
        elif stat.S_ISREG(there.st_mode):
            yield name
        elif stat.S_ISLNK(there.st_mode):
            _open_blob(root, name, str(Path(entry.path).readlink()), there).close()
            yield name
        else:
            raise NotPlainError(entry.path, _kind(there))


def _open_folder(root: Path, way: Sequence[str], name: str, at: int) -> int:
    try:
        return os.open(name, _FOLDER, dir_fd=at)
    except OSError:
        there = os.stat(name, dir_fd=at, follow_symlinks=False)
        if not stat.S_ISDIR(there.st_mode):
            raise NotPlainError(Path(root, *way), _kind(there)) from None
        raise


# The file that a link of a cache snapshot stands for.
def _open_blob(root: Path, name: str, target: str, there: os.stat_result) -> BinaryIO:
    path = Path(root, name)
    snapshot = _snapshot_of(root)
    if snapshot is None:
        raise NotPlainError(path, _kind(there))
    blobs = snapshot.parent.parent / "blobs"
    folder = Path(os.path.realpath(root), name).parent
    # Resolved as text, not by the file system: a link on the way could make `..` mean another folder.
    blob = Path(os.path.normpath(folder / target))
    if blob.parent != blobs or _BLOB.fullmatch(blob.name) is None or blobs.is_symlink():
        raise NotPlainError(path, _kind(there))
    plain = blob.lstat()
    if stat.S_ISLNK(plain.st_mode):
        blob = _shared_blob(blob, plain)
        plain = blob.lstat()
    if not stat.S_ISREG(plain.st_mode):
        raise NotPlainError(blob, _kind(plain))
    return _checked(path, os.open(blob, _READ))


# The shared file of a blob that the cache keeps once for all repos; see `huggingface_hub.utils._shared_blobs`.
def _shared_blob(blob: Path, there: os.stat_result) -> Path:
    store = blob.parent.parent.parent / "blobs"
    shared = Path(os.path.normpath(blob.parent / blob.readlink()))
    is_known = _XET_HASH.fullmatch(shared.name) is not None and shared == store / shared.name[:2] / shared.name
    if not is_known or store.is_symlink() or shared.parent.is_symlink():
        raise NotPlainError(blob, _kind(there))
    return shared


# The snapshot folder that `root` is, or is inside.
def _snapshot_of(root: Path) -> Path | None:
    real = Path(os.path.realpath(root))
    return next((one for one in (real, *real.parents) if one.parent.name == "snapshots"), None)


# The open file. It is checked again, because it may have been exchanged since the first check.
def _checked(path: Path, handle: int) -> BinaryIO:
    there = os.fstat(handle)
    if not stat.S_ISREG(there.st_mode):
        os.close(handle)
        raise NotPlainError(path, _kind(there))
    return os.fdopen(handle, "rb")


def _kind(there: os.stat_result) -> str:
    return next((words for is_it, words in _KINDS if is_it(there.st_mode)), "no plain file")


_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_whole(path: Path, data: str | bytes) -> None:
    """Writes a file whole and durably, replacing the one that may be there; text as UTF-8.

    Raises:
        OSError: it cannot be written, and the old file is still there; `NotPlainError` where a link or anything but a
            plain file is in its place.
    """
    with replacing(path) as part:
        handle = os.open(part, _NEW, _mode_of(path))
        with os.fdopen(handle, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
            file.flush()
            # Without it a crash right after the renaming could leave an empty file under the final name.
            os.fsync(file.fileno())


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` for the block to write to; it is renamed when the block ends without an error.

    Raises:
        NotPlainError: `path` is a link or anything but a plain file.
        OSError: it cannot be put in place.
    """
    check_target(path)
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    try:
        yield part
        part.replace(path)
    # Also for an interrupt from the keyboard: a part that stays would look like a file of the release.
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def check_target(path: Path) -> None:
    """Checks that `path` is free or a plain file.

    Raises:
        NotPlainError: a link, a folder or anything else is there.
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
    """Replaces files of one folder together: where one cannot be written, all are restored.

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

    # Keeps the old file under another name until all files are written.
    def _keep(self, name: str, path: Path) -> None:
        if name in self._earlier:
            return
        check_target(path)
        kept = path.with_name(f".{path.name}.before")
        kept.unlink(missing_ok=True)
        if not path.exists():
            self._earlier[name] = None
            return
        try:
            # A hard link costs nothing and cannot fail half way, as a copy of a large table can on a full disk.
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

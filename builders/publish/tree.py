"""Files as git and the Hub know them: whether a commit holds exactly the bytes that it should."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A file in a commit."""

    oid: str
    """Id of its git blob; of the pointer's where the file itself is in large file storage."""
    size: int
    """Bytes of the file."""
    sha256: str | None
    """Digest of the file where it is in large file storage, whether by LFS or Xet; the oid tells nothing then."""


@dataclass(frozen=True)
class LocalFile:
    """A file that is to be published."""

    path: Path
    sha256: str
    size: int
    oid: str
    """Id that its bytes have as a git blob."""

    def is_in(self, entry: Entry | None) -> bool:
        """Whether the entry of a commit holds these bytes."""
        if entry is None:
            return False
        if entry.sha256 is not None:
            return (entry.sha256, entry.size) == (self.sha256, self.size)
        return entry.oid == self.oid


Tree = Mapping[str, Entry]
"""The files of a commit by path."""


def local_file(path: Path) -> LocalFile:
    """A file with both of its digests, read once and in pieces."""
    size = path.stat().st_size
    sha256, oid = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            sha256.update(piece)
            oid.update(piece)
    return LocalFile(path, sha256.hexdigest(), size, oid.hexdigest())


def missing(tree: Tree, files: Mapping[str, LocalFile]) -> Iterator[str]:
    """What of `files` the tree does not hold, in words."""
    for name, file in files.items():
        if name not in tree:
            yield f"{name} is not there"
        elif not file.is_in(tree[name]):
            yield f"{name} has other bytes"


def disturbed(tree: Tree, files: Mapping[str, LocalFile], kept: Tree) -> Iterator[str]:
    """What of a tree is neither of `files` nor as `kept` has it, in words."""
    for name, entry in kept.items():
        if tree.get(name) != entry:
            yield f"{name}, which is not of the release, was changed"
    for name in tree:
        if name not in files and name not in kept:
            yield f"{name} should not be there"

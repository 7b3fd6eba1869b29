"""One dataset repo of the Hub, with the few operations that publishing needs.

Reads are retried if the Hub fails, and so are uploads, which change nothing that readers see. Any other write is sent
once; the caller finds out afterwards whether it succeeded.
"""

import hashlib
import logging
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from ...schemas.errors import DataError
from ..release.read import fetch_release
from ._failure import HubError, hub_failures, patiently

if TYPE_CHECKING:
    from huggingface_hub import CommitOperationAdd, HfApi

# Files as Git and the Hub identify them, to check whether a commit holds exactly the right bytes.


@dataclass(frozen=True)
class Entry:
    """A file in a commit."""

    oid: str
    """Id of its git blob; of the pointer's where the file itself is in large file storage."""
    size: int
    """Bytes of the file."""
    sha256: str | None
    """Digest of the file if it is in large file storage (LFS or Xet); the oid then says nothing about the bytes."""


@dataclass(frozen=True)
class LocalFile:
    """A local file of the release."""

    path: Path
    sha256: str
    size: int
    oid: str
    """Id of its bytes as a Git blob."""

    def is_in(self, entry: Entry | None) -> bool:
        """Whether an entry of a commit has these bytes."""
        if entry is None:
            return False
        if entry.sha256 is not None:
            return (entry.sha256, entry.size) == (self.sha256, self.size)
        return entry.oid == self.oid


Tree = Mapping[str, Entry]
"""The files of a commit by path."""


def local_file(path: Path) -> LocalFile:
    """A file with both digests, read once, in chunks."""
    size = path.stat().st_size
    # Git's id of a blob is the SHA-1 of a header and the bytes.
    sha256, oid = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            sha256.update(piece)
            oid.update(piece)
    return LocalFile(path, sha256.hexdigest(), size, oid.hexdigest())


def missing(tree: Tree, files: Mapping[str, LocalFile]) -> Iterator[str]:
    """Descriptions of the files that the tree does not hold."""
    for name, file in files.items():
        if name not in tree:
            yield f"{name} is not there"
        elif not file.is_in(tree[name]):
            yield f"{name} has other bytes"


def disturbed(tree: Tree, files: Mapping[str, LocalFile], kept: Tree) -> Iterator[str]:
    """Descriptions of entries that are neither in `files` nor as in `kept`."""
    for name, entry in kept.items():
        if tree.get(name) != entry:
            yield f"{name}, which is not of the release, was changed"
    for name in tree:
        if name not in files and name not in kept:
            yield f"{name} should not be there"


log = logging.getLogger(__name__)

T = TypeVar("T")
MAIN = "main"
Gating = Literal["auto", "manual"]

_BATCH_FILES, _BATCH_BYTES = 64, 1 << 30
"""Of an upload. A batch that is done is never sent again, whatever happens afterwards: LFS knows its objects by their
digest, and Xet knows its chunks once the batch is closed. After a kill, only one batch is sent again."""


@dataclass(frozen=True)
class Account:
    """The account of the token."""

    name: str
    may_write: bool
    """Whether the token may write at all; only the Hub knows to which repos."""
    namespaces: frozenset[str] | None
    """Where it may have a repo: under its own name and its organisations; None for a token with rights of its own."""


@dataclass(frozen=True)
class RepoInfo:
    """An existing repo."""

    private: bool
    gated: bool
    head: str
    """The commit that `main` points at."""

    @property
    def public(self) -> bool:
        """Whether anybody can read it without a token."""
        return not self.private and not self.gated


@dataclass(frozen=True)
class Commit:
    """A commit of the history."""

    oid: str
    author: str
    title: str
    message: str
    """The text below the title."""


class HubRepo:
    """The dataset `ORG/NAME`.

    Every method raises `HubError` if the Hub refuses, fails or cannot be reached.
    """

    def __init__(self, name: str, api: "HfApi", *, sleep: Callable[[float], None] = time.sleep) -> None:
        self.name, self.api, self.sleep = name, api, sleep

    @property
    def namespace(self) -> str:
        """The organisation or person that it belongs to."""
        return self.name.partition("/")[0]

    # ---- reads

    def account(self) -> Account:
        told = self._read("say whose token this is", self.api.whoami)
        role = told.get("auth", {}).get("accessToken", {}).get("role")
        orgs = (org["name"] for org in told.get("orgs", ()) if org.get("roleInOrg") != "read")
        # A fine-grained token has rights that `whoami` does not list in full; the Hub itself refuses where they do not
        # suffice.
        namespaces = frozenset((told["name"], *orgs)) if role == "write" else None
        return Account(told["name"], role != "read", namespaces)

    def info(self) -> RepoInfo | None:
        """The state of the repo; None if there is none, or none that this token may see."""
        from huggingface_hub.errors import RepositoryNotFoundError

        def ask() -> RepoInfo | None:
            try:
                found = self.api.dataset_info(self.name, revision=MAIN)
            except RepositoryNotFoundError:
                return None
            return RepoInfo(bool(found.private), bool(found.gated), str(found.sha))

        return self._read(f"tell of {self.name}", ask)

    def tags(self) -> dict[str, str]:
        """The commit that each tag points at."""
        refs = self._read("list the tags", lambda: self.api.list_repo_refs(self.name, repo_type="dataset"))
        return {tag.name: tag.target_commit for tag in refs.tags}

    def commits(self, revision: str = MAIN) -> list[Commit]:
        """The history of a revision, the newest first."""
        found = self._read(
            "list the commits",
            lambda: self.api.list_repo_commits(self.name, repo_type="dataset", revision=revision),
        )
        if not found:  # even a new repo has one
            raise HubError(f"{self.name}: the Hub lists no commits of {revision}; repeat the command", transient=False)
        return [Commit(one.commit_id, ", ".join(one.authors), one.title, one.message) for one in found]

    def tree(self, revision: str) -> Tree:
        """Every file of a revision."""
        from huggingface_hub import RepoFile

        found = self._read(
            "list the files",
            lambda: list(
                self.api.list_repo_tree(self.name, repo_type="dataset", revision=revision, recursive=True, expand=False)
            ),
        )
        return {
            one.path: Entry(one.blob_id, one.size, one.lfs.sha256 if one.lfs else None)
            for one in found
            if isinstance(one, RepoFile)
        }

    def read(self, path: str, revision: str) -> bytes:
        """The bytes of a file, not from a cache."""
        with tempfile.TemporaryDirectory() as folder:
            found = self._read(
                f"give {path}",
                lambda: self.api.hf_hub_download(
                    self.name, path, repo_type="dataset", revision=revision, cache_dir=folder
                ),
            )
            return Path(found).read_bytes()

    def fetch(self, revision: str) -> Path:
        """The folder of a release at a revision, in the client's cache."""
        return self._read(f"give {revision}", lambda: fetch_release(self.api, self.name, revision))

    def pull_requests(self) -> dict[int, str]:
        """The newest commit of each pull request, by its number."""
        refs = self._read(
            "list the pull requests",
            lambda: self.api.list_repo_refs(self.name, repo_type="dataset", include_pull_requests=True),
        )
        if refs.pull_requests is None:  # not the same as none: a second request would be opened beside ours
            raise HubError(f"{self.name}: the Hub does not say which pull requests there are", transient=False)
        numbered = ((re.fullmatch(r"refs/pr/(\d+)", one.ref), one.target_commit) for one in refs.pull_requests)
        return {int(found[1]): oid for found, oid in numbered if found}

    def is_open(self, pull_request: int) -> bool:
        """Whether a pull request is still open."""
        found = self._read(
            f"tell of pull request {pull_request}",
            lambda: self.api.get_discussion_details(self.name, pull_request, repo_type="dataset"),
        )
        return found.status in ("open", "draft")

    # ---- writes

    def create(self, *, private: bool) -> None:
        with hub_failures(f"create {self.name}"):
            self.api.create_repo(self.name, repo_type="dataset", private=private)

    def gate(self, how: Gating) -> None:
        """Gates the repo, so that readers must ask for access; it is idempotent, so it is retried like a read."""
        self._read(
            f"gate {self.name}", lambda: self.api.update_repo_settings(self.name, repo_type="dataset", gated=how)
        )

    def upload(self, add: Mapping[str, LocalFile], *, pull_request: bool = False) -> "list[CommitOperationAdd]":
        """Uploads large files to the Hub's storage, where they are invisible until a commit refers to them.

        Returns the operations that add all of the files to a commit. The client skips what the Hub already has.

        Raises:
            DataError: the repo has a `.gitignore` that would leave out a file.
        """
        from huggingface_hub import CommitOperationAdd

        operations = [CommitOperationAdd(path_in_repo=name, path_or_fileobj=file.path) for name, file in add.items()]
        firsts = {file.sha256: number for number, file in reversed([*enumerate(add.values())])}.values()
        # Files of equal bytes (tables without rows) go into another batch than the first of them: it is there by then.
        repeats = [one for number, one in enumerate(operations) if number not in firsts]
        done = 0
        for batch in (*_batches([operations[number] for number in sorted(firsts)]), *_batches(repeats)):
            self._upload_batch(batch, pull_request=pull_request)
            done += len(batch)
            log.info("%d of %d files are in the Hub's storage", done, len(operations))
        # The client silently leaves such files out of the commit: `main` would hold only part of a release.
        if ignored := [one.path_in_repo for one in operations if getattr(one, "_should_ignore", False)]:
            raise DataError(
                f"{self.name}: a .gitignore there would leave out {len(ignored)} files of the release ({ignored[0]} "
                "first): remove it there, and repeat the command"
            )
        return operations

    def _upload_batch(self, batch: "Sequence[CommitOperationAdd]", *, pull_request: bool) -> None:
        self._read(
            "take the files",
            lambda: self.api.preupload_lfs_files(
                self.name,
                batch,
                repo_type="dataset",
                revision=MAIN,
                create_pr=pull_request,
                free_memory=False,
            ),
        )

    def commit(
        self,
        add: "Sequence[CommitOperationAdd]",
        remove: Sequence[str],
        *,
        parent: str,
        title: str,
        description: str,
        pull_request: bool = False,
    ) -> str:
        """Creates one commit on top of `parent`, on `main` or as a pull request; returns its id.

        Args:
            add: the result of `upload`.
            remove: paths of files to delete.
            parent: the commit that `main` must point at.
            title: the title of the commit.
            description: the text below the title.
            pull_request: whether to open a pull request instead of moving `main`.
        """
        from huggingface_hub import CommitOperationDelete

        with hub_failures(f"take the commit {title!r}"):
            done = self.api.create_commit(
                self.name,
                [*add, *(CommitOperationDelete(path_in_repo=name, is_folder=False) for name in remove)],
                commit_message=title,
                commit_description=description,
                repo_type="dataset",
                parent_commit=parent,
                create_pr=pull_request,
            )
        return str(done.oid)

    def tag(self, name: str, oid: str) -> None:
        """Creates a tag that points at a commit."""
        with hub_failures(f"create the tag {name}"):
            self.api.create_tag(self.name, repo_type="dataset", tag=name, revision=oid, exist_ok=False)

    def _read(self, doing: str, ask: Callable[[], T]) -> T:
        def once() -> T:
            with hub_failures(doing):
                return ask()

        return patiently(self.sleep)(once)


# The operations in order, in batches of limited size, each with at least one file.
def _batches(operations: "Sequence[CommitOperationAdd]") -> "Iterator[list[CommitOperationAdd]]":
    batch: list[CommitOperationAdd] = []
    size = 0
    for operation in operations:
        bytes_ = operation.upload_info.size
        if batch and (len(batch) == _BATCH_FILES or size + bytes_ > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(operation)
        size += bytes_
    if batch:
        yield batch

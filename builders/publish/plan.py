"""What one commit has to do: add, leave and remove files of ours, and touch nobody else's.

A release of any size is one commit, so that `main` and the tag show a whole release at every moment: a git branch moves
from one commit to the next and holds nothing in between. The Hub sets no number of operations per commit. It advises 50
to 100 files, because it checks every large file while the request waits, and its gateway gives up after 60 s
(https://huggingface.co/docs/hub/storage-limits, "Number of operations per commit"). The Hub's own client sends up to
1,000 files in a commit as long as commits take less than 40 s (`huggingface_hub._upload_pipeline`). A commit may land
after the gateway gave up, so `commit.landing` looks for it before it is sent again, and `parent_commit` makes a second
one impossible. The limits below are the ones that the Hub does set.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from types import MappingProxyType

from ...schemas.documents import parse_json
from ...schemas.errors import DataError
from ..release.layout import MANIFEST
from .payload import Payload
from .repo import HubRepo
from .tree import Entry, Tree

MOST_LARGE_FILES = 25_000
"""That one commit may add: the limit that `huggingface_hub` documents for `create_commit`."""
MOST_IN_FOLDER = 10_000
"""Files and folders that one folder may hold; the Hub rejects a commit with more."""
MOST_BYTES = 500 * 10**9
"""Of one file: the Hub's hard limit."""


@dataclass(frozen=True)
class CommitPlan:
    """The step from the tree at `parent` to the release."""

    parent: str
    """The commit to be built on; empty where there is no repo yet."""
    add: tuple[str, ...]
    """Paths whose bytes are new."""
    same: tuple[str, ...]
    """Paths that hold the right bytes already."""
    remove: tuple[str, ...]
    """Paths that an earlier release of ours put there and this one does not have."""
    kept: Tree
    """Everybody else's files."""

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        return not self.add and not self.remove


def plan_first(payload: Payload) -> CommitPlan:
    """How the release gets into a repo that is not there yet.

    Raises:
        DataError: the Hub does not take a release of this size.
    """
    return _checked(CommitPlan("", tuple(payload.files), (), (), {}), payload)


def plan_commit(
    repo: HubRepo, payload: Payload, parent: str, taken: Mapping[str, Entry | None] = MappingProxyType({})
) -> CommitPlan:
    """How the release gets on top of the commit `parent`.

    Args:
        repo: where.
        payload: the release.
        parent: the commit.
        taken: files of ours that were changed there, as they were when the release took the change over.

    Raises:
        DataError: somebody else's file, or change to a file of ours, stands in the way; or the Hub does not take a
            release of this size.
    """
    tree = repo.tree(parent)
    add = tuple(name for name, file in payload.files.items() if not file.is_in(tree.get(name)))
    earlier = earlier_release(repo, tree, parent)
    stale = _stale(tree, earlier, payload)
    for name in (*add, *stale):
        if name in taken and taken[name] == tree.get(name):
            continue
        if name not in tree and name in earlier:
            raise DataError(
                f"{repo.name}: {name} was removed there since the release there was published, and publishing would "
                "bring it back: put it back there (its history has it), or build the release without it"
            )
        if name in tree and not is_as_listed(repo, name, tree[name], earlier, parent):
            raise DataError(
                f"{repo.name}: {name} is not as a release of ours left it, and publishing would undo that: put it back "
                "there as it was, or remove it where it is of no release, and repeat the command"
            )
    kept = others_files(tree, earlier, payload)
    for name in kept:
        if is_read_as_rows(name, payload):
            raise DataError(
                f"{repo.name}: {name} is not of the release, but would be read as rows of it: move it away there, and "
                "repeat the command"
            )
    same = tuple(name for name in payload.files if name not in add)
    return _checked(CommitPlan(parent, add, same, stale, kept), payload)


def others_files(tree: Tree, earlier: Mapping[str, str], payload: Payload) -> Tree:
    """The files of a commit that neither the release nor the one before it, `earlier`, put there."""
    ours = {*payload.files, *_stale(tree, earlier, payload)}
    return {name: entry for name, entry in tree.items() if name not in ours}


def is_read_as_rows(name: str, payload: Payload) -> bool:
    """Whether `load_dataset` takes a file for a shard, whoever put it there."""
    return any(fnmatchcase(name, pattern) for pattern in payload.front_matter.patterns)


def _stale(tree: Tree, earlier: Mapping[str, str], payload: Payload) -> tuple[str, ...]:
    """The files of the earlier release that this one does not have."""
    return tuple(name for name in earlier if name in tree and name not in payload.files)


def _checked(plan: CommitPlan, payload: Payload) -> CommitPlan:
    """The plan, where the Hub takes it.

    Raises:
        DataError: it has too many files, too many of them in one folder, or one that is too large.
    """
    advice = "build it with larger shards, or as two releases"
    if len(plan.add) > MOST_LARGE_FILES:
        raise DataError(
            f"{len(plan.add):,} files to add: the Hub takes at most {MOST_LARGE_FILES:,} in a commit, and a release is "
            f"published in one commit or not at all: {advice}"
        )
    folder, entries = _fullest_folder((*plan.kept, *payload.files))
    if entries > MOST_IN_FOLDER:
        raise DataError(f"{folder}/: {entries:,} files: the Hub takes at most {MOST_IN_FOLDER:,} a folder: {advice}")
    for name in plan.add:
        if payload.files[name].size > MOST_BYTES:
            raise DataError(f"{name}: the Hub takes files of at most {MOST_BYTES // 10**9} GB: {advice}")
    return plan


def _fullest_folder(names: Iterable[str]) -> tuple[str, int]:
    """The folder with the most files and folders in it, and how many."""
    paths = {PurePosixPath(name) for name in names}
    entries = {one for path in paths for one in (path, *path.parents) if one.name}
    return max(Counter(str(one.parent) for one in entries).items(), key=lambda item: item[1], default=("", 0))


def earlier_release(repo: HubRepo, tree: Tree, parent: str) -> Mapping[str, str]:
    """The digest of every file that the manifest at `parent` lists, by path; empty where there is no such manifest.

    Read leniently, since another version of this package may have written it.
    """
    if MANIFEST not in tree:
        return {}
    data = repo.read(MANIFEST, parent)
    try:
        manifest = parse_json(data)
        listed = {str(name): str(record["sha256"]) for name, record in manifest["files"].items()}
        return {**listed, MANIFEST: hashlib.sha256(data).hexdigest()} if manifest["spec_sha256"] else {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def is_as_listed(repo: HubRepo, name: str, entry: Entry, earlier: Mapping[str, str], parent: str) -> bool:
    """Whether a file is as the earlier release, `earlier`, put it there; a small one is read for that."""
    if name not in earlier:
        return False
    sha256 = entry.sha256 or hashlib.sha256(repo.read(name, parent)).hexdigest()
    return sha256 == earlier[name]

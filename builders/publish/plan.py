"""What one commit has to do: add, leave and remove files of ours, and touch nobody else's."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ...schemas.documents import parse_json
from ...schemas.errors import DataError
from ..release.layout import MANIFEST
from .payload import Payload
from .repo import HubRepo
from .tree import Entry, Tree

MOST_FILES = 99
"""That one commit adds or removes: the Hub advises against more, and a release is one commit or none."""


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
        DataError: it has too many files for one commit.
    """
    return _checked(CommitPlan("", tuple(payload.files), (), (), {}))


def plan_commit(repo: HubRepo, payload: Payload, parent: str) -> CommitPlan:
    """How the release gets on top of the commit `parent`.

    Raises:
        DataError: somebody else's file, or change to a file of ours, stands in the way; or it is too much for one
            commit.
    """
    tree = repo.tree(parent)
    add = tuple(name for name, file in payload.files.items() if not file.is_in(tree.get(name)))
    earlier = _earlier_release(repo, tree, parent)
    stale = tuple(name for name in earlier if name in tree and name not in payload.files)
    for name in (*add, *stale):
        if name in tree and not _is_as_listed(repo, name, tree[name], earlier, parent):
            raise DataError(
                f"{repo.name}: {name} is not as a release of ours left it, and publishing would undo that: take the "
                "change into the release, or restore or remove the file there, and repeat the command"
            )
    kept = {name: entry for name, entry in tree.items() if name not in payload.files and name not in stale}
    for name in kept:
        if any(fnmatchcase(name, pattern) for pattern in payload.front_matter.patterns):
            raise DataError(
                f"{repo.name}: {name} is not of the release, but would be read as rows of it: move it away there, and "
                "repeat the command"
            )
    same = tuple(name for name in payload.files if name not in add)
    return _checked(CommitPlan(parent, add, same, stale, kept))


def _checked(plan: CommitPlan) -> CommitPlan:
    if len(plan.add) + len(plan.remove) > MOST_FILES:
        raise DataError(
            f"{len(plan.add)} files to add and {len(plan.remove)} to remove: one commit takes at most {MOST_FILES}, "
            "and a release is published in one commit or not at all"
        )
    return plan


def _earlier_release(repo: HubRepo, tree: Tree, parent: str) -> Mapping[str, str]:
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


def _is_as_listed(repo: HubRepo, name: str, entry: Entry, earlier: Mapping[str, str], parent: str) -> bool:
    """Whether a file is as the earlier release put it there; a small one is read for that."""
    if name not in earlier:
        return False
    sha256 = entry.sha256 or hashlib.sha256(repo.read(name, parent)).hexdigest()
    return sha256 == earlier[name]

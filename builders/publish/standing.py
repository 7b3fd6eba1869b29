"""What stands on `main` before a publish: a release that was published, and by which commit; or something else."""

from collections.abc import Mapping

from ...schemas.errors import DataError
from ..release.layout import MANIFEST
from .payload import MARK, Payload
from .repo import MAIN, HubRepo
from .tree import Tree


def check_standing(repo: HubRepo, payload: Payload, head: str, tags: Mapping[str, str]) -> None:
    """The manifest on `main`, by which files of ours are told from others', is that of a publish.

    Call it where a release is published already.

    Raises:
        DataError: it is gone, or was changed by hand.
    """
    tree = repo.tree(head)
    if MANIFEST not in tree:
        raise DataError(
            f"{repo.name}: {MANIFEST} is gone from main though a release is published there, so which files are of "
            "that release cannot be told: put it back there (its history has it), and repeat the command"
        )
    if not payload.files[MANIFEST].is_in(tree[MANIFEST]) and published_commit(repo, tree, tags) is None:
        raise DataError(
            f"{repo.name}: {MANIFEST} on main is not as a release of ours left it: put it back there. Where it came by "
            "a pull request, publish that release first, without --pr: that sets its tag"
        )


def published_commit(repo: HubRepo, tree: Tree, tags: Mapping[str, str]) -> str | None:
    """The commit by which the release in a tree was published: that of its tag, or one that bears its mark."""
    manifest = tree[MANIFEST]
    for oid in reversed([*tags.values()]):
        if repo.tree(oid).get(MANIFEST) == manifest:
            return oid
    for commit in repo.commits(MAIN):
        if MARK in commit.message and repo.tree(commit.oid).get(MANIFEST) == manifest:
            return commit.oid
    return None

"""Before anything is sent: whose token it is, what there is under the name, and whether that fits what is asked for."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ...schemas.diff import Diff
from ...schemas.errors import DataError, UsageError
from ...schemas.spec import Version
from ..release.diff.run import diff_releases
from ..release.layout import MANIFEST
from ..release.read import Release
from ._failure import HubError
from ._plan import MARK, Payload, tag_of
from ._repo import MAIN, Gating, HubRepo, RepoInfo, Tree

# The number of a release against what was published before: it may not promise more than the difference keeps.


_TAG = re.compile(r"v((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))", re.ASCII)


def released_versions(tags: Iterable[str]) -> list[str]:
    """The versions that tags name, the newest first; other tags are not ours."""
    found = [match[1] for tag in tags if (match := _TAG.fullmatch(tag))]
    return sorted(found, key=Version.of, reverse=True)


def newest_release(repo: HubRepo, tags: dict[str, str]) -> Release | None:
    """The newest published release; None where there is none yet."""
    # A tag of a version whose tree has no manifest was made by hand and is no release.
    newest = next((one for one in released_versions(tags) if MANIFEST in repo.tree(tags[tag_of(one)])), None)
    return Release(repo.fetch(tags[tag_of(newest)])) if newest is not None else None


def check_number(release: Release, newest: Release) -> Diff:
    """What differs from the newest published release.

    Raises:
        DataError: the release's number does not follow from the difference.
    """
    stated, published = release.manifest.version, newest.manifest.version
    if Version.of(stated) < Version.of(published):
        raise DataError(
            f"{release.root}: {published} is published already, so {stated} would come too late: a release goes on "
            "top of the newest one"
        )
    diff = diff_releases(newest, release)
    if not diff.fits:
        reason = str(diff.reasons[0]) if diff.reasons else "nothing is different"
        raise DataError(
            f"{release.root}: {stated} does not fit what differs from {published} ({reason}); the next number is "
            f"{diff.smallest} or larger: raise the spec's version and build again"
        )
    return diff


# What stands on `main` before a publish: a release that was published, and by which commit; or something else.


def check_standing(repo: HubRepo, payload: Payload, head: str, tags: Mapping[str, str]) -> None:
    """Checks that the manifest on `main` is that of a publish: it tells our files from others.

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
    # Tags first: they are few, and a squashed history may have lost the commit.
    for oid in reversed([*tags.values()]):
        if repo.tree(oid).get(MANIFEST) == manifest:
            return oid
    for commit in repo.commits(MAIN):
        if MARK in commit.message and repo.tree(commit.oid).get(MANIFEST) == manifest:
            return commit.oid
    return None


# What a publish is asked to do.


@dataclass(frozen=True)
class PublishOptions:
    """What a publish is asked to do."""

    folder: Path
    """The release."""
    repo: str
    """`ORG/NAME` on the Hub."""
    pull_request: bool = False
    """Whether the release is proposed and not put on `main`."""
    private: bool = False
    """Whether a repo that is made for it is private."""
    gated: Gating | None = None
    """Whether readers must ask for access, and how it is granted."""
    dry_run: bool = False
    """Whether nothing is written, at home or on the Hub."""
    accept: Mapping[str, str] = field(default_factory=dict)
    """Why each closed gate may pass, by its name."""
    take_card_edits: bool = False
    """Whether what people changed of the card on the Hub is taken into the release."""


@dataclass(frozen=True)
class RemoteState:
    """What the Hub holds before anything is sent."""

    info: RepoInfo | None
    """None where there is no repo yet."""
    tags: dict[str, str]
    """The commit that each tag points at."""


def inspect_repo(repo: HubRepo, options: PublishOptions) -> RemoteState:
    """What is there, where the command can be followed as it stands.

    Raises:
        UsageError: the token may not do it by what it is, or the repo is not as the command wants it.
        HubError: the Hub refuses or cannot be reached.
    """
    account = repo.account()
    if not account.may_write:
        raise UsageError(f"the token of {account.name} may only read: set HF_TOKEN to one with the right to write")
    namespaces = account.namespaces
    if not options.pull_request and namespaces is not None and repo.namespace not in namespaces:
        raise UsageError(
            f"{account.name} has no right to write to {repo.namespace} (but to {', '.join(sorted(namespaces))}): use "
            "another token, or propose the release with --pr"
        )
    info = repo.info()
    if info is None and options.pull_request:
        raise UsageError(f"{repo.name}: there is no such dataset on the Hub, so nothing to propose a release to")
    if info is not None and options.private and not info.private:
        raise UsageError(f"{repo.name} is there and is public: make it private on its page, or leave out --private")
    return RemoteState(info, repo.tags() if info is not None else {})


def ensure_repo(repo: HubRepo, info: RepoInfo | None, options: PublishOptions) -> RepoInfo:
    """The repo, made where there was none, and gated where that is asked for before any row is in it.

    Raises:
        HubError: the Hub refuses or fails.
    """
    if info is None:
        info = _create(repo, options)
    # Before any row is there, so that the data is at no moment readable by everybody.
    if options.gated is not None and not info.gated:
        repo.gate(options.gated)
        info = repo.info()
        if info is None or not info.gated:
            raise HubError(
                f"{repo.name} was to be gated, and is not: nothing of the release was sent; look, and repeat",
                transient=False,
            )
    return info


# The new repo, also where the Hub made it but its answer was lost.
def _create(repo: HubRepo, options: PublishOptions) -> RepoInfo:
    try:
        repo.create(private=options.private)
    except HubError:
        if (info := repo.info()) is None:
            raise
    else:
        info = repo.info()
    if info is None or info.private != options.private:
        what = "private" if options.private else "public"
        raise HubError(f"{repo.name} was made, but is not there as a {what} repo: look, and repeat", transient=False)
    return info

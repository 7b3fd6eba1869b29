"""The checks before anything is sent: the token, the state of the repo, and whether both fit the command."""

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

# The version of a release, compared with what was published before: the diff says which versions are possible.


_TAG = re.compile(r"v((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))", re.ASCII)


def released_versions(tags: Iterable[str]) -> list[str]:
    """The versions that tags name, newest first; other tags are ignored."""
    found = [match[1] for tag in tags if (match := _TAG.fullmatch(tag))]
    return sorted(found, key=Version.of, reverse=True)


def newest_release(repo: HubRepo, tags: dict[str, str]) -> Release | None:
    """The newest published release; None if there is none yet."""
    # A tag of a version whose tree has no manifest was made by hand and is no release.
    newest = next((one for one in released_versions(tags) if MANIFEST in repo.tree(tags[tag_of(one)])), None)
    return Release(repo.fetch(tags[tag_of(newest)])) if newest is not None else None


def check_number(release: Release, newest: Release) -> Diff:
    """The diff from the newest published release.

    Raises:
        DataError: the release's version does not fit the diff.
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


# The state of `main` before a publish: a published release and its commit, or something else.


def check_standing(repo: HubRepo, payload: Payload, head: str, tags: Mapping[str, str]) -> None:
    """Checks that the manifest on `main` was published by us: it tells our files from others.

    Call it only if a release is already published.

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
    """The commit that published the release in a tree: the one of its tag, or one with its mark."""
    manifest = tree[MANIFEST]
    # Tags first: they are few, and a squashed history may have lost the commit.
    for oid in reversed([*tags.values()]):
        if repo.tree(oid).get(MANIFEST) == manifest:
            return oid
    for commit in repo.commits(MAIN):
        if MARK in commit.message and repo.tree(commit.oid).get(MANIFEST) == manifest:
            return commit.oid
    return None


@dataclass(frozen=True)
class PublishOptions:
    """The options of a publish."""

    folder: Path
    """The release."""
    repo: str
    """`ORG/NAME` on the Hub."""
    pull_request: bool = False
    """Whether to open a pull request instead of moving `main`."""
    private: bool = False
    """Whether a new repo is created as private."""
    gated: Gating | None = None
    """How readers get access, if they must ask for it."""
    dry_run: bool = False
    """Whether to write nothing, neither locally nor on the Hub."""
    accept: Mapping[str, str] = field(default_factory=dict)
    """Reasons for accepting gates that did not pass, by name."""
    take_card_edits: bool = False
    """Whether to take changes of the card on the Hub into the release."""


@dataclass(frozen=True)
class RemoteState:
    """The state of the repo before anything is sent."""

    info: RepoInfo | None
    """None if there is no repo yet."""
    tags: dict[str, str]
    """The commit that each tag points at."""


def inspect_repo(repo: HubRepo, options: PublishOptions) -> RemoteState:
    """The state of the repo, if the command can be carried out there.

    Raises:
        UsageError: the token lacks the right, or the repo contradicts the command.
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
    """The repo, created if there was none, and gated, if wanted, before any row is in it.

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


# The new repo, also if the Hub created it but its response was lost.
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

"""Before anything is sent: whose token it is, what there is under the name, and whether that fits what is asked for."""

from dataclasses import dataclass

from ...schemas.errors import UsageError
from .failure import HubError
from .options import PublishOptions
from .repo import HubRepo, RepoInfo


@dataclass(frozen=True)
class Seen:
    """What the Hub holds before anything is sent."""

    info: RepoInfo | None
    """None where there is no repo yet."""
    tags: dict[str, str]
    """The commit that each tag points at."""


def look(repo: HubRepo, options: PublishOptions) -> Seen:
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
    return Seen(info, repo.tags() if info is not None else {})


def ensure_repo(repo: HubRepo, info: RepoInfo | None, options: PublishOptions) -> RepoInfo:
    """The repo, made where there was none, and gated where that is asked for before any row is in it.

    Raises:
        HubError: the Hub refuses or fails.
    """
    if info is None:
        info = _create(repo, options)
    if options.gated is not None and not info.gated:
        repo.gate(options.gated)
        info = repo.info()
        if info is None or not info.gated:
            raise HubError(
                f"{repo.name} was to be gated, and is not: nothing of the release was sent; look, and repeat",
                transient=False,
            )
    return info


def _create(repo: HubRepo, options: PublishOptions) -> RepoInfo:
    """The new repo, also where the Hub made it but its answer was lost."""
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

"""The one commit of a release: created once, recognised later, and checked byte for byte."""

from collections.abc import Callable, Collection
from itertools import chain, islice

from ...schemas.errors import DataError, EndpointError
from ._failure import HubError, patiently
from ._plan import CommitPlan, Payload, earlier_release, is_read_as_rows, others_files
from ._repo import MAIN, HubRepo, disturbed, missing

_SHOWN = 3


class MovedError(EndpointError):
    """Another commit moved the branch in the meantime; review it, then repeat the command."""


def find_commit(repo: HubRepo, payload: Payload, revision: str = MAIN, *, besides: Collection[str] = ()) -> str | None:
    """The newest commit of a revision, `besides` left out, that is this release by its mark and its files, or None."""
    # The mark finds candidates cheaply; only the files prove that a commit is the release.
    marked = (one.oid for one in repo.commits(revision) if payload.mark in one.message)
    ours = (oid for oid in marked if oid not in besides and not any(missing(repo.tree(oid), payload.files)))
    return next(ours, None)


def make_commit(repo: HubRepo, payload: Payload, plan: CommitPlan) -> str:
    """The id of the commit that puts the release on `main`, whether created now or by an earlier attempt.

    Raises:
        MovedError: another commit moved `main` meanwhile.
        DataError: the repo would leave out a file.
        HubError: the Hub refuses, or fails again and again.
    """
    # Uploaded once, outside the retries: the bytes are then in the Hub's storage whatever becomes of the commit.
    added = repo.upload({name: payload.files[name] for name in plan.add})

    def send() -> str:
        return repo.commit(
            added,
            plan.remove,
            parent=plan.parent,
            title=payload.title,
            description=payload.description,
        )

    return landing(repo, send, lambda: _landed(repo, payload, plan))


def landing(repo: HubRepo, send: Callable[[], str], find: Callable[[], str | None]) -> str:
    """The result of `send`; after each failure, `find` looks for the result before it is sent again.

    The response to a write may be lost although the write succeeded: sending it again blindly could do it twice.
    """

    def once() -> str:
        try:
            return send()
        except HubError as failure:
            found = _look(find, failure)
            if found is None:
                raise
            return found

    return patiently(repo.sleep)(once)


# The result that was found; if even this read fails, nothing is sent again in this run.
def _look(find: Callable[[], str | None], failure: HubError) -> str | None:
    try:
        return find()
    except HubError as unknown:
        # Not transient, because a retry would send the commit again without knowing whether it is there.
        raise HubError(str(unknown), transient=False) from failure


def _landed(repo: HubRepo, payload: Payload, plan: CommitPlan) -> str | None:
    """Our commit, if it exists although the response reported an error.

    Raises:
        MovedError: it does not exist, and `main` has moved.
    """
    if found := find_commit(repo, payload):
        return found
    newest = repo.commits()[0]
    if newest.oid == plan.parent:
        return None
    raise MovedError(
        f"{repo.name}: main was moved to {newest.oid[:12]} by {newest.author} ({newest.title!r}) while this release "
        "was sent; nothing of it was taken over: look at that commit, and repeat the command"
    )


def check_commit(repo: HubRepo, payload: Payload, commit: str) -> None:
    """Checks that a commit holds the release, all other files as in its parent, and nothing else.

    Raises:
        DataError: it does not, so it must not be tagged.
    """
    tree, history = repo.tree(commit), repo.commits(commit)
    wrong = missing(tree, payload.files)
    if len(history) > 1:
        parent = history[1].oid
        before = repo.tree(parent)
        kept = others_files(before, earlier_release(repo, before, parent), payload)
        wrong = chain(wrong, disturbed(tree, payload.files, kept))
    # A squashed history has no parent to compare with, but files that would be read as rows are found all the same.
    strangers = (name for name in tree if name not in payload.files and is_read_as_rows(name, payload))
    wrong = chain(wrong, (f"{name} would be read as rows" for name in strangers))
    if told := list(islice(wrong, _SHOWN)):
        raise DataError(f"{repo.name}: commit {commit[:12]} is not this release and was not tagged: {'; '.join(told)}")


# The tag of a release: created once, on a checked commit, and never moved.


def is_published(repo: HubRepo, payload: Payload, tags: dict[str, str]) -> bool:
    """Whether the release's tag exists and points at these bytes.

    Raises:
        DataError: the tag points at another release.
    """
    commit = tags.get(payload.tag)
    if commit is None:
        return False
    wrong = list(islice(missing(repo.tree(commit), payload.files), _SHOWN))
    if wrong:
        raise DataError(
            f"{repo.name}: {payload.tag} is there and is another release ({'; '.join(wrong)}): a tag never moves, so "
            "build this one under the next version"
        )
    return True


def make_tag(repo: HubRepo, payload: Payload, commit: str) -> None:
    """Makes sure that the tag exists and points at the commit.

    Raises:
        DataError: the tag was made meanwhile, on another commit.
        HubError: the Hub refuses, or fails again and again.
    """

    def find() -> str | None:
        at = repo.tags().get(payload.tag)
        if at not in (None, commit):
            raise DataError(f"{repo.name}: {payload.tag} was made meanwhile and points at {at}, not at {commit}")
        return at

    def send() -> str:
        repo.tag(payload.tag, commit)
        return commit

    landing(repo, send, find)
    if find() is None:
        raise DataError(f"{repo.name}: {payload.tag} was made and is not there: repeat the command")


# Without write access, the same commit is proposed as a pull request.


def propose(repo: HubRepo, payload: Payload, plan: CommitPlan) -> int:
    """The number of the open pull request that holds the release, an existing or a new one.

    Raises:
        DataError: the pull request holds something else, or the repo would leave out a file.
        HubError: the Hub refuses, or fails again and again.
    """
    # An existing request needs no upload, and `send` looks again before every attempt.
    there = _find(repo, payload)
    files = {} if there else {name: payload.files[name] for name in plan.add}
    added = repo.upload(files, pull_request=True)

    def send() -> str:
        # Only a look at the Hub shows whether an earlier attempt succeeded after all.
        if found := _find(repo, payload):
            return found
        repo.commit(
            added,
            plan.remove,
            parent=plan.parent,
            title=payload.title,
            description=payload.description,
            pull_request=True,
        )
        made = _find(repo, payload)
        if made is None:
            raise HubError(f"{repo.name}: the pull request was made and is not there yet; look", transient=False)
        return made

    number = landing(repo, send, lambda: _find(repo, payload))
    commit = _commit_of(repo, payload, int(number))
    check_commit(repo, payload, commit or f"refs/pr/{number}")
    return int(number)


# The number of the newest open pull request with the release in it.
def _find(repo: HubRepo, payload: Payload) -> str | None:
    numbers = sorted(repo.pull_requests(), reverse=True)
    ours = (number for number in numbers if _commit_of(repo, payload, number) and repo.is_open(number))
    return next(map(str, ours), None)


# The commit of a pull request that is the release; commits of `main` are not part of the request.
def _commit_of(repo: HubRepo, payload: Payload, number: int) -> str | None:
    # A request's history begins with that of `main`, where an earlier publish may bear the same mark.
    on_main = {commit.oid for commit in repo.commits()}
    return find_commit(repo, payload, f"refs/pr/{number}", besides=on_main)

"""The one commit of a release: made once, known again, and checked byte for byte."""

from collections.abc import Callable, Collection
from itertools import chain, islice

from ...schemas.errors import DataError, EndpointError
from .failure import HubError, patiently
from .payload import Payload
from .plan import CommitPlan, earlier_release, is_read_as_rows, others_files
from .repo import MAIN, HubRepo
from .tree import disturbed, missing

_SHOWN = 3


class MovedError(EndpointError):
    """Somebody else's commit came in between; the command can be repeated once it was looked at."""


def find_commit(repo: HubRepo, payload: Payload, revision: str = MAIN, *, besides: Collection[str] = ()) -> str | None:
    """The newest commit of a revision, `besides` left out, that is this release by its mark and its files, or None."""
    marked = (one.oid for one in repo.commits(revision) if payload.mark in one.message)
    ours = (oid for oid in marked if oid not in besides and not any(missing(repo.tree(oid), payload.files)))
    return next(ours, None)


def make_commit(repo: HubRepo, payload: Payload, plan: CommitPlan) -> str:
    """The id of the commit that puts the release on `main`, made or found to have been made.

    Raises:
        MovedError: `main` was moved by somebody else meanwhile.
        DataError: the repo would leave out a file.
        HubError: the Hub refuses, or fails again and again.
    """
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
    """What `send` gives; after every failure, what `find` finds of it, before it is sent again.

    The answer to a write may be lost though the write was done: to send it again without looking could do it twice.
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


def _look(find: Callable[[], str | None], failure: HubError) -> str | None:
    """What was found; where the Hub does not say even that, nothing is sent again in this run."""
    try:
        return find()
    except HubError as unknown:
        raise HubError(str(unknown), transient=False) from failure


def _landed(repo: HubRepo, payload: Payload, plan: CommitPlan) -> str | None:
    """Our commit, where it is there although the answer said otherwise.

    Raises:
        MovedError: it is not, and `main` is not where it was.
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
    """The commit holds the release and everybody else's files as its parent has them, and nothing else.

    Raises:
        DataError: it does not; it must not be tagged.
    """
    tree, history = repo.tree(commit), repo.commits(commit)
    wrong = missing(tree, payload.files)
    if len(history) > 1:
        parent = history[1].oid
        before = repo.tree(parent)
        kept = others_files(before, earlier_release(repo, before, parent), payload)
        wrong = chain(wrong, disturbed(tree, payload.files, kept))
    # A squashed history has no parent to compare with; what would be read as rows can be told all the same.
    strangers = (name for name in tree if name not in payload.files and is_read_as_rows(name, payload))
    wrong = chain(wrong, (f"{name} would be read as rows" for name in strangers))
    if told := list(islice(wrong, _SHOWN)):
        raise DataError(f"{repo.name}: commit {commit[:12]} is not this release and was not tagged: {'; '.join(told)}")

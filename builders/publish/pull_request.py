"""The way without a right to write: the same commit, proposed."""

from .commit import check_commit, find_commit, landing
from .failure import HubError
from .payload import Payload
from .plan import CommitPlan
from .repo import HubRepo


def propose(repo: HubRepo, payload: Payload, plan: CommitPlan) -> int:
    """The number of the open pull request that holds the release: one that is there, or else a new one.

    Raises:
        DataError: the pull request holds something else, or the repo would leave out a file.
        HubError: the Hub refuses, or fails again and again.
    """
    # A request that is there needs no upload, and `send` looks again before every attempt.
    there = _find(repo, payload)
    files = {} if there else {name: payload.files[name] for name in plan.add}
    added = repo.upload(files, pull_request=True)

    def send() -> str:
        # Nothing but looking tells a request that landed late from one that never did.
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


def _find(repo: HubRepo, payload: Payload) -> str | None:
    """The number of the newest open pull request with the release in it."""
    numbers = sorted(repo.pull_requests(), reverse=True)
    ours = (number for number in numbers if _commit_of(repo, payload, number) and repo.is_open(number))
    return next(map(str, ours), None)


def _commit_of(repo: HubRepo, payload: Payload, number: int) -> str | None:
    """The commit of a pull request that is the release; what `main` has had is not of the request."""
    on_main = {commit.oid for commit in repo.commits()}
    return find_commit(repo, payload, f"refs/pr/{number}", besides=on_main)

"""The tag of a release: made once, on a commit that was checked, and never moved."""

from itertools import islice

from ...schemas.errors import DataError
from .commit import landing
from .payload import Payload
from .repo import HubRepo
from .tree import missing

_SHOWN = 3


def is_published(repo: HubRepo, payload: Payload, tags: dict[str, str]) -> bool:
    """Whether the release's tag is there and names these bytes.

    Raises:
        DataError: the tag names another release.
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
    """The tag is there and points at the commit.

    Raises:
        DataError: somebody else made the tag meanwhile, on another commit.
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

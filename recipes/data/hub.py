"""Downloads what a recipe needs of a release on the Hub, at a revision that cannot move."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...schemas.config import Config
from ...schemas.errors import EndpointError, UsageError
from ...schemas.manifest import FILE_NAME

_SPLITS = "splits.json"
_COMMIT = re.compile(r"^[0-9a-f]{40}$")


def download_release(repo: str, revision: str | None, *configs: Config) -> Path:
    """The folder, in the Hub client's cache, with the manifest, the splits and some configs of the release.

    Args:
        repo: `ORG/NAME`.
        revision: a tag, or a whole commit.
        configs: whose tables are downloaded.

    Raises:
        UsageError: there is no such repo that one may read, no revision was given, or it is no tag and no commit.
        EndpointError: the Hub cannot be reached or failed.
    """
    if revision is None:
        raise UsageError(f"{repo}: name the tag to train on with --revision, such as v1.0.0")
    from huggingface_hub import HfApi

    with _one_line(repo):
        api = HfApi()
        if not _COMMIT.match(revision):
            refs = api.list_repo_refs(repo, repo_type="dataset")
            _check_tag(repo, revision, [ref.name for ref in refs.tags], [ref.name for ref in refs.branches])
        wanted = [FILE_NAME, _SPLITS, *(f"data/{config}/*" for config in configs)]
        return Path(api.snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=wanted))


def _check_tag(repo: str, revision: str, tags: list[str], branches: list[str]) -> None:
    if revision in tags:
        return
    there = f"its tags are {', '.join(sorted(tags))}" if tags else "it has no tags"
    if revision in branches:
        raise UsageError(f"{repo}: {revision!r} is a branch, which moves; pin the data by a tag: {there}")
    raise UsageError(f"{repo}: there is no tag {revision!r}; {there} (a commit is given with all its 40 digits)")


@contextmanager
def _one_line(repo: str) -> Iterator[None]:
    """What the Hub's client raises becomes one line of ours."""
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is its HTTP library's, whichever
        GatedRepoError,
        HfHubHTTPError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except GatedRepoError as error:
        raise UsageError(f"{repo} is gated: ask for access on its page, then set HF_TOKEN") from error
    except RepositoryNotFoundError as error:
        raise UsageError(
            f"{repo}: no such folder, and no such dataset on the Hub (or private: set HF_TOKEN)"
        ) from error
    except RevisionNotFoundError as error:
        raise UsageError(f"{repo} has no such revision") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, HTTPError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise EndpointError(f"the Hub did not give {repo}: {reason}; repeat the command when it answers") from error

"""A release wherever it is: in a folder, or on the Hub and then in the Hub client's cache."""

from pathlib import Path
from typing import TYPE_CHECKING

from ...schemas.errors import UsageError
from ..sources.hub import HUB_ID, hub_errors
from .layout import MANIFEST, release_files
from .read import read_manifest

if TYPE_CHECKING:
    from huggingface_hub import HfApi


def local_release(place: str, *, cache: Path | None = None) -> Path:
    """The folder of a release: the path itself, or a snapshot of `ORG/NAME[@REV]` in the cache.

    What exists as a path is that path. On the Hub, `REV` is a tag, a branch or a commit; without it, `main`.

    Args:
        place: a path, or a repo of the Hub.
        cache: where snapshots are kept; where the Hub's client keeps its own if it is None.

    Raises:
        UsageError: there is no such repo or revision, it is private or gated and the token does not open it, or it
            holds no release.
        EndpointError: the Hub cannot be reached or failed.
        DataError: its manifest is none.
    """
    if Path(place).exists() or not HUB_ID.match(place):
        return Path(place)
    from huggingface_hub import HfApi

    name, _, revision = place.partition("@")
    with hub_errors(place):
        return fetch_release(HfApi(), name, revision or None, cache)


def fetch_release(api: "HfApi", name: str, revision: str | None, cache: Path | None = None) -> Path:
    """A snapshot of the release in a repo, with the files that its manifest lists and no others.

    Raises:
        UsageError: there is no manifest in it.
        DataError: its manifest is none.
    """
    from huggingface_hub.errors import RemoteEntryNotFoundError

    try:
        manifest = Path(api.hf_hub_download(name, MANIFEST, repo_type="dataset", revision=revision, cache_dir=cache))
    except RemoteEntryNotFoundError as error:
        where = f"{name}@{revision}" if revision else name
        raise UsageError(f"{where}: no release: there is no {MANIFEST} in it") from error
    # A branch may move meanwhile: the rest comes from the commit that the manifest is of.
    commit = manifest.parent.name
    # Names are patterns to the client: those that the layout does not know are not asked for.
    files = list(release_files(read_manifest(manifest)))
    return Path(
        api.snapshot_download(name, repo_type="dataset", revision=commit, cache_dir=cache, allow_patterns=files)
    )

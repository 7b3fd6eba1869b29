"""A release that is pinned: a tag or a commit of a Hub repo, or a folder whose manifest has a digest.

What is trained on can be named afterwards: a branch such as `main`, which moves, is refused.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.documents import DocumentError, parse_json
from ...schemas.errors import DataError, UsageError
from ...schemas.manifest import FILE_NAME, Manifest
from ...schemas.plain_files import open_inside, read_inside
from .hub import download_release

_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
_DIGEST = re.compile(r"^(?:sha256:)?([0-9a-f]{64})$")
_VERSION_TAG = re.compile(r"^v?(\d+\.\d+\.\d+)$")


@dataclass(frozen=True)
class PinnedRelease:
    """A release in a folder, and what pins it."""

    root: Path
    """The folder."""
    name: str
    """What to call it: the Hub repo, or the folder's name without the folders above it."""
    repo: str | None
    """The Hub repo; None where it is a folder."""
    revision: str | None
    """The tag or commit of the repo; None where it is a folder."""
    manifest: Manifest
    """Its manifest."""
    sha256: str
    """Digest of the manifest, which holds the digests of every other file."""

    def tables(self, config: Config, split: Split) -> list[Path]:
        """The shards of a config's split, in order."""
        start = f"data/{config}/{split}-"
        return [self.root / name for name in sorted(self.manifest.files) if name.startswith(start)]


def open_release(place: str, revision: str | None, *configs: Config) -> PinnedRelease:
    """The release in a folder or a Hub repo; of a repo only what `configs` need is downloaded.

    Args:
        place: a folder, or `ORG/NAME` on the Hub.
        revision: of a repo a tag or a commit; of a folder, where it is given, the version or the digest of the
            manifest that it must have.
        configs: those that are wanted of it.

    Raises:
        UsageError: there is no such release, a repo comes without a revision or with a branch, or a folder holds
            another release than the revision says.
        DataError: its manifest is none, it has not all these configs, or a table was changed after the manifest was
            written.
        EndpointError: the Hub cannot be reached.
    """
    folder = Path(place)
    if not folder.exists() and _HUB_ID.match(place):
        release = _open(download_release(place, revision, *configs), place, place, revision)
        stated = _VERSION_TAG.match(revision or "")
        if stated is not None and stated[1] != release.manifest.version:
            raise DataError(f"{place}: the tag {revision} holds a release that says it is {release.manifest.version}")
    else:
        release = _open(folder, folder.resolve().name, None, None)
        _check_folder(release, revision)
    for config in configs:
        _check_tables(release, config)
    return release


def _open(root: Path, name: str, repo: str | None, revision: str | None) -> PinnedRelease:
    try:
        data = read_inside(root, FILE_NAME) if root.is_dir() else None
    except OSError as error:
        raise DataError(f"{name}: {FILE_NAME}: {error.strerror or error}") from error
    if data is None:
        what = "no such folder" if not root.is_dir() else f"no release: there is no {FILE_NAME} in it"
        raise UsageError(f"{name}: {what}")
    try:
        manifest = Manifest.model_validate(parse_json(data))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(f"{name}: {FILE_NAME}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except DocumentError as error:
        raise DataError(f"{name}: {FILE_NAME}: not JSON: {error}") from error
    return PinnedRelease(root, name, repo, revision, manifest, hashlib.sha256(data).hexdigest())


def _check_folder(release: PinnedRelease, revision: str | None) -> None:
    """A folder is pinned by what is in it; a revision that was given must say the same."""
    if revision is None:
        return
    if (digest := _DIGEST.match(revision)) is not None:
        if digest[1] != release.sha256:
            raise UsageError(f"{release.name}: its manifest has the digest {release.sha256}, not {digest[1]}")
    elif (version := _VERSION_TAG.match(revision)) is None or version[1] != release.manifest.version:
        raise UsageError(
            f"{release.name}: holds release {release.manifest.version}, not {revision!r}; leave the revision out, "
            "or give the version or the digest of the manifest"
        )


def _check_tables(release: PinnedRelease, config: Config) -> None:
    tables = [path for split in Split for path in release.tables(config, split)]
    if not tables:
        there = sorted({name.split("/")[1] for name in release.manifest.files if name.startswith("data/")})
        raise DataError(f"{release.name}: has no config {config}, which is needed here; it has {', '.join(there)}")
    for path in tables:
        name = path.relative_to(release.root).as_posix()
        try:
            with open_inside(release.root, name) as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # the stub wants readinto
        except FileNotFoundError:
            raise DataError(f"{release.name}: {name} is not there") from None
        except OSError as error:
            raise DataError(f"{release.name}: {name}: {error.strerror or error}") from error
        if digest != release.manifest.files[name].sha256:
            raise DataError(f"{release.name}: {name} was changed after its manifest was written")

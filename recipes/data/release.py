"""A release that is pinned: a tag or a commit of a Hub repo, or a folder whose manifest has a digest.

What is trained on can be named afterwards: a branch such as `main`, which moves, is refused.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.documents import DocumentError, parse_json, read_bytes
from ...schemas.errors import DataError, EndpointError, UsageError
from ...schemas.files import open_inside, read_inside
from ...schemas.licence import release_licence
from ...schemas.manifest import MANIFEST_FILE, Manifest

if TYPE_CHECKING:
    from datasets import Dataset

# Downloads what a recipe needs of a release on the Hub, at a revision that cannot move.


_SPLITS = "splits.json"
_COMMIT = re.compile(r"^[0-9a-f]{40}$")


def download_release(repo: str, revision: str | None, *configs: Config) -> Path:
    """The folder, in the Hub client's cache, with the manifest, the splits and some configs of the release.

    Args:
        repo: `ORG/NAME`.
        revision: a tag, or a whole commit.
        configs: whose tables are downloaded.

    Raises:
        UsageError: there is no such repo that one may read, no revision was given, or it is not a tag and no commit.
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
        wanted = [MANIFEST_FILE, _SPLITS, *(f"data/{config}/*" for config in configs)]
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
        data = read_inside(root, MANIFEST_FILE) if root.is_dir() else None
    except OSError as error:
        raise DataError(f"{name}: {MANIFEST_FILE}: {error.strerror or error}") from error
    if data is None:
        what = "no such folder" if not root.is_dir() else f"no release: there is no {MANIFEST_FILE} in it"
        raise UsageError(f"{name}: {what}")
    try:
        manifest = Manifest.model_validate(parse_json(data))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(f"{name}: {MANIFEST_FILE}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except DocumentError as error:
        raise DataError(f"{name}: {MANIFEST_FILE}: not JSON: {error}") from error
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


# What a run trains on: one release or several as one, all of it or the rows of chosen dialogues alone.


_DIALOGUE_ID = re.compile(r"^[0-9a-f]{16}$")


@dataclass(frozen=True)
class Dialogues:
    """The dialogues whose rows are used."""

    ids: frozenset[str]
    sha256: str
    """Digest of the ids, sorted, a line each."""


@dataclass(frozen=True)
class Chosen:
    """Releases whose rows are used as if they were one, in the order in which they were named."""

    releases: tuple[PinnedRelease, ...]
    """At least one; several are of one version."""
    dialogues: Dialogues | None = None
    """None where the rows of every dialogue are used."""

    @classmethod
    def of(cls, data: "Chosen | PinnedRelease") -> "Chosen":
        """The same, where it may be a release by itself."""
        return data if isinstance(data, Chosen) else cls((data,))

    def tables(self, config: Config, split: Split) -> list[Path]:
        """The shards of a config's split that have rows, in order."""
        return [
            path
            for release in self.releases
            for path in release.tables(config, split)
            if release.manifest.files[path.relative_to(release.root).as_posix()].rows
        ]

    def read(self, path: Path, columns: Sequence[str]) -> "Dataset":
        """Columns of a shard, of the rows that are used."""
        from datasets import Dataset

        if self.dialogues is None:
            return Dataset.from_parquet(str(path), columns=list(columns))
        rows = Dataset.from_parquet(str(path), columns=list(dict.fromkeys(["dialogue_id", *columns])))
        wanted = [at for at, name in enumerate(rows["dialogue_id"]) if name in self.dialogues.ids]
        return rows.select(wanted).select_columns(list(columns))

    @property
    def name(self) -> str:
        """What to call it."""
        return " + ".join(release.name for release in self.releases)

    @property
    def repo(self) -> str | None:
        """The Hub repo, where it is one."""
        return self.releases[0].repo if len(self.releases) == 1 else None

    @property
    def revision(self) -> str | None:
        """The tag or commit of the repo, where it is one."""
        return self.releases[0].revision if len(self.releases) == 1 else None

    @property
    def version(self) -> str:
        """The version that every one of them states."""
        return self.releases[0].manifest.version

    @property
    def license(self) -> str:
        """The licence that the rows are under together."""
        found = {release.manifest.license for release in self.releases}
        return found.pop() if len(found) == 1 else release_licence(found)

    @property
    def sha256(self) -> str:
        """The digest of the manifest; of several, the digest of theirs, a line each."""
        digests = [release.sha256 for release in self.releases]
        return digests[0] if len(digests) == 1 else _digest_of_lines(digests)


def choose_data(
    places: Sequence[str], revision: str | None, *configs: Config, dialogues: str | Path | None = None
) -> Chosen:
    """The releases at `places`, each as `open_release` opens it.

    Args:
        places: folders, or `ORG/NAME` on the Hub.
        revision: pins the release; only where there is one.
        configs: those that are wanted of them.
        dialogues: a file with the ids of the dialogues whose rows are wanted, a line each.

    Raises:
        UsageError: there is no such release or file, one is named twice, or a revision was given for several.
        DataError: a release is damaged, lacks a config, or is of another version than the first.
        EndpointError: the Hub cannot be reached.
    """
    if len(places) > 1 and revision is not None:
        raise UsageError("a revision pins one release; name several as folders, which their manifests pin")
    releases = tuple(open_release(place, revision, *configs) for place in places)
    for at, release in enumerate(releases):
        if release.sha256 in {other.sha256 for other in releases[:at]}:
            raise UsageError(f"{release.name}: the same release is named twice")
        if release.manifest.version != releases[0].manifest.version:
            raise DataError(
                f"{release.name} is release {release.manifest.version} and {releases[0].name} is "
                f"{releases[0].manifest.version}: train on releases of one version"
            )
    return Chosen(releases, None if dialogues is None else read_dialogues(Path(dialogues)))


def read_dialogues(path: Path) -> Dialogues:
    """The dialogues that a file names, an id a line.

    Raises:
        UsageError: it cannot be read, or a line is not an id of a dialogue.
    """
    try:
        lines = read_bytes(path).decode("utf-8").split()
    except (OSError, ValueError) as error:
        raise UsageError(f"dialogues: {path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not _DIALOGUE_ID.match(line):
            raise UsageError(f"dialogues: {path}: line {number}: {line[:40]!r} is not an id of a dialogue (16 digits)")
    if not lines:
        raise UsageError(f"dialogues: {path}: names no dialogue")
    return Dialogues(frozenset(lines), _digest_of_lines(sorted(set(lines))))


def _digest_of_lines(lines: Sequence[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()

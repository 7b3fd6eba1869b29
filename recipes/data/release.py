"""The data of a run: releases pinned by a tag, a commit or a digest, and the dialogues whose rows are used.

A run must be able to name its data afterwards. So a repo on the Hub needs a tag or a whole commit, since a branch such
as `main` moves; a folder is pinned by the digest of its manifest, which holds the digests of all its files.
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

_SPLITS = "splits.json"
_HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+$")
_COMMIT = re.compile(r"^[0-9a-f]{40}$")
_DIGEST = re.compile(r"^(?:sha256:)?([0-9a-f]{64})$")
_VERSION_TAG = re.compile(r"^v?(\d+\.\d+\.\d+)$")
_DIALOGUE_ID = re.compile(r"^[0-9a-f]{16}$")


@dataclass(frozen=True)
class PinnedRelease:
    """A release in a folder, and what pins it."""

    root: Path
    name: str
    """The Hub repo, or the folder's own name without its parents."""
    repo: str | None
    """The Hub repo; None for a local folder."""
    revision: str | None
    """The tag or commit of the repo; None for a local folder."""
    manifest: Manifest
    sha256: str
    """Digest of the manifest, which holds the digests of all other files."""

    def tables(self, config: Config, split: Split) -> list[Path]:
        """The shards of a config's split, in order."""
        start = f"data/{config}/{split}-"
        return [self.root / name for name in sorted(self.manifest.files) if name.startswith(start)]


def open_release(source: str, revision: str | None, *configs: Config) -> PinnedRelease:
    """Opens the release in a folder or a Hub repo, and checks the digest of every table of `configs`.

    Args:
        source: a folder, or `ORG/NAME` on the Hub; a repo is downloaded as far as `configs` need it.
        revision: for a repo, a tag or a commit; for a folder, optionally, the version or the manifest digest that it
            must have.
        configs: those that the caller reads.

    Raises:
        UsageError: the release does not exist, a repo has no revision or a branch, or a folder holds another release
            than the revision names.
        DataError: the manifest is invalid, a config is missing, or a table changed after the manifest was written.
        EndpointError: the Hub cannot be reached.
    """
    folder = Path(source)
    if not folder.exists() and _HUB_ID.match(source):
        release = _open(_download(source, revision, *configs), source, source, revision)
        stated = _VERSION_TAG.match(revision or "")
        if stated is not None and stated[1] != release.manifest.version:
            raise DataError(f"{source}: the tag {revision} holds release {release.manifest.version}")
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
        what = f"holds no release: it has no {MANIFEST_FILE}" if root.is_dir() else "no such folder"
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
    if revision is None:
        return
    if (digest := _DIGEST.match(revision)) is not None:
        if digest[1] != release.sha256:
            raise UsageError(f"{release.name}: its manifest has the digest {release.sha256}, not {digest[1]}")
    elif (version := _VERSION_TAG.match(revision)) is None or version[1] != release.manifest.version:
        raise UsageError(
            f"{release.name}: holds release {release.manifest.version}, not {revision!r}; omit the revision, "
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
            raise DataError(f"{release.name}: {name} is missing") from None
        except OSError as error:
            raise DataError(f"{release.name}: {name}: {error.strerror or error}") from error
        if digest != release.manifest.files[name].sha256:
            raise DataError(f"{release.name}: {name} changed after its manifest was written")


# Downloads the manifest, the splits and the tables of `configs` into the Hub client's cache.
def _download(repo: str, revision: str | None, *configs: Config) -> Path:
    if revision is None:
        raise UsageError(f"{repo}: name the tag to train on with --revision, such as v1.0.0")
    from huggingface_hub import HfApi

    with _hub_errors(repo):
        api = HfApi()
        if not _COMMIT.match(revision):
            refs = api.list_repo_refs(repo, repo_type="dataset")
            _check_tag(repo, revision, [ref.name for ref in refs.tags], [ref.name for ref in refs.branches])
        wanted = [MANIFEST_FILE, _SPLITS, *(f"data/{config}/*" for config in configs)]
        return Path(api.snapshot_download(repo, repo_type="dataset", revision=revision, allow_patterns=wanted))


def _check_tag(repo: str, revision: str, tags: list[str], branches: list[str]) -> None:
    if revision in tags:
        return
    known = f"its tags are {', '.join(sorted(tags))}" if tags else "it has no tags"
    if revision in branches:
        raise UsageError(f"{repo}: {revision!r} is a branch, which moves; pin the data by a tag: {known}")
    raise UsageError(f"{repo}: there is no tag {revision!r}; {known} (a commit needs all its 40 digits)")


# Turns the errors of the Hub's client into ours, one line each.
@contextmanager
def _hub_errors(repo: str) -> Iterator[None]:
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
        raise UsageError(f"{repo} is gated: request access on its page, then set HF_TOKEN") from error
    except RepositoryNotFoundError as error:
        raise UsageError(
            f"{repo}: no such folder, and no such dataset on the Hub (if it is private, set HF_TOKEN)"
        ) from error
    except RevisionNotFoundError as error:
        raise UsageError(f"{repo} has no such revision") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, HTTPError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise EndpointError(f"cannot load {repo} from the Hub: {reason}; repeat the command later") from error


@dataclass(frozen=True)
class DialogueSelection:
    """The dialogues whose rows are used."""

    ids: frozenset[str]
    sha256: str
    """Digest of the ids, sorted, a line each."""


@dataclass(frozen=True)
class SelectedData:
    """Releases whose rows are used as one table, in the order given; all rows, or those of selected dialogues."""

    releases: tuple[PinnedRelease, ...]
    """At least one; all of the same version."""
    dialogues: DialogueSelection | None = None
    """None selects every dialogue."""

    @classmethod
    def of(cls, data: "SelectedData | PinnedRelease") -> "SelectedData":
        """`data` itself, or all rows of a single release."""
        return data if isinstance(data, SelectedData) else cls((data,))

    def tables(self, config: Config, split: Split) -> list[Path]:
        """The shards of a config's split that have rows, in order."""
        return [
            path
            for release in self.releases
            for path in release.tables(config, split)
            if release.manifest.files[path.relative_to(release.root).as_posix()].rows
        ]

    def read(self, path: Path, columns: Sequence[str]) -> "Dataset":
        """Columns of a shard, for the rows of selected dialogues."""
        from datasets import Dataset

        if self.dialogues is None:
            return Dataset.from_parquet(str(path), columns=list(columns))
        rows = Dataset.from_parquet(str(path), columns=list(dict.fromkeys(["dialogue_id", *columns])))
        wanted = [at for at, name in enumerate(rows["dialogue_id"]) if name in self.dialogues.ids]
        return rows.select(wanted).select_columns(list(columns))

    @property
    def name(self) -> str:
        """The names of the releases, joined by ` + `."""
        return " + ".join(release.name for release in self.releases)

    @property
    def repo(self) -> str | None:
        """The Hub repo; None for a folder or several releases."""
        return self.releases[0].repo if len(self.releases) == 1 else None

    @property
    def revision(self) -> str | None:
        """The tag or commit of the repo; None for a folder or several releases."""
        return self.releases[0].revision if len(self.releases) == 1 else None

    @property
    def version(self) -> str:
        """The version of all of them."""
        return self.releases[0].manifest.version

    @property
    def license(self) -> str:
        """The licence of the rows together."""
        found = {release.manifest.license for release in self.releases}
        return found.pop() if len(found) == 1 else release_licence(found)

    @property
    def sha256(self) -> str:
        """The manifest's digest; for several releases, the digest of their digests, one a line."""
        digests = [release.sha256 for release in self.releases]
        return digests[0] if len(digests) == 1 else _digest_of_lines(digests)


def select_data(
    sources: Sequence[str], revision: str | None, *configs: Config, dialogues: str | Path | None = None
) -> SelectedData:
    """Opens several releases as one; each as `open_release` does.

    Args:
        sources: folders, or one `ORG/NAME` on the Hub.
        revision: pins the release; only for a single source.
        configs: those that the caller reads.
        dialogues: a file with the ids of the dialogues to use, one a line; None for all.

    Raises:
        UsageError: a release or the file does not exist, a release is named twice, or several have a revision.
        DataError: a release is damaged, lacks a config, or has another version than the first.
        EndpointError: the Hub cannot be reached.
    """
    if len(sources) > 1 and revision is not None:
        raise UsageError("a revision pins one release; give several releases as folders, which their manifests pin")
    releases = tuple(open_release(source, revision, *configs) for source in sources)
    for at, release in enumerate(releases):
        if release.sha256 in {other.sha256 for other in releases[:at]}:
            raise UsageError(f"{release.name}: the same release is named twice")
        if release.manifest.version != releases[0].manifest.version:
            raise DataError(
                f"{release.name} is release {release.manifest.version} and {releases[0].name} is "
                f"{releases[0].manifest.version}: train on releases of one version"
            )
    return SelectedData(releases, None if dialogues is None else _read_dialogues(Path(dialogues)))


def _read_dialogues(path: Path) -> DialogueSelection:
    try:
        lines = read_bytes(path).decode("utf-8").split()
    except (OSError, ValueError) as error:
        raise UsageError(f"dialogues: {path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not _DIALOGUE_ID.match(line):
            raise UsageError(
                f"dialogues: {path}: line {number}: {line[:40]!r} is not a dialogue id (16 hexadecimal digits)"
            )
    if not lines:
        raise UsageError(f"dialogues: {path}: lists no dialogue")
    return DialogueSelection(frozenset(lines), _digest_of_lines(sorted(set(lines))))


def _digest_of_lines(lines: Sequence[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()

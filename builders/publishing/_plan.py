"""The plan of a commit: which files of the release it adds, keeps and removes. It touches no other files.

A release of any size is one commit, so that `main` and the tag show a whole release at every moment: a git branch moves
from one commit to the next and holds nothing in between. The Hub sets no number of operations per commit. It advises 50
to 100 files, because it checks every large file while the request waits, and its gateway gives up after 60 s
(https://huggingface.co/docs/hub/storage-limits, "Number of operations per commit"). The Hub's own client sends up to
1,000 files in a commit as long as commits take less than 40 s (`huggingface_hub._upload_pipeline`). A commit may land
after the gateway gave up, so `commit.landing` looks for it before it is sent again, and `parent_commit` makes a second
one impossible. The limits below are the ones that the Hub does set.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from ...schemas.documents import DocumentError, front_matter_of, parse_json
from ...schemas.errors import DataError
from ...schemas.files import is_inside
from ..release.layout import CARD, MANIFEST, config_and_split, release_files
from ..release.read import Release, read_text
from ._repo import Entry, HubRepo, LocalFile, Tree, local_file

# The card's YAML, which the Hub and `datasets` go by, is checked against the files before anything is sent.


@dataclass(frozen=True)
class FrontMatter:
    """The part of the card that `load_dataset` reads."""

    default_config: str
    patterns: tuple[str, ...]
    """Matches the files of the repo that `load_dataset` reads as rows, whatever their origin."""


def read_front_matter(release: Release) -> FrontMatter:
    """The checked YAML at the top of README.md.

    Raises:
        DataError: there is none, it is malformed, or it contradicts the files.
    """
    try:
        card = front_matter_of(read_text(release.root, CARD) or "")
    except DocumentError as error:
        raise DataError(f"{CARD}: its YAML cannot be read: {error}") from error
    if not isinstance(card, dict):
        raise DataError(f"{CARD}: it does not begin with YAML; write it again with `ipm-prefdial card {release.root}`")
    try:
        wrong = next(_wrong(card, release), None)
        if wrong is None:
            return _front_matter(card)
    except (KeyError, TypeError, AttributeError) as error:
        wrong = f"its form is not that of a dataset card ({error!r})"
    raise DataError(f"{CARD}: {wrong}; write it again with `ipm-prefdial card {release.root}`")


def _front_matter(card: Mapping[str, Any]) -> FrontMatter:
    configs = card["configs"]
    default = next(one["config_name"] for one in configs if one.get("default"))
    return FrontMatter(default, tuple(files["path"] for one in configs for files in one["data_files"]))


def _wrong(card: Mapping[str, Any], release: Release) -> Iterator[str]:
    stated = card["license_name"] if card["license"] == "other" else card["license"]
    if stated != release.manifest.license:
        yield f"license: it says {stated}, the manifest {release.manifest.license}"
    for key in ("language", "tags", "task_categories", "size_categories"):
        if not all(isinstance(value, str) for value in card[key]):
            yield f"{key}: not a list of strings"
    names = [one["config_name"] for one in card["configs"]]
    if len(set(names)) != len(names) or sum(bool(one.get("default")) for one in card["configs"]) != 1:
        yield "configs: names must be unique and one of them the default"
    due = _rows_by_table(release)
    if set(names) != {config for config, _ in due}:
        yield f"configs: it names {', '.join(sorted(names))}; there are {', '.join(sorted({one for one, _ in due}))}"
    for one in card["configs"]:
        yield from _wrong_files(one, release, due)
    if {one["config_name"] for one in card["dataset_info"]} != set(names):
        yield "dataset_info: it does not tell of the same configs"
    told = {(one["config_name"], split["name"]) for one in card["dataset_info"] for split in one["splits"]}
    for config, split in due:
        if due[config, split] and (config, split) not in told:
            yield f"dataset_info: {config}: it does not tell of {split}"
    for one in card["dataset_info"]:
        for split in one["splits"]:
            rows = due.get((one["config_name"], split["name"]))
            if rows != split["num_examples"]:
                yield f"dataset_info: {one['config_name']}: {split['name']}: {split['num_examples']} rows, not {rows}"


def _wrong_files(config: Mapping[str, Any], release: Release, due: Mapping[tuple[str, str], int]) -> Iterator[str]:
    name = config["config_name"]
    patterns = {files["split"]: files["path"] for files in config["data_files"]}
    for path in release.manifest.files:
        table = config_and_split(path)
        matching = {split for split, pattern in patterns.items() if fnmatchcase(path, pattern)}
        if table is None or table[0].value != name:
            if matching:
                yield f"configs: {name} would read {path}"
        elif matching != {table[1].value} and due[name, table[1].value]:
            yield f"configs: {name} does not read {path} as {table[1].value}"


def _rows_by_table(release: Release) -> dict[tuple[str, str], int]:
    rows: dict[tuple[str, str], int] = {}
    for path, record in release.manifest.files.items():
        if table := config_and_split(path):
            key = (table[0].value, table[1].value)
            rows[key] = rows.get(key, 0) + (record.rows or 0)
    return rows


# What is sent: only the files of the release's layout, with a mark by which their commit is recognised.


MARK = f"{MANIFEST} sha256: "
"""What the mark of every release's commit begins with."""


@dataclass(frozen=True)
class Payload:
    """A release as a commit will hold it."""

    version: str
    files: Mapping[str, LocalFile]
    """By path in the repo; the manifest is one of them."""
    front_matter: FrontMatter
    """The card's description of them."""
    notes: str = ""
    """Release notes as Markdown, for the description of the commit."""

    @property
    def tag(self) -> str:
        """The tag that names the release."""
        return tag_of(self.version)

    @property
    def manifest_sha256(self) -> str:
        """Digest of the manifest, which holds the digest of every other file."""
        return self.files[MANIFEST].sha256

    @property
    def title(self) -> str:
        """First line of the commit."""
        return f"IPM-PrefDial {self.version}"

    @property
    def mark(self) -> str:
        """The line of the commit's description that identifies this release."""
        return f"{MARK}{self.manifest_sha256}"

    @property
    def description(self) -> str:
        """The description of the commit: the release notes and the mark."""
        return "\n\n".join(part for part in (self.notes.strip(), self.mark) if part)


def tag_of(version: str) -> str:
    """The tag of a version."""
    return f"v{version}"


def payload_of(release: Release, notes: str = "") -> Payload:
    """The payload of a release, with its release notes.

    Raises:
        DataError: a file is missing or differs from the manifest, or the card does not describe these files.
    """
    listed = release.manifest.files
    files = {}
    for name in release_files(release.manifest):
        path = release.root / name
        if not is_inside(release.root, name):
            raise DataError(f"{release.root}: {name} is gone")
        files[name] = local_file(path)
        if name != MANIFEST and files[name].sha256 != listed[name].sha256:
            raise DataError(f"{release.root}: {name}: its bytes are not those in the manifest")
    return Payload(release.manifest.version, files, read_front_matter(release), notes)


MOST_LARGE_FILES = 25_000
"""The most files that one commit may add: the limit that `huggingface_hub` documents for `create_commit`."""
MOST_IN_FOLDER = 10_000
"""Files and folders that one folder may hold; the Hub rejects a commit with more."""
MOST_BYTES = 500 * 10**9
"""Largest size of one file: the Hub's hard limit."""


@dataclass(frozen=True)
class CommitPlan:
    """The changes from the tree at `parent` to the release."""

    parent: str
    """The parent commit; empty if there is no repo yet."""
    add: tuple[str, ...]
    """Paths whose bytes are new."""
    same: tuple[str, ...]
    """Paths that already hold the right bytes."""
    remove: tuple[str, ...]
    """Paths of an earlier release that this one does not have."""
    kept: Tree
    """All other files of the repo."""

    @property
    def done(self) -> bool:
        """Whether there is nothing left to do."""
        return not self.add and not self.remove


def plan_first(payload: Payload) -> CommitPlan:
    """The plan for a repo that does not exist yet.

    Raises:
        DataError: the release is too large for the Hub.
    """
    return _checked(CommitPlan("", tuple(payload.files), (), (), {}), payload)


def plan_commit(
    repo: HubRepo, payload: Payload, parent: str, taken: Mapping[str, Entry | None] = MappingProxyType({})
) -> CommitPlan:
    """The plan for a commit on top of `parent`.

    Args:
        repo: the repo.
        payload: the release.
        parent: the commit.
        taken: files of ours that were changed on the Hub, as they were when the release took over the change.

    Raises:
        DataError: a foreign file, or a change to a file of the release, stands in the way; or the Hub does not take a
            release of this size.
    """
    tree = repo.tree(parent)
    # Only what differs is sent, so that publishing again after a stop costs no second upload.
    add = tuple(name for name, file in payload.files.items() if not file.is_in(tree.get(name)))
    earlier = earlier_release(repo, tree, parent)
    stale = _stale(tree, earlier, payload)
    for name in (*add, *stale):
        # Changed since it was taken over means changed again, and that is not ours to overwrite.
        if name in taken and taken[name] == tree.get(name):
            continue
        if name not in tree and name in earlier:
            raise DataError(
                f"{repo.name}: {name} was removed there since the release there was published, and publishing would "
                "bring it back: put it back there (its history has it), or build the release without it"
            )
        if name in tree and not is_as_listed(repo, name, tree[name], earlier, parent):
            raise DataError(
                f"{repo.name}: {name} is not as a release of ours left it, and publishing would undo that: put it back "
                "there as it was, or remove it where it is of no release, and repeat the command"
            )
    kept = others_files(tree, earlier, payload)
    for name in kept:
        if is_read_as_rows(name, payload):
            raise DataError(
                f"{repo.name}: {name} is not of the release, but would be read as rows of it: move it away there, and "
                "repeat the command"
            )
    same = tuple(name for name in payload.files if name not in add)
    return _checked(CommitPlan(parent, add, same, stale, kept), payload)


def others_files(tree: Tree, earlier: Mapping[str, str], payload: Payload) -> Tree:
    """The files of a commit that neither the release nor the one before it, `earlier`, put there."""
    ours = {*payload.files, *_stale(tree, earlier, payload)}
    return {name: entry for name, entry in tree.items() if name not in ours}


def is_read_as_rows(name: str, payload: Payload) -> bool:
    """Whether `load_dataset` reads a file as a shard, whatever its origin."""
    return any(fnmatchcase(name, pattern) for pattern in payload.front_matter.patterns)


# The files of the earlier release that this one does not have.
def _stale(tree: Tree, earlier: Mapping[str, str], payload: Payload) -> tuple[str, ...]:
    return tuple(name for name in earlier if name in tree and name not in payload.files)


def _checked(plan: CommitPlan, payload: Payload) -> CommitPlan:
    """The plan, if it is within the Hub's limits.

    Raises:
        DataError: it has too many files, too many of them in one folder, or one that is too large.
    """
    advice = "build it with larger shards, or as two releases"
    if len(plan.add) > MOST_LARGE_FILES:
        raise DataError(
            f"{len(plan.add):,} files to add: the Hub takes at most {MOST_LARGE_FILES:,} in a commit, and a release is "
            f"published in one commit or not at all: {advice}"
        )
    folder, entries = _fullest_folder((*plan.kept, *payload.files))
    if entries > MOST_IN_FOLDER:
        raise DataError(f"{folder}/: {entries:,} files: the Hub takes at most {MOST_IN_FOLDER:,} a folder: {advice}")
    for name in plan.add:
        if payload.files[name].size > MOST_BYTES:
            raise DataError(f"{name}: the Hub takes files of at most {MOST_BYTES // 10**9} GB: {advice}")
    return plan


# The folder with the most files and folders in it, and how many.
def _fullest_folder(names: Iterable[str]) -> tuple[str, int]:
    paths = {PurePosixPath(name) for name in names}
    entries = {one for path in paths for one in (path, *path.parents) if one.name}
    return max(Counter(str(one.parent) for one in entries).items(), key=lambda item: item[1], default=("", 0))


def earlier_release(repo: HubRepo, tree: Tree, parent: str) -> Mapping[str, str]:
    """The digest of every file that the manifest at `parent` lists, by path; empty where there is no such manifest.

    Read leniently, since another version of this package may have written it.
    """
    if MANIFEST not in tree:
        return {}
    data = repo.read(MANIFEST, parent)
    try:
        manifest = parse_json(data)
        listed = {str(name): str(record["sha256"]) for name, record in manifest["files"].items()}
        return {**listed, MANIFEST: hashlib.sha256(data).hexdigest()} if manifest["spec_sha256"] else {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def is_as_listed(repo: HubRepo, name: str, entry: Entry, earlier: Mapping[str, str], parent: str) -> bool:
    """Whether a file is as the earlier release, `earlier`, put it there; a small one is read for that."""
    if name not in earlier:
        return False
    # Git stores small files under a SHA-1 of its own; only large ones have a SHA-256 in the listing.
    sha256 = entry.sha256 or hashlib.sha256(repo.read(name, parent)).hexdigest()
    return sha256 == earlier[name]

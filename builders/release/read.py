"""Reads a release, from a folder or from the Hub: its manifest, and its rows as a stream."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError

from ...schemas.config import Config
from ...schemas.dialogue import Dialogue, Split, Turn
from ...schemas.documents import DocumentError, parse_json
from ...schemas.errors import DataError, UsageError
from ...schemas.escape import printable
from ...schemas.files import is_inside, plain_files, read_inside
from ...schemas.licence import LICENCES
from ...schemas.manifest import Manifest
from ...schemas.rows import rows_of
from ..mining.turns import PlacedDialogue
from ..sources.hub import HUB_ID, hub_errors
from .layout import MANIFEST, config_and_split, release_files, unknown_files

if TYPE_CHECKING:
    from huggingface_hub import HfApi

# Enough that Arrow's overhead per batch does not count, and few enough that long dialogues fit into memory.
ROWS_PER_BATCH = 1_000

# What pyarrow raises for a damaged file; a ValueError if the damage is in the name of a column.
_DAMAGE = (OSError, pa.ArrowException, ValueError)


class Release:
    """A release in a folder; opening it reads the manifest and no table.

    A release may come from anybody. So opening it checks that every path below the folder is a plain file (or, in the
    cache of the Hub's client, a link to that cache's own blobs), and that the manifest lists only files of its layout.

    Raises:
        UsageError: there is no release in the folder.
        DataError: the manifest is malformed, or a path is not a plain file.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.manifest = read_manifest(root / MANIFEST)
        if (unknown := next(unknown_files(self.manifest), None)) is not None:
            raise DataError(
                f"{root / MANIFEST}: files: {unknown!r} is not a file of a release (layout {self.layout}), "
                "so nothing was done with it"
            )
        if not self.manifest.files:
            raise DataError(f"{root / MANIFEST}: files: the list is empty, so there is nothing in this release")
        check_plain(root)

    @property
    def layout(self) -> int:
        """The number of the layout, which decides its configs and their columns."""
        return self.manifest.spec.layout

    @property
    def configs(self) -> tuple[Config, ...]:
        return tuple(rows_of(self.layout))

    def files(self, config: Config, split: Split | None = None) -> list[Path]:
        """The shards of a config, or of one of its splits, ordered by split and number."""
        # In the order of the splits, not of their names: `test` would otherwise come before `train`.
        order = {one: place for place, one in enumerate(Split)}
        found = []
        for name in self.manifest.files:
            table = config_and_split(name)
            if table is not None and table[0] is config and split in (None, table[1]):
                found.append((order[table[1]], name))
        return [self.root / name for _, name in sorted(found)]

    def batches(self, path: Path) -> Iterator[pa.RecordBatch]:
        """A shard's rows as Arrow batches of at most `ROWS_PER_BATCH` rows.

        Raises:
            DataError: the file is missing or damaged; the message names the row group and its rows.
        """
        with self._open(path) as file:
            first = 0
            for group in range(file.num_row_groups):
                last = first + file.metadata.row_group(group).num_rows - 1
                try:
                    # One row group at a time, so that an error can say which rows are damaged.
                    yield from file.iter_batches(ROWS_PER_BATCH, row_groups=[group])
                except _DAMAGE as error:
                    where = f"rows {first} to {last} (row group {group})"
                    raise DataError(f"{self.name_of(path)}: {where}: damaged: {first_line(error)}") from error
                first = last + 1

    def schema(self, path: Path) -> pa.Schema:
        """A shard's columns.

        Raises:
            DataError: the file is missing or damaged.
        """
        with self._open(path) as file:
            return file.schema_arrow

    def _open(self, path: Path) -> pq.ParquetFile:
        try:
            if not is_inside(self.root, self.name_of(path)):
                raise DataError(f"{self.name_of(path)}: cannot be read: it is missing")
            # Checksums are off by default, and without them a flipped bit can be read as another word.
            return pq.ParquetFile(path, page_checksum_verification=True)
        except _DAMAGE as error:
            raise DataError(f"{self.name_of(path)}: cannot be read: {first_line(error)}") from error

    def rows(self, config: Config, split: Split | None = None) -> Iterator[dict[str, Any]]:
        """The rows of a config, or of one of its splits, as dictionaries, in the order of the files."""
        for path in self.files(config, split):
            for batch in self.batches(path):
                yield from batch.to_pylist()

    def name_of(self, path: Path) -> str:
        """A file's path below the release."""
        return path.relative_to(self.root).as_posix()


def read_release(place: str | Path) -> Release:
    """The release in a folder, or `ORG/NAME[@REV]` on the Hub.

    Raises:
        UsageError: there is no release at that place, or it needs a token.
        EndpointError: the Hub cannot be reached or failed.
        DataError: its manifest cannot be read, or it holds links.
    """
    return Release(local_release(str(place)))


def local_release(place: str, *, cache: Path | None = None) -> Path:
    """The folder of a release: the path itself, or a snapshot of `ORG/NAME[@REV]` from the Hub.

    A path that exists is never looked up on the Hub.

    Args:
        place: a path, or a repo on the Hub; `REV` is a tag, a branch or a commit, and `main` if it is left out.
        cache: the folder for snapshots; None is the cache of the Hub's client.

    Raises:
        UsageError: there is no such repo or revision, the token does not give access to it, or it holds no release.
        EndpointError: the Hub cannot be reached or failed.
        DataError: its manifest is malformed.
    """
    # A folder of the user's own is never overruled by a repo of the same name.
    if Path(place).exists() or not HUB_ID.match(place):
        return Path(place)
    from huggingface_hub import HfApi

    name, _, revision = place.partition("@")
    with hub_errors(place):
        return fetch_release(HfApi(), name, revision or None, cache)


def fetch_release(api: "HfApi", name: str, revision: str | None, cache: Path | None = None) -> Path:
    """Downloads a snapshot of the release in a repo: the files that its manifest lists, and no others.

    Raises:
        UsageError: the repo has no manifest.
        DataError: its manifest is malformed.
    """
    from huggingface_hub.errors import RemoteEntryNotFoundError

    try:
        manifest = Path(api.hf_hub_download(name, MANIFEST, repo_type="dataset", revision=revision, cache_dir=cache))
    except RemoteEntryNotFoundError as error:
        where = f"{name}@{revision}" if revision else name
        raise UsageError(f"{where}: no release: there is no {MANIFEST} in it") from error
    # A branch may move in between, so the other files come from the manifest's commit.
    commit = manifest.parent.name
    # The client takes names as patterns, so a name that the layout does not know could match any file.
    files = list(release_files(read_manifest(manifest)))
    return Path(
        api.snapshot_download(name, repo_type="dataset", revision=commit, cache_dir=cache, allow_patterns=files)
    )


def check_plain(root: Path) -> None:
    """Checks that everything below a release's folder is a plain file, so that no read or write leaves the folder.

    Raises:
        DataError: there is a link, a named pipe or the like.
    """
    try:
        plain_files(root)
    except OSError as error:
        where = printable(error.filename or root)
        raise DataError(f"{where}: {error.strerror or error}; a release is a folder of plain files") from error


def read_text(root: Path, name: str) -> str | None:
    """The contents of a text file of a release; None if there is no such file.

    Raises:
        DataError: it is not UTF-8, or not a plain file.
    """
    try:
        data = read_inside(root, name)
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{root / name}: not UTF-8 (byte {error.start}); restore or remove it") from error
    except OSError as error:
        raise DataError(f"{printable(error.filename or root / name)}: {error.strerror or error}") from error


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file.

    Raises:
        UsageError: there is no such file.
        DataError: it is not a manifest; the message names the field.
    """
    root = path.parent
    try:
        data = read_inside(root, path.name) if root.is_dir() else None
        if data is None:
            what = f"no release: there is no {path.name} in it" if root.is_dir() else "no such folder"
            raise UsageError(f"{printable(root)}: {what}")
        return Manifest.model_validate(parse_json(data))
    except OSError as error:
        raise DataError(f"{printable(error.filename or path)}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path}: {field}: {first['msg']}") from error
    except DocumentError as error:
        raise DataError(f"{path}: not JSON: {error}") from error


def placed_dialogues(release: Release) -> Iterator[PlacedDialogue]:
    """The release's dialogues in the order of their source, merged from its tables, which are sorted that way.

    Raises:
        DataError: a dialogue is withheld, or does not have the id that its contents give.
    """
    import heapq

    tables = [(Config.DIALOGUES, split) for split in Split] + [(Config.CRISIS_HOLDOUT, Split.TEST)]
    streams = [_placed(release, config, split) for config, split in tables]
    yield from heapq.merge(*streams, key=lambda placed: placed.position)


def _placed(release: Release, config: Config, split: Split) -> Iterator[PlacedDialogue]:
    for path in release.files(config, split):
        number = 0
        for batch in release.batches(path):
            for row in batch.to_pylist():
                dialogue = _dialogue(row, f"{release.name_of(path)}: row {number}")
                yield PlacedDialogue(dialogue, row["position"], split, row.get("repeats"), row.get("contaminated_by"))
                number += 1


def _dialogue(row: dict[str, Any], where: str) -> Dialogue:
    if row["license"] not in LICENCES:
        raise DataError(f"{where}: license: {row['license']!r} is not a licence that is known")
    # Its words are not in the release, so there is nothing to mine or to rebuild from.
    if row["withheld"]:
        raise DataError(f"{where}: dialogue {row['dialogue_id']} is withheld by its licence; give its source instead")
    try:
        dialogue = Dialogue(
            source=row["source"],
            license=row["license"],
            split=row["own_split"],
            problem=row["problem"],
            emotion=row["emotion"],
            situation=row["situation"],
            turns=tuple(Turn.model_validate(turn) for turn in row["turns"]),
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if dialogue.dialogue_id != row["dialogue_id"]:
        raise DataError(f"{where}: the dialogue was changed: its turns give the id {dialogue.dialogue_id}")
    return dialogue


def first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]

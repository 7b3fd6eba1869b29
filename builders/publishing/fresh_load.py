"""Loads a published release as any reader does, in its own process, and compares it with the manifest.

    python -m ipm_prefdial.builders.publishing.fresh_load ORG/NAME TAG MANIFEST

The Hub's client and `datasets` read their settings when they are imported, so only a new process starts with an empty
cache and without a token. Prints `{"differences": [...]}`, or `{"failure": "..."}` where the Hub failed.
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Protocol

from ...schemas.base import canonical_json
from ...schemas.errors import DataError, EndpointError, PrefDialError
from ...schemas.manifest import FileRecord, Manifest
from ..release.layout import MANIFEST, config_and_split
from ..release.read import read_manifest
from ..sources.files import sha256_of
from ..sources.hub import hub_errors
from ._failure import plain_reason

ROWS_PER_BATCH = 1_000

Shards = Mapping[tuple[str, str], list[FileRecord]]
"""The shards of each config's splits, in order."""


def differences(repo: str, tag: str, manifest_path: Path) -> Iterator[str]:
    """Every difference between what a reader gets and the manifest, file by file and row by row.

    Raises:
        PrefDialError: the Hub does not serve the release.
    """
    manifest = read_manifest(manifest_path)
    yield from other_files(repo, tag, manifest, manifest_path)
    shards = _shards(manifest)
    if not shards:
        yield f"{MANIFEST} lists no tables"
    for config, keys in groupby(shards, key=lambda key: key[0]):
        due = {split: shards[config, split] for _, split in keys}
        # `datasets` cannot load a config without any row; its files were compared above.
        if any(record.rows for records in due.values() for record in records):
            yield from other_rows(repo, tag, config, due)


def other_files(repo: str, tag: str, manifest: Manifest, manifest_path: Path) -> Iterator[str]:
    """The files whose bytes differ from the manifest, the manifest itself included.

    Raises:
        PrefDialError: the Hub does not serve them.
    """
    from huggingface_hub import snapshot_download

    due = {name: record.sha256 for name, record in manifest.files.items()} | {MANIFEST: sha256_of(manifest_path)}
    with hub_errors(f"{repo}@{tag}"):
        folder = Path(snapshot_download(repo, repo_type="dataset", revision=tag, allow_patterns=list(due)))
    for name, sha256 in due.items():
        if not (folder / name).is_file():
            yield f"{name} is not there"
        elif sha256_of(folder / name) != sha256:
            yield f"{name} has other bytes"


def _shards(manifest: Manifest) -> Shards:
    shards: dict[tuple[str, str], list[FileRecord]] = {}
    for name in sorted(manifest.files):
        if table := config_and_split(name):
            shards.setdefault((table[0].value, table[1].value), []).append(manifest.files[name])
    return shards


def other_rows(repo: str, tag: str, config: str, due: Mapping[str, list[FileRecord]]) -> Iterator[str]:
    """The splits of a config whose rows, as `datasets` loads them, differ from the records of their shards, `due`.

    Raises:
        PrefDialError: the Hub does not serve them.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    try:
        with hub_errors(f"{repo}@{tag}"):
            loaded = load_dataset(repo, config, revision=tag)
    except (DatasetsError, ValueError, TypeError) as error:
        yield f"{config} cannot be loaded: {str(error).splitlines()[0]}"
        return
    for split in loaded:
        if split not in due:
            yield f"{config}: there is a split {split}, which the release does not have"
    for split, records in due.items():
        found = loaded[split].num_rows if split in loaded else 0
        rows = sum(record.rows or 0 for record in records)
        if found != rows:
            yield f"{config}: {split} has {found} rows, not {rows}"
        elif rows and _digests(loaded[split], records) != [record.rows_sha256 for record in records if record.rows]:
            yield f"{config}: {split} has other rows"


# The digest of each shard's rows as `datasets` loads them; shards without rows are left out.
def _digests(rows: Any, records: list[FileRecord]) -> list[str]:
    found, first = [], 0
    for record in records:
        if not record.rows:
            continue
        digest = hashlib.sha256()
        shard = rows.select(range(first, first + record.rows)).with_format("arrow")
        for batch in shard.iter(ROWS_PER_BATCH):
            for row in batch.to_pylist():
                digest.update(canonical_json(row) + b"\n")
        found.append(digest.hexdigest())
        first += record.rows
    return found


def main() -> None:
    repo, tag, manifest_path = sys.argv[1:]
    try:
        told: dict[str, object] = {"differences": list(differences(repo, tag, Path(manifest_path)))}
    except PrefDialError as error:
        told = {"failure": str(error)}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()


# The calling side: starts the process with an empty cache, and with a token only if the repo needs one.


_MODULE = f"{__package__}.fresh_load"
# Prefixes of the variables that configure the Hub's libraries: caches, tokens and settings.
_PLACES = ("HF_", "HUGGING_FACE_", "HUGGINGFACE_")
_KEPT = ("HF_HUB_DISABLE_XET", "HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT")
_SHOWN = 3


@dataclass(frozen=True)
class ReadAs:
    """The release to read, and the token to read it with."""

    endpoint: str
    """The Hub's address."""
    repo: str
    tag: str
    token: str | None
    """None for anonymous access."""

    def __repr__(self) -> str:
        return f"ReadAs({self.endpoint!r}, {self.repo!r}, {self.tag!r}, {'with' if self.token else 'without'} a token)"


class ReleaseReader(Protocol):
    """Reads a published release and compares it with its manifest."""

    def __call__(self, read_as: ReadAs, manifest: Path) -> None:
        """Returns if all is equal; raises the same errors as `read_back`."""
        ...


def read_back(read_as: ReadAs, manifest: Path) -> None:
    """Checks that the release at the tag equals the manifest: the digest of every file, and the rows of `datasets`.

    Raises:
        DataError: something differs.
        EndpointError: the Hub does not serve it.
    """
    with tempfile.TemporaryDirectory(prefix="ipm-prefdial-reader-") as home:
        done = subprocess.run(
            [sys.executable, "-m", _MODULE, read_as.repo, read_as.tag, str(manifest)],
            env=_environment(read_as, Path(home)),
            capture_output=True,
            text=True,
            check=False,
        )
    where = f"{read_as.repo} {read_as.tag} is published, but "
    try:
        # The last line, because the libraries may print before it.
        told = json.loads(done.stdout.splitlines()[-1])
        found = told.get("differences")
        if done.returncode or ("failure" not in told and not isinstance(found, list)):
            raise ValueError(f"the reader ended with {done.returncode}")
    except (IndexError, ValueError, AttributeError) as error:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise EndpointError(f"{where}could not be read back: {plain_reason(last)}; repeat the command") from error
    if "failure" in told:
        raise EndpointError(f"{where}could not be read back: {plain_reason(told['failure'])}; repeat the command")
    if found:
        raise DataError(f"{where}a reader does not get it as it is here: {'; '.join(found[:_SHOWN])}")


def _environment(read_as: ReadAs, home: Path) -> Mapping[str, str]:
    # Everything that could lead the client to a cache or a token of this machine is left out.
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or not name.startswith(_PLACES)}
    kept.pop("XDG_CACHE_HOME", None)
    settings = {
        "HF_ENDPOINT": read_as.endpoint,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    }
    return {**kept, **settings, **({"HF_TOKEN": read_as.token} if read_as.token else {})}

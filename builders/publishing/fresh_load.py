"""Loads a published release as any reader does and tells what is not as its manifest says: a process of its own.

    python -m ipm_prefdial.builders.publishing.fresh_load ORG/NAME TAG MANIFEST

The Hub's client and `datasets` read where they look for things when they are imported, so only another process starts
with an empty cache and without a token. Prints `{"differences": [...]}`, or `{"failure": "..."}` where the Hub failed.
"""

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

from ...schemas.base import canonical_json
from ...schemas.errors import PrefDialError
from ...schemas.manifest import FileRecord, Manifest
from ..release.layout import MANIFEST, config_and_split
from ..release.read import read_manifest
from ..sources.files import sha256_of
from ..sources.hub import hub_errors

ROWS_PER_BATCH = 1_000

Shards = Mapping[tuple[str, str], list[FileRecord]]
"""The shards of each config's splits, in order."""


def differences(repo: str, tag: str, manifest_path: Path) -> Iterator[str]:
    """What a reader gets that is not as the manifest says, file by file and row by row.

    Raises:
        PrefDialError: the Hub does not give the release.
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
    """The files that arrive with other bytes than the manifest, itself among them, says.

    Raises:
        PrefDialError: the Hub does not give them.
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
    """See `Shards`."""
    shards: dict[tuple[str, str], list[FileRecord]] = {}
    for name in sorted(manifest.files):
        if table := config_and_split(name):
            shards.setdefault((table[0].value, table[1].value), []).append(manifest.files[name])
    return shards


def other_rows(repo: str, tag: str, config: str, due: Mapping[str, list[FileRecord]]) -> Iterator[str]:
    """The splits of a config that `datasets` gives with other rows than `due`, their shards' records, says.

    Raises:
        PrefDialError: the Hub does not give them.
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


def _digests(rows: Any, records: list[FileRecord]) -> list[str]:
    """The digest of each shard's rows as `datasets` gives them; shards without rows have no place among them."""
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
    """Prints what differs."""
    repo, tag, manifest_path = sys.argv[1:]
    try:
        told: dict[str, object] = {"differences": list(differences(repo, tag, Path(manifest_path)))}
    except PrefDialError as error:
        told = {"failure": str(error)}
    sys.stdout.write(json.dumps(told) + "\n")


if __name__ == "__main__":
    main()

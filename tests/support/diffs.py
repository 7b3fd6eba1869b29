"""Small releases to compare: one config, made row by row, in as many shards as a test wants."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
from support.releases import Row, digest_of_rows, shared_release, write_rows

from ipm_prefdial.builders.release.layout import MANIFEST, arrow_schema, shard_path
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.write import file_record
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split

Shards = Mapping[Split, Sequence[Sequence[Row]]]
"""The rows of every shard of every split."""


def write_small(
    root: Path,
    shards: Shards,
    *,
    version: str = "1.0.0",
    schema: pa.Schema | None = None,
    config: Config = Config.RESPONSE,
) -> Release:
    """A release folder that holds one config and no other file; its manifest knows the files as a build's does."""
    (root / "data" / config).mkdir(parents=True)
    manifest = json.loads((shared_release().root / MANIFEST).read_bytes()) | {"version": version, "files": {}}
    for split, tables in shards.items():
        for number, rows in enumerate(tables):
            name = shard_path(config, split, number, len(tables))
            write_rows(root / name, rows, schema or arrow_schema(config, 1))
            record = file_record(root / name, rows=len(rows), rows_sha256=digest_of_rows(rows))
            manifest["files"][name] = record.model_dump(mode="json")
    (root / MANIFEST).write_text(json.dumps(manifest))
    return Release(root)


@lru_cache
def response_rows(number: int) -> list[Row]:
    """The first rows of the sample's `response` pairs; only to be read."""
    found = list(shared_release().rows(Config.RESPONSE, Split.TRAIN))[:number]
    assert len(found) == number
    return found

"""Where things stand in a release folder."""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from ...cards.pictures import PICTURES
from ...schemas.audit import FILE_NAME as AUDIT
from ...schemas.base import digest_of
from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.maintainers import FILE_NAME as MAINTAINERS
from ...schemas.manifest import FILE_NAME as MANIFEST
from ...schemas.manifest import FileRecord, Manifest
from ...schemas.publishing import FILE_NAME as PUBLISHING
from ...schemas.report import FILE_NAME as REPORT
from ...schemas.review import FILE_NAME as REVIEW
from ...schemas.rows import rows_of
from ...schemas.validation import FILE_NAME as VALIDATION

CARD = "README.md"
SPLITS = "splits.json"
CHANGELOG = "CHANGELOG.md"
LICENSE = "LICENSE"
NOTICE = "NOTICE"
CROISSANT = "croissant.json"

__all__ = [
    "CARD",
    "CHANGELOG",
    "CROISSANT",
    "FILES",
    "LICENSE",
    "MAINTAINERS",
    "MANIFEST",
    "NOTICE",
    "SPLITS",
    "config_and_split",
    "release_files",
    "shard_path",
    "splits_of",
    "tables_sha256",
    "unknown_files",
]

FILES = frozenset(
    (
        *(CARD, CHANGELOG, CROISSANT, LICENSE, NOTICE, SPLITS, MAINTAINERS),
        *(AUDIT, REPORT, REVIEW, VALIDATION, PUBLISHING),
        *PICTURES,
    )
)
"""Every file of a release besides its manifest and its tables; a release has no other."""

_SHARD = re.compile(r"data/(?P<config>[a-z_]+)/(?P<split>train|validation|test)-[0-9]{5}-of-[0-9]{5}\.parquet")


def splits_of(config: Config) -> tuple[Split, ...]:
    """The splits that a config has: mostly all three.

    `completions` has only `train`, since calls belong to no split; `crisis_holdout` only `test`, since none of it is
    for training.
    """
    return {Config.COMPLETIONS: (Split.TRAIN,), Config.CRISIS_HOLDOUT: (Split.TEST,)}.get(config, tuple(Split))


def shard_path(config: Config, split: Split, shard: int, shards: int) -> str:
    """The path of a table's shard below the release, counted from 0."""
    return PurePosixPath("data", config, f"{split}-{shard:05d}-of-{shards:05d}.parquet").as_posix()


def config_and_split(path: str) -> tuple[Config, Split] | None:
    """The table that a file is a shard of, or None where it is none."""
    found = _SHARD.fullmatch(path)
    if found is None or found["config"] not in tuple(Config):
        return None
    return Config(found["config"]), Split(found["split"])


def tables_sha256(files: Mapping[str, FileRecord]) -> str:
    """A digest over the names and bytes of a release's tables, by the manifest's records of its files."""
    return digest_of({name: record.sha256 for name, record in files.items() if config_and_split(name)})


def unknown_files(manifest: Manifest) -> Iterator[str]:
    """Names in a manifest that its layout does not know."""
    configs = rows_of(manifest.spec.layout)
    for name in manifest.files:
        table = config_and_split(name)
        if name not in FILES and (table is None or table[0] not in configs):
            yield name


def release_files(manifest: Manifest) -> tuple[str, ...]:
    """The files of a release, by its layout: what is published, and nothing else. The manifest is one of them."""
    unknown = set(unknown_files(manifest))
    return tuple(sorted({*manifest.files, MANIFEST} - unknown))

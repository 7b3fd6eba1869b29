"""The layout of a release folder: its files, its splits and shards, and the Arrow columns of its tables.

The Arrow schemas are derived from the pydantic row schemas, so that columns are defined in one place.
"""

import re
import types
from collections.abc import Iterator, Mapping
from enum import Enum
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pyarrow as pa
from pydantic import BaseModel

from ...cards.pictures import PICTURES
from ...schemas.audit import AUDIT_FILE as AUDIT
from ...schemas.base import digest_of
from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.manifest import MANIFEST_FILE as MANIFEST
from ...schemas.manifest import FileRecord, Manifest
from ...schemas.publishing import MAINTAINERS_FILE as MAINTAINERS
from ...schemas.publishing import PUBLISHING_FILE as PUBLISHING
from ...schemas.report import REPORT_FILE as REPORT
from ...schemas.review import REVIEW_FILE as REVIEW
from ...schemas.rows import rows_of
from ...schemas.study import STUDY_FILE as VALIDATION

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
"""Every file that a release may have besides its manifest and its tables."""

# ASCII digits only: `\d` would also match digits of other scripts, and two names could then look alike.
_SHARD = re.compile(r"data/(?P<config>[a-z_]+)/(?P<split>train|validation|test)-[0-9]{5}-of-[0-9]{5}\.parquet")


def splits_of(config: Config) -> tuple[Split, ...]:
    """The splits that a config has: all three, with two exceptions.

    `completions` has only `train`, since calls belong to no split, and `crisis_holdout` only `test`, since none of it
    is for training.
    """
    return {Config.COMPLETIONS: (Split.TRAIN,), Config.CRISIS_HOLDOUT: (Split.TEST,)}.get(config, tuple(Split))


def shard_path(config: Config, split: Split, shard: int, shards: int) -> str:
    """The path of a shard below the release; `shard` counts from 0."""
    return PurePosixPath("data", config, f"{split}-{shard:05d}-of-{shards:05d}.parquet").as_posix()


def config_and_split(path: str) -> tuple[Config, Split] | None:
    """The table that a file is a shard of; None if it is not a shard."""
    found = _SHARD.fullmatch(path)
    if found is None or found["config"] not in tuple(Config):
        return None
    return Config(found["config"]), Split(found["split"])


def tables_sha256(files: Mapping[str, FileRecord]) -> str:
    """The digest of a release's tables, from the manifest's records: audits and validations name their data by it."""
    return digest_of({name: record.sha256 for name, record in files.items() if config_and_split(name)})


def unknown_files(manifest: Manifest) -> Iterator[str]:
    """Names in a manifest that its layout does not know."""
    configs = rows_of(manifest.spec.layout)
    for name in manifest.files:
        table = config_and_split(name)
        if name not in FILES and (table is None or table[0] not in configs):
            yield name


def release_files(manifest: Manifest) -> tuple[str, ...]:
    """The files that are published: those of the manifest that its layout knows, and the manifest itself."""
    unknown = set(unknown_files(manifest))
    return tuple(sorted({*manifest.files, MANIFEST} - unknown))


_SCALARS: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    float: pa.float64(),
}


@lru_cache
def arrow_schema(config: Config, layout: int) -> pa.Schema:
    """The columns of a config's Parquet files in a layout, in order.

    Every field is nullable in the file, as `datasets` expects it; `validate` checks which columns may hold nulls.
    """
    return pa.schema([pa.field(name, arrow_type(hint)) for name, hint in fields_of(rows_of(layout)[config]).items()])


def arrow_type(hint: Any) -> pa.DataType:
    """The Arrow type of a field's annotation."""
    hint = without_none(hint)
    origin = get_origin(hint)
    if origin is Literal:
        return pa.string()
    if origin in (tuple, list):
        return pa.list_(arrow_type(get_args(hint)[0]))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return pa.string()
    if isinstance(hint, type) and hint in _SCALARS:
        return _SCALARS[hint]
    return pa.struct([pa.field(name, arrow_type(inner)) for name, inner in fields_of(hint).items()])


def fields_of(hint: Any) -> dict[str, Any]:
    """The fields of a struct's annotation (a pydantic model or a TypedDict), in order."""
    hints = get_type_hints(hint)
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return {name: hints[name] for name in hint.model_fields}
    return hints


def without_none(hint: Any) -> Any:
    """The annotation without `| None`."""
    if get_origin(hint) in (Union, types.UnionType):
        return next(inner for inner in get_args(hint) if inner is not type(None))
    return hint


def may_be_null(hint: Any) -> bool:
    """Whether the annotation allows None."""
    return get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint)


def allowed_values(hint: Any) -> tuple[str, ...] | None:
    """The values that an enumeration or a literal allows; None for any other type."""
    hint = without_none(hint)
    if get_origin(hint) is Literal:
        return get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return tuple(str(member.value) for member in hint)
    return None


def schema_difference(schema: pa.Schema, config: Config, layout: int) -> str | None:
    """The first difference of a file's columns from the config's, in words; None if they are the same."""
    due = arrow_schema(config, layout)
    if schema.equals(due):
        return None
    for column in due:
        if column.name not in schema.names:
            return f"column {column.name} is missing"
        if not schema.field(column.name).type.equals(column.type):
            return f"column {column.name} is {schema.field(column.name).type}, not {column.type}"
    extra = [name for name in schema.names if name not in due.names]
    return f"column {extra[0]} does not belong there" if extra else "its columns are in another order"

"""Which columns a config has in a release, from its files' own schemas."""

from typing import Any

import pyarrow as pa

from ....schemas.config import Config
from ....schemas.diff import ColumnDiff
from ....schemas.errors import DataError
from ..read import Release

ROW_ID = "row_id"
"""The column that rows are matched by."""

Columns = dict[str, str]
"""Names and types of a config's columns, in their order."""


def columns_of(release: Release, config: Config) -> Columns:
    """The columns of a config of a release; none where it does not have the config.

    Raises:
        DataError: a file cannot be read, has no `row_id`, or has other columns than the config's other files.
    """
    first: Columns = {}
    for path in release.files(config):
        columns = {field.name: type_name(field.type) for field in release.schema(path)}
        if ROW_ID not in columns:
            raise DataError(f"{release.name_of(path)}: no column {ROW_ID} to match its rows by")
        if first and columns != first:
            what = "its columns are not those of the config's other files"
            raise DataError(f"{release.name_of(path)}: {what}; `ipm-prefdial validate` tells more")
        first = first or columns
    return first


def compare_columns(old: Columns, new: Columns) -> tuple[ColumnDiff, ...]:
    """The columns that only one release has, or that have another type; first the old one's, in order."""
    names = {**old, **new}
    return tuple(
        ColumnDiff(column=name, old=old.get(name), new=new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    )


def shared_columns(old: Columns, new: Columns) -> list[str]:
    """The columns whose cells can be compared: both have them, with one type. The id is what rows are matched by."""
    return [name for name, kind in old.items() if new.get(name) == kind and name != ROW_ID]


def type_name(kind: Any) -> str:
    """A type in words that do not depend on the writer: large or plain, dictionary or not, fields in any order."""
    if pa.types.is_dictionary(kind):
        return type_name(kind.value_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return "string"
    if pa.types.is_large_binary(kind):
        return "binary"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"list<{type_name(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{', '.join(sorted(f'{field.name}: {type_name(field.type)}' for field in kind))}>"
    return str(kind)

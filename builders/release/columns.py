"""The Arrow form of the row schemas: made from the pydantic ones, so that there is one truth about columns."""

import types
from enum import Enum
from functools import lru_cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pyarrow as pa
from pydantic import BaseModel

from ...schemas.config import Config
from ...schemas.rows import rows_of

_SCALARS: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    bool: pa.bool_(),
    float: pa.float64(),
}


@lru_cache
def arrow_schema(config: Config, layout: int) -> pa.Schema:
    """The columns of a config's Parquet files in a layout, in order.

    Every field is nullable in the file, as `datasets` expects it; which may be null is known by `schemas.rows` and
    checked by `validate`.
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
    """The values that an enumeration or a literal allows, or None where any string will do."""
    hint = without_none(hint)
    if get_origin(hint) is Literal:
        return get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return tuple(str(member.value) for member in hint)
    return None


def schema_difference(schema: pa.Schema, config: Config, layout: int) -> str | None:
    """What of a file's columns is not as the config's are, or None."""
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

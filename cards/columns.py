"""The columns of a config as people read them: name, type and meaning, from the schemas' own docstrings."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

from .docs import field_docs

Feature = Mapping[str, Any]
"""A column as the card's `dataset_info` writes it: `name` with `dtype`, `struct` or `list`."""


@dataclass(frozen=True)
class Column:
    """A column, or a field of a struct inside one."""

    name: str
    type: str
    """`string`, `int64`, `float64` or `bool`; of a struct `struct`."""
    is_list: bool
    """Whether it holds several of these."""
    may_be_null: bool
    about: str
    """What it means; empty where its name and values say it all."""
    values: tuple[str, ...]
    """The only values that it has, where they are named."""
    fields: tuple["Column", ...]
    """Of a struct; empty otherwise."""

    @property
    def told(self) -> str:
        """Its type in words."""
        return f"{'list of ' if self.is_list else ''}{self.type}{' or null' if self.may_be_null else ''}"


def columns_of(row: type[object], features: Sequence[Feature]) -> tuple[Column, ...]:
    """The columns of a row schema, or the fields of a struct, in the order of `features`."""
    hints, docs = get_type_hints(row), field_docs(row)
    return tuple(_column(one, hints[one["name"]], docs.get(one["name"], "")) for one in features)


def column_lines(columns: Sequence[Column], within: str = "") -> Iterator[dict[str, str]]:
    """A line for each column, and for each field of a struct after it, under the way that leads there."""
    for column in columns:
        name = f"{within}{column.name}"
        values = ", ".join(f"`{value}`" for value in column.values)
        about = " ".join(part for part in (column.about, f"One of {values}." if values else "") if part)
        yield {"name": name, "type": column.told, "about": about.replace("|", "\\|")}
        yield from column_lines(column.fields, f"{name}{'[]' if column.is_list else ''}.")


def _column(feature: Feature, hint: Any, about: str) -> Column:
    inner = feature.get("list", feature.get("struct"))
    fields = columns_of(_struct_within(hint), inner) if isinstance(inner, list) else ()
    return Column(
        name=feature["name"],
        type="struct" if fields else str(inner or feature["dtype"]),
        is_list="list" in feature,
        may_be_null=type(None) in get_args(hint),
        about=about,
        values=() if fields else _values_within(hint),
        fields=fields,
    )


def _struct_within(hint: Any) -> type[object]:
    """The model or TypedDict that an annotation holds, however deep."""
    return next(one for one in _parts(hint) if isinstance(one, type) and _is_struct(one))


def _is_struct(one: type[object]) -> bool:
    return issubclass(one, BaseModel) or (issubclass(one, dict) and hasattr(one, "__total__"))


def _values_within(hint: Any) -> tuple[str, ...]:
    """The values that an enumeration or a literal in an annotation names."""
    for one in _parts(hint):
        if get_origin(one) is Literal:
            return tuple(map(str, get_args(one)))
        if isinstance(one, type) and issubclass(one, Enum):
            return tuple(str(member.value) for member in one)
    return ()


def _parts(hint: Any) -> Iterator[Any]:
    """An annotation and everything that it is made of."""
    yield hint
    if get_origin(hint) is not Literal:
        for one in get_args(hint):
            yield from _parts(one)

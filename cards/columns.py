"""The columns of a config, with their meanings from the docstrings under the fields of the row schemas.

Python keeps no docstring of a field or an enumeration member, so these are read from the source of the schemas. A card
therefore says what the code says.
"""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel

Feature = Mapping[str, Any]
"""A column in the form of the card's `dataset_info`: `name` with `dtype`, `struct` or `list`."""


@dataclass(frozen=True)
class Column:
    """A column, or a field of a struct inside one."""

    name: str
    type: str
    """`string`, `int64`, `float64`, `bool` or `struct`."""
    is_list: bool
    """Whether a cell is a list of these."""
    may_be_null: bool
    about: str
    """Its meaning; empty if the field has no docstring."""
    values: tuple[str, ...]
    """The allowed values, for an enumeration or a literal; empty otherwise."""
    fields: tuple["Column", ...]
    """The fields of a struct; empty otherwise."""

    @property
    def type_in_words(self) -> str:
        return f"{'list of ' if self.is_list else ''}{self.type}{' or null' if self.may_be_null else ''}"


def columns_of(row: type[object], features: Sequence[Feature]) -> tuple[Column, ...]:
    """The columns of a row schema, or the fields of a struct, in the order of `features`."""
    hints, docs = get_type_hints(row), field_docs(row)
    return tuple(_column(one, hints[one["name"]], docs.get(one["name"], "")) for one in features)


def column_lines(columns: Sequence[Column], within: str = "") -> Iterator[dict[str, str]]:
    """A line for each column, followed by a line for each field of a struct, under its path (such as `panel.votes`)."""
    for column in columns:
        name = f"{within}{column.name}"
        values = ", ".join(f"`{value}`" for value in column.values)
        about = " ".join(part for part in (column.about, f"One of {values}." if values else "") if part)
        yield {"name": name, "type": column.type_in_words, "about": about.replace("|", "\\|")}
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


# The model or TypedDict that an annotation holds, however deep.
def _struct_within(hint: Any) -> type[object]:
    return next(one for one in _parts(hint) if isinstance(one, type) and _is_struct(one))


def _is_struct(one: type[object]) -> bool:
    return issubclass(one, BaseModel) or (issubclass(one, dict) and hasattr(one, "__total__"))


# The values of an enumeration or a literal in an annotation.
def _values_within(hint: Any) -> tuple[str, ...]:
    for one in _parts(hint):
        if get_origin(one) is Literal:
            return tuple(map(str, get_args(one)))
        if isinstance(one, type) and issubclass(one, Enum):
            return tuple(str(member.value) for member in one)
    return ()


# An annotation and all its arguments, at any depth.
def _parts(hint: Any) -> Iterator[Any]:
    yield hint
    if get_origin(hint) is not Literal:
        for one in get_args(hint):
            yield from _parts(one)


_OURS = __name__.partition(".")[0] + "."


def member_docs(enumeration: type[Enum]) -> dict[str, str]:
    """The docstring under each member, by the member's name; members without one are left out."""
    return _docs_in(enumeration.__module__)[enumeration.__name__]


def field_docs(model: type[object]) -> dict[str, str]:
    """The docstring under each field of a model, inherited ones included; fields without one are left out."""
    ours = [one for one in reversed(model.__mro__) if one.__module__.startswith(_OURS)]
    return {name: doc for one in ours for name, doc in _docs_in(one.__module__)[one.__name__].items()}


# The docstrings under the assignments in the classes of a module, by class and name.
@lru_cache
def _docs_in(module: str) -> dict[str, dict[str, str]]:
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: dict(_docs_under(node)) for node in tree.body if isinstance(node, ast.ClassDef)}


def _docs_under(owner: ast.ClassDef) -> Iterator[tuple[str, str]]:
    for named, doc in pairwise(owner.body):
        if isinstance(named, ast.Assign | ast.AnnAssign) and isinstance(doc, ast.Expr):
            name = named.targets[0] if isinstance(named, ast.Assign) else named.target
            if isinstance(doc.value, ast.Constant):
                yield ast.unparse(name), " ".join(str(doc.value.value).split())

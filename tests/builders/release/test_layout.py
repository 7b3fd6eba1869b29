"""The Arrow columns of every config are those of its pydantic row."""

from typing import Any, Literal

import pyarrow as pa
import pytest
from pydantic import ValidationError
from support.releases import shared_release

from ipm_prefdial.builders.release.layout import (
    allowed_values,
    arrow_schema,
    arrow_type,
    fields_of,
    may_be_null,
    without_none,
)
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Speaker
from ipm_prefdial.schemas.inference import Message
from ipm_prefdial.schemas.rows import LAYOUTS, InferredBy, Messages, Row, rows_of

_TABLES = [(layout, config) for layout, rows in LAYOUTS.items() for config in rows]
_RELEASES = {1: "1.0.0", 2: "2.0.0", 3: "2.1.0"}
"""A release of each layout that a released spec has."""
_RELEASED = [(layout, config) for layout, config in _TABLES if layout in _RELEASES]


@pytest.mark.parametrize(("layout", "config"), _TABLES)
def test_columns_are_the_fields_of_the_row(layout: int, config: Config) -> None:
    assert arrow_schema(config, layout).names == list(rows_of(layout)[config].model_fields)
    assert arrow_schema(config, layout).names[:5] == list(Row.model_fields)


@pytest.mark.parametrize(("layout", "config"), _RELEASED)
def test_every_row_of_a_release_fits_the_model_and_the_columns(layout: int, config: Config) -> None:
    rows = list(shared_release(_RELEASES[layout]).rows(config))
    assert rows
    for row in rows:
        again = rows_of(layout)[config].model_validate(row).model_dump(mode="json")
        assert again == row
        assert list(row) == arrow_schema(config, layout).names
    table = pa.Table.from_pylist(rows, schema=arrow_schema(config, layout))
    assert table.to_pylist() == rows


@pytest.mark.parametrize(("layout", "config"), _RELEASED)
def test_a_row_with_one_column_more_or_less_fits_neither(layout: int, config: Config) -> None:
    row = next(shared_release(_RELEASES[layout]).rows(config))
    with pytest.raises(ValidationError):
        rows_of(layout)[config].model_validate(row | {"surplus": 1})
    with pytest.raises(ValidationError):
        rows_of(layout)[config].model_validate({name: value for name, value in row.items() if name != "source"})


_STRING_AND_NUMBER = pa.struct(
    [("model", pa.string()), ("revision", pa.string()), ("draw", pa.int64()), ("request_key", pa.string())]
)


@pytest.mark.parametrize(
    ("hint", "due"),
    [
        (str, pa.string()),
        (int | None, pa.int64()),
        (bool, pa.bool_()),
        (float, pa.float64()),
        (Speaker, pa.string()),
        (Literal["a", "b"] | None, pa.string()),
        (list[int], pa.list_(pa.int64())),
        (tuple[str, ...], pa.list_(pa.string())),
        (Messages, pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))),
        (InferredBy | None, _STRING_AND_NUMBER),
    ],
)
def test_annotations_become_arrow_types(hint: Any, due: pa.DataType) -> None:
    assert arrow_type(hint).equals(due)


def test_fields_of_models_and_typed_dicts_come_in_order() -> None:
    assert list(fields_of(InferredBy)) == ["model", "revision", "draw", "request_key"]
    assert list(fields_of(Message)) == ["role", "content"]


def test_nullable_is_what_allows_none() -> None:
    assert may_be_null(int | None)
    assert not may_be_null(int)
    assert not may_be_null(int | str)
    assert without_none(int | None) is int


def test_only_enumerations_and_literals_have_allowed_values() -> None:
    assert allowed_values(Speaker | None) == ("seeker", "supporter")
    assert allowed_values(Literal["x", "y"]) == ("x", "y")
    assert allowed_values(str) is None

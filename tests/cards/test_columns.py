"""What the card says of a column is what its schema says: name, type, meaning, and the values that it may have."""

import pytest

from ipm_prefdial.builders.release.layout import arrow_schema
from ipm_prefdial.builders.release.refresh import card_features
from ipm_prefdial.cards.columns import Column, column_lines, columns_of, field_docs
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.rows import LAYOUTS, layout_2, rows_of

TABLES = [(layout, config) for layout, rows in LAYOUTS.items() for config in rows]


def columns(layout: int, config: Config) -> dict[str, Column]:
    """The columns of a config by name."""
    found = columns_of(rows_of(layout)[config], card_features(layout)[config])
    return {column.name: column for column in found}


@pytest.mark.parametrize(("layout", "config"), TABLES)
def test_every_column_of_the_files_is_told_with_its_type_and_meaning(layout: int, config: Config) -> None:
    found, due = columns(layout, config), arrow_schema(config, layout)
    assert list(found) == due.names
    for column in due:
        told = found[column.name]
        assert told.about
        assert told.is_list == str(column.type).startswith("list")
        assert bool(told.fields) == ("struct" in str(column.type))
        one = column.type.value_type if told.is_list else column.type
        assert told.type in ("struct", str(one).replace("double", "float64"))


@pytest.mark.parametrize(("layout", "config"), TABLES)
def test_only_the_words_of_a_message_go_without_saying(layout: int, config: Config) -> None:
    silent = {line["name"] for line in column_lines(tuple(columns(layout, config).values())) if not line["about"]}
    assert {name.partition("[]")[2] for name in silent} <= {".content"}


def test_fields_of_structs_stand_after_them_with_the_way_there() -> None:
    names = [line["name"] for line in column_lines(tuple(columns(2, Config.CRISIS_HOLDOUT).values()))]
    start = names.index("turns")
    assert names[start : start + 6] == [
        "turns",
        "turns[].speaker",
        "turns[].text",
        "turns[].strategy",
        "turns[].cues",
        "turns[].cues[].modality",
    ]


def test_nulls_lists_and_values_are_told() -> None:
    found = columns(2, Config.RESPONSE)
    assert found["closeness"].type_in_words == "struct or null"
    assert found["judgements"].type_in_words == "list of struct"
    assert found["turn"].type_in_words == "int64"
    assert found["rejected_error"].values == tuple(error.value for error in ErrorType)
    better = next(field for field in found["judgements"].fields if field.name == "better")
    assert (better.type_in_words, better.values) == ("string or null", ("chosen", "rejected", "tie"))


def test_a_field_that_is_told_anew_has_the_newer_words() -> None:
    assert field_docs(layout_2.Rewrite)["original"] == "The human's words."
    assert field_docs(layout_2.Rewrite)["draw"] == "The number of the reply among several to the same question, from 0."
    assert "see `rewrite`" in field_docs(layout_2.ResponseRow)["chosen"]

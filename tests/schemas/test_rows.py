"""Row ids, and the columns that labs rely on."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.schemas.config import DEFAULT_CONFIG, PAIR_CONFIGS, REASONING_CONFIGS, SFT_CONFIGS, Config
from ipm_prefdial.schemas.rows import (
    CANDIDATE_CONFIGS,
    LAYOUTS,
    RELEASED_MEMBERS,
    candidate_configs,
    json_schema_of,
    row_id,
    rows_of,
)

_COMMON = ["row_id", "dialogue_id", "turn", "source", "license"]
_WHAT = st.lists(st.none() | st.text(max_size=9) | st.integers(0, 99), max_size=3).map(tuple)
_PLACES = st.tuples(
    st.sampled_from(Config),
    st.text("0123456789abcdef", min_size=16, max_size=16),
    st.none() | st.integers(0, 99),
    _WHAT,
)


def test_a_row_id_is_pinned() -> None:
    assert row_id(Config.RESPONSE, "0123456789abcdef", 3, "key", "reply") == "62755556c786ea5d178e46aacd18c5aa"


@given(_PLACES, _PLACES)
def test_a_row_id_is_32_digits_and_tells_rows_apart(one: tuple, other: tuple) -> None:  # type: ignore[type-arg]
    first, second = row_id(*one[:3], *one[3]), row_id(*other[:3], *other[3])
    assert len(first) == 32
    assert set(first) <= set("0123456789abcdef")
    assert (first == second) == (one == other)


def test_null_and_no_answer_and_an_empty_one_are_told_apart() -> None:
    places = [(), (None,), ("",), ("None",), (0,), ("0",)]
    assert len({row_id(Config.JOINT, "d", 1, *what) for what in places}) == len(places)
    assert row_id(Config.DIALOGUES, "d", None) != row_id(Config.DIALOGUES, "d", 0)


def test_every_config_has_its_rows_and_they_begin_alike() -> None:
    assert list(rows_of(2)) == [config for config in Config if config not in REASONING_CONFIGS]
    assert list(rows_of(1)) == [config for config in rows_of(2) if config is not Config.CRISIS_HOLDOUT]
    assert list(rows_of(3)) == list(Config)
    assert all(list(row.model_fields)[:5] == _COMMON for rows in LAYOUTS.values() for row in rows.values())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_pairs_have_the_columns_that_trl_reads(layout: int) -> None:
    for config in PAIR_CONFIGS:
        assert {"prompt", "chosen", "rejected"} <= rows_of(layout)[config].model_fields.keys()
    for config in SFT_CONFIGS:
        assert list(rows_of(layout)[config].model_fields)[5:] == ["prompt", "completion", "strategy"]


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_pair_names_who_inferred_it(layout: int) -> None:
    assert {
        config: role in rows_of(layout)[config].model_fields
        for config, role in zip(PAIR_CONFIGS, ("planner", "responder", "joint"), strict=True)
    } == dict.fromkeys(PAIR_CONFIGS, True)


def test_candidates_are_those_of_pairs_and_demonstrations() -> None:
    others = {Config.DROPPED, Config.COMPLETIONS, Config.DIALOGUES, Config.CRISIS_HOLDOUT}
    assert set(CANDIDATE_CONFIGS) == set(Config) - others - set(REASONING_CONFIGS) == set(candidate_configs(2))
    assert set(candidate_configs(3)) == set(Config) - others
    assert DEFAULT_CONFIG is Config.RESPONSE


def test_rows_of_reasoning_have_the_columns_that_training_reads() -> None:
    rows = rows_of(3)
    assert {"prompt", "completion", "weight"} <= rows[Config.REASONING].model_fields.keys()
    assert {"prompt", "completions", "labels", "weight"} <= rows[Config.REASONING_STEPS].model_fields.keys()
    assert {"prompt", "chosen", "rejected", "weight"} <= rows[Config.REASONING_PAIRS].model_fields.keys()


def test_layout_3_changes_no_column_of_layout_2_but_that_a_drop_may_lack_a_strategy() -> None:
    for config, row in rows_of(2).items():
        old = {name: field.annotation for name, field in row.model_fields.items() if name != "config"}
        new = {name: field.annotation for name, field in rows_of(3)[config].model_fields.items() if name != "config"}
        if config is Config.DROPPED:
            assert new.pop("strategy") == old.pop("strategy") | None
        assert old == new


@pytest.mark.parametrize("layout", [1, 2, 3])
def test_a_new_enum_member_does_not_reach_a_released_layout(layout: int) -> None:
    """Every enum in its JSON Schema is written out, so the schema does not follow the enum."""
    for config in LAYOUTS[layout]:
        for name, definition in json_schema_of(layout, config).get("$defs", {}).items():
            if "enum" in definition and name != "DropReason":
                assert definition["enum"] == list(RELEASED_MEMBERS[name])


def test_a_draft_layout_follows_its_enums() -> None:
    assert json_schema_of(4, Config.STRATEGY) == LAYOUTS[4][Config.STRATEGY].model_json_schema()

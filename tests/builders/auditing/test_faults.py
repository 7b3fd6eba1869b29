"""Ten of each kind of fault in an otherwise clean release: all are found, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from support.audits import audit_release, found_faults
from support.releases import change_rows, shared_release

from ipm_prefdial.builders.auditing._faults import KINDS
from ipm_prefdial.builders.release.read import Release

Row = dict[str, Any]
_TEN = range(0, 60, 6)


def _side(text: str, role: str = "assistant") -> list[Row]:
    return [{"role": role, "content": text}]


def _each(change: Callable[[Row], Any]) -> Callable[[list[Row]], None]:
    def alter(rows: list[Row]) -> None:
        for at in _TEN:
            change(rows[at])

    return alter


def _shift_prompts(rows: list[Row]) -> None:
    """Ten rows get the prompt of the next, as where a row was dropped from one column alone."""
    for at in range(10):
        rows[at]["prompt"] = rows[at + 1]["prompt"]


def _copy(rows: list[Row]) -> None:
    rows += [row | {"row_id": f"{at:032x}"} for at, row in enumerate(rows[:10])]


def _copy_swapped(rows: list[Row]) -> None:
    """A contradiction is two rows, so five copies make ten."""
    rows += [
        row | {"row_id": f"{at:032x}", "chosen": row["rejected"], "rejected": row["chosen"]}
        for at, row in enumerate(rows[:5])
    ]


def _same_id(rows: list[Row]) -> None:
    for row in rows[1:11]:
        row["row_id"] = rows[0]["row_id"]


def _tie(row: Row) -> None:
    row["chosen_verdict"]["error"] = row["rejected_verdict"]["error"]


def _flaw(row: Row) -> None:
    other = {"lack_of_empathy": "template_response"}
    row["chosen_verdict"]["error"] = other.get(row["rejected_verdict"]["error"], "lack_of_empathy")


def _one_strategy(row: Row) -> None:
    row["rejected_strategy"] = row["chosen_strategy"]


PLANTS: dict[str, tuple[str, Callable[[list[Row]], Any]]] = {
    "equal_sides": ("response", _each(lambda row: row.update(rejected=row["chosen"]))),
    "equal_normalised_sides": (
        "response",
        _each(lambda row: row.update(rejected=_side(f"«{row['chosen'][0]['content'].upper()}»  !"))),
    ),
    "empty_side": ("joint", _each(lambda row: row.update(rejected=_side(" \n")))),
    "empty_prompt": ("response", _each(lambda row: row.update(prompt=[]))),
    "prompt_roles": ("response", _each(lambda row: row["prompt"][-1].update(role="assistant"))),
    "side_roles": ("response", _each(lambda row: row.update(chosen=_side(row["chosen"][0]["content"], "user")))),
    "same_strategies": ("strategy", _each(_one_strategy)),
    "verdict_tie": ("joint", _each(_tie)),
    "chosen_flawed": ("response", _each(_flaw)),
    "prompt_shift": ("response", _shift_prompts),
    "duplicate_pair": ("response", _copy),
    "contradicting_pair": ("joint", _copy_swapped),
    "duplicate_row_id": ("strategy", _same_id),
}


_OF_PANELS = ("no_majority",)
"""Kinds that only releases with panels can have: `tests/builders/test_ten_of_each.py` plants them."""


def test_untouched_release_has_no_faults() -> None:
    audit = audit_release(shared_release())
    assert found_faults(audit) == {}
    assert {one.kind for one in audit.faults} == set(KINDS) == {*PLANTS, *_OF_PANELS} == set(audit.fault_kinds)


@pytest.mark.parametrize("kind", PLANTS)
def test_ten_of_a_kind_are_found_and_nothing_else(release: Release, kind: str) -> None:
    config, change = PLANTS[kind]
    file = f"data/{config}/train-00000-of-00001.parquet"
    change_rows(release, file, change)
    audit = audit_release(release, sample=50)
    assert found_faults(audit) == {(config, kind): 10}
    (fault,) = (one for one in audit.faults if one.count)
    assert len(fault.places) == 10
    assert all(place.startswith(f"{file}: row ") for place in fault.places)
    assert any(gate.name == "faults" and gate.value == 10 for gate in audit.failed)


def test_places_are_those_of_the_rows(release: Release) -> None:
    file = "data/response/validation-00000-of-00001.parquet"
    change_rows(release, file, lambda rows: rows[2].update(rejected=rows[2]["chosen"]))
    (fault,) = (one for one in audit_release(release, sample=50).faults if one.count)
    assert fault.places == (f"{file}: row 2",)

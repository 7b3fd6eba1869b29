"""Any preference dataset in TRL's forms is audited; what it cannot tell is null."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.audits import audit_rows, found_faults

from ipm_prefdial.builders.auditing.foreign import ForeignSource, read_columns, split_row
from ipm_prefdial.builders.auditing.run import audit_source
from ipm_prefdial.schemas.errors import DataError, UsageError

Row = dict[str, Any]
_NO_DIALOGUE = "prompt=prompt,chosen=chosen,rejected=rejected"
_IMPLICIT = "chosen=chosen,rejected=rejected"


def _user(text: str) -> Row:
    return {"role": "user", "content": text}


def _said(text: str) -> Row:
    return {"role": "assistant", "content": text}


_SIDES = [("My cat left.", "Oh no, your cat?", "Cats leave."), ("I am late.", "For what?", "So what?")]
_HUMAN = "\n\nHuman: {}\n\nAssistant: {}"
FORMS: dict[str, tuple[str, list[Row]]] = {
    "explicit texts": (_NO_DIALOGUE, [{"prompt": p, "chosen": c, "rejected": r} for p, c, r in _SIDES]),
    "explicit messages": (
        _NO_DIALOGUE,
        [{"prompt": [_user(p)], "chosen": [_said(c)], "rejected": [_said(r)]} for p, c, r in _SIDES],
    ),
    "text and whole talks": (
        _NO_DIALOGUE,
        [{"prompt": p, "chosen": [_user(p), _said(c)], "rejected": [_user(p), _said(r)]} for p, c, r in _SIDES],
    ),
    "implicit messages": (
        _IMPLICIT,
        [{"chosen": [_user(p), _said(c)], "rejected": [_user(p), _said(r)]} for p, c, r in _SIDES],
    ),
    "implicit texts": (
        _IMPLICIT,
        [{"chosen": _HUMAN.format(p, c), "rejected": _HUMAN.format(p, r)} for p, c, r in _SIDES],
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_sides(tmp_path: Path, form: str) -> None:
    columns, rows = FORMS[form]
    audit = audit_rows(tmp_path / "rows", rows, columns)
    assert found_faults(audit) == {}
    style = {one.feature: (one.chosen, one.rejected) for one in audit.style}
    assert style["words"] == (3, 2)
    assert style["questions"] == (1, 0.5)
    assert audit.flags == audit.flows == audit.filter_bias == audit.conservation == audit.verdicts == ()
    assert audit.dialogues == {}
    assert audit.leakage[0].dialogues is None
    assert audit.near_duplicates is not None
    assert audit.near_duplicates.unit == "pair"
    unknown = {one.kind for one in audit.faults if one.count is None}
    assert {"same_strategies", "verdict_tie", "chosen_flawed"} <= unknown


def test_parquet_says_the_same_as_json(tmp_path: Path) -> None:
    columns, rows = FORMS["text and whole talks"]
    by_json = audit_rows(tmp_path / "json", rows, columns)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "train.parquet")
    by_parquet = audit_source(ForeignSource(tmp_path / "train.parquet", read_columns(columns), "tested"))
    assert by_parquet.model_copy(update={"subject": by_json.subject}) == by_json


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ({"prompt": "a", "chosen": "Yes.", "rejected": "Yes."}, "equal_sides"),
        ({"prompt": "a", "chosen": "Yes.", "rejected": "yes"}, "equal_normalised_sides"),
        ({"prompt": "a", "chosen": None, "rejected": "yes"}, "empty_side"),
        ({"prompt": "", "chosen": "No", "rejected": "yes"}, "empty_prompt"),
        ({"prompt": [_said("a")], "chosen": [_said("No")], "rejected": [_said("Yes")]}, "prompt_roles"),
        ({"prompt": [_user("a")], "chosen": [_user("No")], "rejected": [_said("Yes")]}, "side_roles"),
        ({"prompt": "b", "chosen": [_user("a"), _said("No")], "rejected": [_user("a"), _said("Yes")]}, "prompt_shift"),
        (
            {"prompt": [_user("b")], "chosen": [_user("a"), _said("N")], "rejected": [_user("a"), _said("Y")]},
            "prompt_shift",
        ),
    ],
)
def test_fault_of_a_foreign_pair_is_found(tmp_path: Path, row: Row, fault: str) -> None:
    rows = [row, *({"prompt": f"q{at}", "chosen": "Hm.", "rejected": "No."} for at in range(5))]
    assert found_faults(audit_rows(tmp_path / "rows", rows, _NO_DIALOGUE)) == {("pairs", fault): 1}


def test_leakage_between_files_is_found(tmp_path: Path) -> None:
    rows = [{"prompt": f"q{at} " * 9, "chosen": f"yes {at}", "rejected": "no", "dialogue": str(at)} for at in range(9)]
    audit = audit_rows(tmp_path / "rows", {"train": rows, "test": rows[:2]})
    assert audit.rows == {"pairs": {"test": 2, "train": 9}}
    (leak,) = audit.leakage
    assert (leak.dialogues, leak.pairs, leak.prompts, leak.held_out) == (2, 2, 2, 2)
    assert audit.near_duplicates is not None
    assert audit.near_duplicates.across_splits == 2


@pytest.mark.parametrize(("reply", "found"), [("a b c d e f g h", 1), ("a b c d e f g", 0)])
def test_a_reply_of_eight_words_that_stands_in_two_splits_is_a_leak(tmp_path: Path, reply: str, found: int) -> None:
    splits = {
        split: [{"prompt": f"{split} asks", "chosen": reply, "rejected": "no", "dialogue": split}]
        for split in ("train", "test")
    }
    (leak,) = audit_rows(tmp_path / "rows", splits).leakage
    assert (leak.replies, leak.prompts) == (found, 0)


def test_strategies_of_their_own_names_are_told_apart(tmp_path: Path) -> None:
    rows = [{"chosen": f"a {at}", "rejected": f"b {at}", "kind": "warm" if at % 2 else None} for at in range(8)]
    audit = audit_rows(tmp_path / "rows", rows, _IMPLICIT + ",strategy=kind")
    assert {one.strategy: one.difference.n for one in audit.style} == {None: 8, "warm": 4}
    assert {one.label: one.counts for one in audit.labels} == {"chosen_strategy": {"warm": 4}}


def test_dataset_without_rows_is_audited(tmp_path: Path) -> None:
    schema = pa.schema([(name, pa.string()) for name in ("prompt", "chosen", "rejected")])
    pq.write_table(pa.Table.from_pylist([], schema=schema), tmp_path / "train.parquet")
    audit = audit_source(ForeignSource(tmp_path, read_columns(_NO_DIALOGUE), "tested"))
    assert audit.rows == {"pairs": {"train": 0}}
    assert audit.artefacts == ()
    assert audit.near_duplicates is None


@given(st.text(), st.text(), st.text())
def test_a_prompt_and_its_sides_are_the_texts_again(prompt: str, chosen: str, rejected: str) -> None:
    found = split_row(None, prompt + chosen, prompt + rejected, "row 0")
    assert found.prompt + found.chosen == prompt + chosen
    assert found.prompt + found.rejected == prompt + rejected


def test_words_that_both_replies_begin_with_stay_with_them() -> None:
    found = split_row(None, _HUMAN.format("Hi", "I am sorry, truly."), _HUMAN.format("Hi", "I am busy."), "row 0")
    assert (found.chosen, found.rejected) == ("I am sorry, truly.", "I am busy.")


@pytest.mark.parametrize("cell", [7, {"role": "user"}, ["a"], [{"role": "user"}, {"content": 7}], [{"role": 1}]])
def test_cell_of_another_form_is_told_with_its_place(cell: Any) -> None:
    with pytest.raises(DataError, match="row 3: chosen"):
        split_row("a", cell, "b", "f: row 3")


@pytest.mark.parametrize("text", ["", "chosen", "chosen=", "chosen=a", "rejected=b", "chosen=a,rejected=b,turn=c"])
def test_wrong_columns_are_told(text: str) -> None:
    with pytest.raises(UsageError, match="--columns"):
        read_columns(text)


def test_column_that_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no column picked; there are chosen, rejected"):
        audit_rows(tmp_path / "rows", [{"chosen": "a", "rejected": "b"}], "chosen=picked,rejected=rejected")


def test_json_beside_parquet_is_not_read(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(FORMS["explicit texts"][1]), tmp_path / "test.parquet")
    (tmp_path / "info.json").write_text(json.dumps({"a": 1}))
    audit = audit_source(ForeignSource(tmp_path, read_columns(_NO_DIALOGUE), "tested"))
    assert audit.rows == {"pairs": {"test": 2}}

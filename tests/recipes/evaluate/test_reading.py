"""Prediction files of both forms are read as they are, and what is wrong with one is told with its place."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.predictions import EVERY, many, prediction, their_rows, written

from ipm_prefdial.recipes.evaluate.predictions import Prediction, file_name_of, predictions_text, read_systems
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.strategy import Strategy


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    system = many("mine")
    said = (*system.predictions, prediction(99, named=None, raw="Nothing at all", reply=None))
    path = tmp_path / "mine.jsonl"
    path.write_text(predictions_text(said), encoding="utf-8")
    (read,) = read_systems(str(path))
    assert read.predictions == said
    assert read.name == "mine"


def test_name_is_the_files_own_or_the_one_given(tmp_path: Path) -> None:
    path = written(tmp_path / "run-1.json", their_rows(), lines=False)
    assert [one.name for one in read_systems(str(path))] == ["run-1"]
    (named,) = read_systems(f"qwen=dpo={path}".replace("=dpo", ""))
    assert named.name == "qwen"
    assert {one.system for one in named.predictions} == {"qwen"}


def test_file_of_several_systems_gives_each(tmp_path: Path) -> None:
    path = tmp_path / "both.jsonl"
    path.write_text(predictions_text([prediction(system="one"), prediction(system="two")]))
    assert [one.name for one in read_systems(str(path))] == ["one", "two"]
    with pytest.raises(UsageError, match="it holds 2 systems"):
        read_systems(f"x={path}")


@pytest.mark.parametrize("lines", [True, False])
def test_decoupledescs_form_is_read_with_its_dialogues(tmp_path: Path, lines: bool) -> None:
    (system,) = read_systems(str(written(tmp_path / "theirs.json", their_rows(6), lines=lines)))
    assert [one.place for one in system.predictions] == [(f"dialogue {d}", t) for d in range(2) for t in range(3)]
    assert system.predictions[1].gold_strategy is system.predictions[1].strategy is Strategy.RESTATEMENT
    assert system.predictions[0].gold_reply == "When did kiln 0 break, 0?"
    assert system.notes == ()


def test_rows_without_histories_are_taken_alone_and_that_is_told(tmp_path: Path) -> None:
    (system,) = read_systems(str(written(tmp_path / "theirs.json", their_rows(conversations=False))))
    assert len({one.dialogue_id for one in system.predictions}) == 6
    assert "intervals take turns to be unrelated" in system.notes[0]


@pytest.mark.parametrize(
    ("label", "read"),
    [
        ("question", Strategy.QUESTION),
        ("[Question].", Strategy.QUESTION),
        ("Reflective Statements", Strategy.REFLECTION),
        ("Question or Information", None),
        ("I would ask how it was.", None),
        ("", None),
        (None, None),
    ],
)
def test_label_outside_the_eight_is_invalid_and_kept(tmp_path: Path, label: str | None, read: Strategy | None) -> None:
    theirs = [their_rows()[0] | {"predict_strategy": label}]
    ours = [{"dialogue_id": "d", "turn": 1, "gold_strategy": "question", "strategy": label}]
    for rows in (theirs, ours):
        (system,) = read_systems(str(written(tmp_path / "file.jsonl", rows)))
        assert system.predictions[0].strategy is read
        assert system.predictions[0].strategy_raw == label


def test_raw_answer_is_read_where_no_label_is_given(tmp_path: Path) -> None:
    row = {"dialogue_id": "d", "turn": 1, "gold_strategy": "Others", "strategy_raw": "**Others**"}
    (system,) = read_systems(str(written(tmp_path / "file.jsonl", [row])))
    assert system.predictions[0].strategy is Strategy.OTHERS


Spoil = Callable[[list[Any]], Any]


def _without(column: str) -> Spoil:
    return lambda rows: rows[1].pop(column)


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda rows: rows.clear(), "no predictions in it"),
        (lambda rows: rows.insert(0, {"prediction": "x", "label": "y"}), "line 1: its columns are label, prediction"),
        (lambda rows: rows.insert(1, 7), "line 2: an object is wanted, not int"),
        (lambda rows: rows[1].update(GT_strategy="Comfort"), "line 2: the human's strategy is 'Comfort'"),
        (lambda rows: rows[1].update(GT_strategy=None), "line 2: the human's strategy is 'None'"),
        (_without("predict_content"), "line 2: column predict_content is missing"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, spoil: Spoil, told: str) -> None:
    rows: list[Any] = their_rows()
    spoil(rows)
    with pytest.raises(UsageError) as caught:
        read_systems(str(written(tmp_path / "theirs.jsonl", rows)))
    assert told in str(caught.value)
    assert str(caught.value).startswith("theirs.jsonl: ")


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"turn": "first"}, "line 2: turn: "),
        ({"turn": 0}, "line 2: turn 0 of d0 was there before"),
        ({"reply": ["words"]}, "line 2: reply: "),
        ({"gold_strategy": "?"}, "line 2: the human's strategy is '?'"),
    ],
)
def test_what_is_wrong_with_our_own_form_is_told(tmp_path: Path, row: dict[str, Any], told: str) -> None:
    good = prediction().model_dump(mode="json")
    with pytest.raises(UsageError) as caught:
        read_systems(str(written(tmp_path / "ours.jsonl", [good, good | {"turn": 1} | row])))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b'[{"GT_strategy": ', "not JSON"),
        (b'{"GT_strategy": 1}\n{', "line 2: not JSON"),
        (b"caf\xe9", "not UTF-8"),
        (b" \n", "no predictions in it"),
    ],
)
def test_file_that_is_none_is_told(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "file.json"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=told):
        read_systems(str(path))
    with pytest.raises(UsageError, match="cannot be read"):
        read_systems(str(tmp_path / "nowhere.json"))


@given(st.lists(st.text(max_size=12), max_size=6))
def test_every_system_has_a_file_of_its_own(names: list[str]) -> None:
    taken: list[str] = []
    for name in names:
        taken.append(file_name_of(name, taken))
    assert len(set(taken)) == len(names)
    assert all("/" not in one and one.endswith(".jsonl") and not one.startswith(".") for one in taken)


@given(st.sampled_from(EVERY), st.text(max_size=40), st.one_of(st.none(), st.text(max_size=40)))
def test_any_words_survive_writing(strategy: Strategy, raw: str, reply: str | None) -> None:
    said = prediction(named=strategy, raw=raw, reply=reply)
    (line,) = predictions_text([said]).removesuffix("\n").split("\n")
    assert Prediction.model_validate_json(line) == said

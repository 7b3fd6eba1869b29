"""What gives a side away is found, and where nothing does the area is a half."""

import random
from pathlib import Path
from typing import Any

import pytest
from support.audits import artefact, audit_release, audit_rows
from support.releases import change_rows, copy_release

Row = dict[str, Any]
_WORDS = (
    "kitchen garden river winter lamp table corner street tired hopeful quiet heavy lighter alone late early".split()
)
_ALL = ("words", "words_case_punctuation", "length", "first_word")


def made_up(pairs: int = 300, a_dialogue: int = 5, seed: int = 1) -> list[Row]:
    """Pairs whose sides are drawn alike."""
    dice = random.Random(seed)

    def text() -> str:
        return " ".join(dice.choices(_WORDS, k=12)).capitalize() + "."

    return [
        {"prompt": f"{text()} {at}", "chosen": text(), "rejected": text(), "dialogue": str(at // a_dialogue)}
        for at in range(pairs)
    ]


def test_sides_drawn_alike_give_a_half(tmp_path: Path) -> None:
    audit = audit_rows(tmp_path / "rows", made_up(600))
    for features in _ALL:
        found = artefact(audit, "pairs", features)
        assert found.auc.low is not None
        assert found.auc.high is not None
        assert found.auc.low - 0.03 <= 0.5 <= found.auc.high + 0.03
        assert found.paired.value == pytest.approx(0.5, abs=0.1)
        assert (found.auc.n, found.of) == (600, 600)


def test_shuffled_labels_of_a_release_give_about_a_half(tmp_path: Path) -> None:
    dice = random.Random(5)

    def shuffle(rows: list[Row]) -> None:
        for row in rows:
            if dice.random() < 0.5:
                row["chosen"], row["rejected"] = row["rejected"], row["chosen"]

    release = copy_release(tmp_path / "release")
    before = artefact(audit_release(release), "response", "words").auc.value
    for split in ("train", "validation", "test"):
        change_rows(release, f"data/response/{split}-00000-of-00001.parquet", shuffle)
    after = artefact(audit_release(release), "response", "words").auc
    assert before is not None
    assert before > 0.95
    assert after.low is not None
    assert after.high is not None
    assert after.low - 0.05 <= 0.5 <= after.high + 0.05


@pytest.mark.parametrize(
    ("change", "sees", "blind"),
    [
        (lambda text: text[:-1] + "!", {"words_case_punctuation"}, {"words", "length", "first_word"}),
        (lambda text: "Well " + text, {"words", "words_case_punctuation", "first_word", "length"}, set()),
        (lambda text: text + " " + text + " " + text, {"length"}, {"first_word"}),
        (str.lower, {"words_case_punctuation"}, {"words", "first_word"}),
    ],
    ids=["exclamation", "first word", "longer", "case"],
)
def test_planted_artefact_makes_the_area_jump(tmp_path: Path, change: Any, sees: set[str], blind: set[str]) -> None:
    rows = [row | {"chosen": change(row["chosen"])} for row in made_up()]
    audit = audit_rows(tmp_path / "rows", rows)
    areas = {features: artefact(audit, "pairs", features).auc.value or 0 for features in _ALL}
    assert {name for name in sees if areas[name] < 0.9} == set()
    assert {name for name in blind if areas[name] > 0.62} == set()


def test_telling_words_are_named_with_their_side(tmp_path: Path) -> None:
    rows = [row | {"chosen": row["chosen"] + " Hurray", "rejected": row["rejected"] + " Alas"} for row in made_up()]
    words = artefact(audit_rows(tmp_path / "rows", rows), "pairs", "words").telling
    assert (words[0].word, words[-1].word) == ("hurray", "alas")
    assert words[0].weight > 0 > words[-1].weight
    assert [one.weight for one in words] == sorted((one.weight for one in words), reverse=True)


def test_a_model_is_never_asked_about_dialogues_it_saw(tmp_path: Path) -> None:
    """Each dialogue has a word of its own on either side: of no use for any other."""
    rows = [
        row | {"chosen": f"{row['chosen']} c{row['dialogue']}", "rejected": f"{row['rejected']} r{row['dialogue']}"}
        for row in made_up()
    ]
    found = artefact(audit_rows(tmp_path / "rows", rows), "pairs", "words")
    assert found.auc.value == pytest.approx(0.5, abs=0.1)


def test_sides_that_are_all_the_same_tell_nothing(tmp_path: Path) -> None:
    rows = [row | {"chosen": "Yes.", "rejected": "Yes."} for row in made_up(40)]
    audit = audit_rows(tmp_path / "rows", rows)
    for features in _ALL:
        assert artefact(audit, "pairs", features).auc.value in (None, 0.5)


@pytest.mark.parametrize("text", ["", "…", " "])
def test_sides_without_words_are_null(tmp_path: Path, text: str) -> None:
    rows = [row | {"chosen": text, "rejected": text} for row in made_up(20)]
    assert artefact(audit_rows(tmp_path / "rows", rows), "pairs", "words").auc.value is None


def test_one_dialogue_is_too_few(tmp_path: Path) -> None:
    audit = audit_rows(tmp_path / "rows", [row | {"dialogue": "the only"} for row in made_up(20)])
    assert {one.auc.value for one in audit.artefacts} == {None}


def test_sample_is_of_whole_dialogues_and_is_told(tmp_path: Path) -> None:
    audit = audit_release(copy_release(tmp_path / "release"), sample=60)
    found = artefact(audit, "response", "words")
    assert 0 < found.auc.n <= 60
    assert found.of == sum(audit.rows["response"].values()) > 60


def test_two_audits_of_the_same_rows_are_equal(tmp_path: Path) -> None:
    first, second = (audit_rows(tmp_path / name, made_up(100)) for name in ("one", "two"))
    assert first == second

"""The verb `review` as a user meets it: exit codes, and what it says."""

import json
from pathlib import Path

import pytest
from support.command import Done, ipm_prefdial
from support.held_out import fill_sheet, held_out_release
from support.releases import copy_release, shared_release
from support.review import at_random, export


def test_export_import_and_card(tmp_path: Path) -> None:
    root, out = copy_release(tmp_path / "release").root, tmp_path / "out"
    done = ipm_prefdial("review", "export", root, "--sample", "40", "--stratify", "strategy,error", "--out", out)
    assert done.code == 0, done.err
    assert done.out.startswith("40 pairs of 24 strata")
    assert "do not pass it on" in done.out
    again = export(shared_release(), tmp_path / "again", size=40)
    assert (out / "key.json").read_bytes() == again.key_path.read_bytes()
    sheet = again.filled(tmp_path / "review_anna.csv", at_random("anna"))
    done = ipm_prefdial("review", "import", root, "--key", out / "key.json", sheet)
    assert done.code == 0, done.err
    assert "anna (review_anna.csv): 40 pairs; added" in done.out
    assert "with the judge" in done.out
    done = ipm_prefdial("review", "import", root, "--key", out / "key.json", sheet, "--annotator", "anna", "--json")
    told = json.loads(done.out)
    assert (done.code, told["config"], told["sheets"][0]["replaced"]) == (0, "response", 40)
    assert set(told["annotators"]) == {"anna"}
    card = (root / "README.md").read_bytes()
    assert b"### Agreement with humans" in card
    assert ipm_prefdial("card", root).code == 0
    assert (root / "README.md").read_bytes() == card
    assert ipm_prefdial("validate", root).code == 0


def test_export_tells_machines_too(tmp_path: Path) -> None:
    words = ("--config", "joint", "--stratify", "none", "--seed", "9", "--json", "--out", tmp_path / "out")
    done = ipm_prefdial("review", "export", shared_release().root, "--sample", "5", *words)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["items"], told["strata"]) == (5, 1)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--sample", "0"], "whole number above 0"),
        (["--sample", "3"], "cannot hold one pair of each of 24 strata"),
        (["--stratify", "mood"], "choose of strategy, error, source, or none"),
        (["--config", "dialogues"], "'dialogues' holds no pairs; choose one of strategy, response, joint"),
        (["--config", "crisis_holdout"], "its dialogues are read with `review crisis`"),
    ],
)
def test_wrong_use_of_export(words: list[str], told: str, tmp_path: Path) -> None:
    done = ipm_prefdial("review", "export", shared_release().root, "--out", tmp_path / "out", *words)
    assert done.code == 2
    assert told in " ".join(done.err.split())
    assert not (tmp_path / "out").exists()


def test_no_such_release(tmp_path: Path) -> None:
    done = ipm_prefdial("review", "export", tmp_path / "nowhere", "--out", tmp_path / "out")
    assert (done.code, "no such folder" in done.err) == (2, True)


def _import_bad(tmp_path: Path, *words: str) -> Done:
    root = copy_release(tmp_path / "release").root
    out = export(shared_release(), tmp_path / "out", size=40)
    sheet = out.filled(tmp_path / "anna.csv", lambda item, entry: {"better": "perhaps"})
    return ipm_prefdial("review", "import", root, "--key", out.key_path, sheet, *words)


def test_bad_cells_end_with_two_and_their_places(tmp_path: Path) -> None:
    done = _import_bad(tmp_path)
    assert done.code == 2
    assert "ipm-prefdial: 40 bad cells:" in done.err
    assert f"{tmp_path / 'anna.csv'}: row 2: column better: 'perhaps' is none of a, b, tie" in done.err
    assert not (tmp_path / "release" / "review.json").exists()


def test_bad_cells_as_json(tmp_path: Path) -> None:
    done = _import_bad(tmp_path, "--json")
    assert (done.code, json.loads(done.out)["exit_code"]) == (2, 2)


# What is held out for a crisis


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release that holds four dialogues out."""
    return held_out_release(tmp_path_factory.mktemp("held-out") / "release").root


def test_readers_sign_off_what_is_held_out(held_out: Path, tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.csv"
    done = ipm_prefdial("review", "crisis", held_out, "--out", sheet)
    assert done.code == 0, done.err
    assert done.out.startswith(f"8 findings in 4 dialogues that are held out: {sheet}")
    assert "not for publication" in done.out
    assert "crisis, no_crisis, unsure" in done.out
    anna = fill_sheet(sheet, tmp_path / "anna.csv", lambda line: {"decision": "crisis", "reader": "anna"})
    ben = fill_sheet(
        sheet, tmp_path / "ben.csv", lambda line: {"decision": "unsure", "reader": "ben"} if line["words"] else {}
    )
    done = ipm_prefdial("review", "crisis-import", held_out, anna, ben)
    assert done.code == 0, done.err
    assert "decisions: anna 8, ben 5; 3 lines without a decision" in done.out
    assert "8 of 8 findings were read, and 4 of 4 dialogues whole: crisis 8, no_crisis 0, unsure 5" in done.out
    assert "agreement among 2 readers (alpha): -" in done.out
    assert "nothing is released from crisis_holdout by it" in done.out
    told = json.loads(ipm_prefdial("review", "crisis-import", held_out, anna, "--json").out)
    assert told["decisions"] == {"anna": 8}
    assert told["review"]["readers"] == {"anna": 8, "ben": 5}
    assert "read" not in told["review"], "single findings are for the file"
    assert ipm_prefdial("validate", held_out).code == 0


def test_sheet_is_told_to_machines(held_out: Path, tmp_path: Path) -> None:
    done = ipm_prefdial("review", "crisis", held_out, "--out", tmp_path / "sheet.csv", "--json")
    counted = {"findings": 8, "dialogues": 4, "findings_unread": 3, "dialogues_unread": 1}
    assert json.loads(done.out) == {"out": str(tmp_path / "sheet.csv"), **counted}


def test_mistakes_with_what_is_held_out_are_told_in_a_line(held_out: Path, tmp_path: Path) -> None:
    (tmp_path / "there.csv").write_text("finding,decision,reader\nfinding-1,maybe,\n")
    for words, told in (
        (["crisis", tmp_path / "nowhere", "--out", tmp_path / "new.csv"], "no such folder"),
        (["crisis", held_out, "--out", held_out / "new.csv"], "inside the release"),
        (["crisis", shared_release().root, "--out", tmp_path / "new.csv"], "release 1.0.0 holds no dialogues out"),
        (["crisis-import", held_out, tmp_path / "there.csv"], "3 bad cells:"),
    ):
        done = ipm_prefdial("review", *words)
        assert (done.code, told in done.err) == (2, True), done.err
    assert not (tmp_path / "new.csv").exists()

"""The verb `review` as a user meets it: exit codes, and what it says."""

import json
from pathlib import Path

import pytest
from support.command import Done, ipm_prefdial
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
        (["--config", "dialogues"], "invalid choice"),
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

"""`evaluate` as a user runs it: what it prints and writes, its exit codes, and what it says of mistakes."""

from pathlib import Path

import pytest
from support.command import ipm_prefdial
from support.predictions import many, their_rows, written
from support.releases import change_manifest, copy_release, shared_release

from ipm_prefdial.recipes.evaluate.predictions import predictions_text
from ipm_prefdial.schemas.evaluation import Evaluation


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """Two systems' predictions at the same turns."""
    paths = tmp_path / "mine.jsonl", tmp_path / "yours.jsonl"
    for path, right in zip(paths, (2, 3), strict=True):
        path.write_text(predictions_text(many(path.stem, right=right).predictions))
    return paths


def test_files_are_compared_on_one_page(files: tuple[Path, Path], tmp_path: Path) -> None:
    mine, yours = files
    done = ipm_prefdial("evaluate", "--predictions", mine, "--predictions", f"theirs={yours}", "--out", tmp_path / "o")
    assert done.code == 0, done.err
    assert "| mine | 0.500 " in done.out
    assert "| theirs | 0.333 " in done.out
    assert "| mine − theirs | accuracy | 0.167 " in done.out
    assert (tmp_path / "o" / "evaluation.md").read_text() in done.out
    assert "scoring (3) …" in done.err


def test_json_is_the_evaluation(files: tuple[Path, Path]) -> None:
    done = ipm_prefdial("evaluate", "--predictions", files[0], "--json")
    assert done.code == 0, done.err
    assert done.err == ""
    assert [one.name for one in Evaluation.model_validate_json(done.out).systems] == ["mine", "majority", "human"]


def test_release_with_the_embedded_models(tmp_path: Path) -> None:
    words = ["evaluate", shared_release().root, "--planner", "corpus", "--responder", "corpus", "--temperature", "0"]
    done = ipm_prefdial(*words, "--limit", "2", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    for name in ("decoupled", "majority (baseline)", "TF-IDF + logistic regression (baseline)", "human"):
        assert f"| {name} | " in done.out
    assert "temperature 0" in done.out
    assert str(tmp_path) not in (tmp_path / "out" / "evaluation.json").read_text()


def test_decoupledescs_form_with_invalid_labels(tmp_path: Path) -> None:
    rows = their_rows(12)
    rows[3]["predict_strategy"] = "Comforting"
    done = ipm_prefdial("evaluate", "--predictions", written(tmp_path / "theirs.json", rows, lines=False))
    assert done.code == 0, done.err
    assert "| theirs | Comforting | 1 |" in done.out
    assert "0.083 [" in done.out  # one of twelve is invalid


def _refused(*words: str | Path, code: int = 2) -> str:
    done = ipm_prefdial("evaluate", *words)
    lines = [line for line in done.err.splitlines() if line.startswith("ipm-prefdial: ")]
    assert done.code == code, done.err
    assert len(lines) == 1, done.err
    return lines[0]


def test_file_without_the_right_columns_is_one_line_and_2(tmp_path: Path) -> None:
    line = _refused("--predictions", written(tmp_path / "file.jsonl", [{"label": "x", "text": "y"}]))
    assert "its columns are label, text" in line
    assert "GT_strategy" in line


def test_nothing_to_evaluate_is_2() -> None:
    assert "nothing to evaluate" in _refused()


def test_folder_that_is_no_release_is_2(tmp_path: Path) -> None:
    words = ("--planner", "corpus", "--out", tmp_path / "out")
    assert "no release" in _refused(tmp_path, *words)
    assert "no such folder" in _refused(tmp_path / "nowhere", *words)
    assert "--revision" in _refused("org/name", *words)
    assert not (tmp_path / "out").exists()


def test_split_without_a_turn_is_1(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release")
    change_manifest(
        release.root,
        lambda manifest: [manifest["files"].pop(name) for name in list(manifest["files"]) if "dialogues/test" in name],
    )
    line = _refused(release.root, "--planner", "corpus", "--out", tmp_path / "out", code=1)
    assert "split test of `dialogues` has no supporter turn" in line


def test_endpoint_that_is_not_there_is_3(tmp_path: Path) -> None:
    words = ("--planner", "m@http://127.0.0.1:9/v1", "--out", tmp_path / "out")
    line = _refused(shared_release().root, "--limit", "1", *words, code=3)
    assert "127.0.0.1:9" in line


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--temperature", "3"), "from 0 to 2"),
        (("--limit", "0"), "whole number above 0"),
        (("--budget", "free"), "number above 0"),
    ],
)
def test_numbers_that_are_none_are_2(words: tuple[str, str], told: str) -> None:
    done = ipm_prefdial("evaluate", *words)
    assert done.code == 2
    assert told in done.err

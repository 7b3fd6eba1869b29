"""`new-release` writes a draft and tells the way to a release."""

from pathlib import Path

import pytest
from support.command import ipm_prefdial

from ipm_prefdial.builders.specs.released import versions


def test_a_draft_is_written_and_the_way_on_is_told(tmp_path: Path) -> None:
    draft = tmp_path / "next.yaml"
    done = ipm_prefdial("new-release", "99.0.0", "--from", "1.0.0", "--out", draft)
    assert done.code == 0, done.err
    assert "version: 99.0.0" in draft.read_text()
    assert f"build --release {draft}" in done.out
    for word in ("notes", "diff ORG/NAME@v1.0.0", "regold.py 99.0.0", "specs.lock", "publish"):
        assert word in done.out
    built = ipm_prefdial("build", "--release", draft, "--out", tmp_path / "release", "--dry-run")
    assert built.code == 2
    assert "notes" in built.err


def test_without_from_it_starts_at_the_newest(tmp_path: Path) -> None:
    done = ipm_prefdial("new-release", "99.0.0", "--out", tmp_path / "next.yaml")
    assert f"a copy of {versions()[-1]}" in done.out


@pytest.mark.parametrize("words", [("1.0.0",), ("99.0.0", "--from", "98.0.0"), ()])
def test_what_cannot_come_next_is_refused_and_nothing_is_written(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = ipm_prefdial("new-release", *words, "--out", tmp_path / "next.yaml")
    assert done.code == 2
    assert done.err
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "next.yaml").write_text("mine")
    done = ipm_prefdial("new-release", "99.0.0", "--out", tmp_path / "next.yaml")
    assert done.code == 2
    assert (tmp_path / "next.yaml").read_text() == "mine"

"""`diff OLD NEW`: what it prints, what it exits with, and what it says when it cannot compare."""

import json
from pathlib import Path

import pytest
from support.command import ipm_prefdial
from support.hub import running_hub, upload
from support.releases import change_cell, change_manifest, change_rows, copy_release, refresh_hashes, shared_release

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.diff import Diff

TRAIN = "data/response/train-00000-of-00001.parquet"


@pytest.fixture
def changed(tmp_path: Path) -> Release:
    """Two changed rows and one that is gone, as version 1.1.0."""
    release = copy_release(tmp_path / "changed")
    change_cell(release, TRAIN, 1, "rejected.0.content", "Other words.")
    change_cell(release, TRAIN, 2, "license", "mit")
    change_rows(release, TRAIN, lambda rows: rows.pop(7))
    refresh_hashes(release.root)
    return change_manifest(release.root, lambda manifest: manifest.update(version="1.1.0"))


def test_a_version_that_does_not_fit_is_told_with_its_reasons(changed: Release) -> None:
    done = ipm_prefdial("diff", shared_release().root, changed.root)
    assert done.code == 1, done.err
    assert "Rows, 1.0.0 → 1.1.0" in done.out
    assert "major: response: 2 rows changed (in license, rejected)" in done.out
    assert "1.1.0 does not fit" in done.out
    assert "2.0.0 is the smallest that does" in done.out.splitlines()[-1]
    assert "Rows that differ" not in done.out
    assert "Other words." not in done.out


def test_differences_that_fit_are_no_failure(changed: Release) -> None:
    change_manifest(changed.root, lambda manifest: manifest.update(version="2.0.0"))
    done = ipm_prefdial("diff", shared_release().root, changed.root)
    assert done.code == 0
    assert "2.0.0 fits" in done.out


def test_no_difference_is_told_in_two_lines() -> None:
    done = ipm_prefdial("diff", shared_release().root, shared_release().root)
    assert done.code == 0
    assert done.out.splitlines()[-1] == "nothing differs: 1.0.0 fits"
    assert len(done.out.splitlines()) == 2


def test_rows_are_listed_where_they_are_asked_for(changed: Release) -> None:
    done = ipm_prefdial("diff", shared_release().root, changed.root, "--rows", "--most", "2")
    rows = [row["row_id"] for row in shared_release().rows(Config.RESPONSE, Split.TRAIN)]
    assert rows[7] in done.out
    assert rows[1] in done.out
    assert rows[2] not in done.out
    assert "1 more rows differ: raise --most" in done.out


def test_json_is_the_diff_itself(changed: Release) -> None:
    done = ipm_prefdial("diff", shared_release().root, changed.root, "--json", "--rows")
    assert done.code == 1
    diff = Diff.model_validate(json.loads(done.out))
    assert (diff.needs, diff.states, diff.fits, diff.smallest) == ("major", "minor", False, "2.0.0")
    assert [row.what for row in diff.rows] == ["gone", "changed", "changed"]
    assert Diff.model_validate(json.loads(ipm_prefdial("diff", *([changed.root] * 2), "--json").out)).rows == ()


@pytest.mark.parametrize("words", [("nowhere", "nowhere"), ("nowhere",), ("a", "b", "--most", "0")])
def test_wrong_use_is_told(words: tuple[str, ...]) -> None:
    done = ipm_prefdial("diff", *words)
    assert done.code == 2
    assert done.err


def test_a_folder_that_is_no_release_is_named(tmp_path: Path) -> None:
    done = ipm_prefdial("diff", shared_release().root, tmp_path, "--json")
    assert done.code == 2
    assert json.loads(done.out)["exit_code"] == 2
    assert str(tmp_path) in done.err


def test_a_damaged_release_is_named(changed: Release) -> None:
    (changed.root / TRAIN).write_bytes(b"PAR1")
    done = ipm_prefdial("diff", shared_release().root, changed.root)
    assert done.code == 1
    assert f"{changed.root}: {TRAIN}: cannot be read" in done.err


def test_a_tag_on_the_hub_is_compared_with_a_folder(tmp_path: Path, changed: Release) -> None:
    with running_hub(tmp_path / "server") as url:
        upload(url, tmp_path / "up", "acme/prefs", shared_release().root, tag="v1.0.0")
        environ = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
        done = ipm_prefdial("diff", "acme/prefs@v1.0.0", changed.root, "--json", environ=environ)
        told = json.loads(done.out)
        assert (done.code, told["needs"], told["rewritten"]) == (1, "major", [])
        done = ipm_prefdial("diff", "acme/prefs@v7.0.0", changed.root, environ=environ)
    assert done.code == 2
    assert "v7.0.0" in done.err

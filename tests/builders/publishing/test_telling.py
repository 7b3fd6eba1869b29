"""What a release says of its own publish: where it is, and what is new."""

from pathlib import Path

import pytest
from support.publishing import REPO, publishable
from support.releases import copy_release

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.publishing.run import stamp_repo
from ipm_prefdial.builders.release.diff.run import diff_releases
from ipm_prefdial.builders.release.layout import CARD, CHANGELOG, MANIFEST
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release


@pytest.fixture
def first() -> Release:
    """What is published already."""
    return publishable("1.0.0", 4)


@pytest.fixture
def second(tmp_path: Path) -> Release:
    """What is to be published."""
    return copy_release(tmp_path / "second", publishable("1.1.0", 6))


def files_of(release: Release) -> dict[str, bytes]:
    """Every file of a release."""
    return {path.name: path.read_bytes() for path in release.root.rglob("*") if path.is_file()}


def test_changelog_goes_on_from_what_is_published(first: Release, second: Release) -> None:
    told = stamp_repo(second, REPO, first, diff_releases(first, second))
    changelog = (told.root / CHANGELOG).read_text()
    assert changelog.index("## 1.1.0") < changelog.index("Against 1.0.0") < changelog.index("## 1.0.0")
    card = (told.root / CARD).read_text()
    assert "Against 1.0.0" in card
    assert f"ipm-prefdial verify {REPO}@v1.1.0" in card
    assert list(validate_release(told)) == []
    assert verify_release(told.root).clean


def test_what_says_so_already_is_left_alone(first: Release, second: Release) -> None:
    diff = diff_releases(first, second)
    told = stamp_repo(second, REPO, first, diff)
    before = {path: path.stat().st_mtime_ns for path in told.root.rglob("*")}
    assert stamp_repo(told, REPO, first, diff) is told
    assert {path: path.stat().st_mtime_ns for path in told.root.rglob("*")} == before


def test_what_was_stopped_half_way_is_told_again(first: Release, second: Release) -> None:
    diff = diff_releases(first, second)
    manifest = (second.root / MANIFEST).read_bytes()
    whole = files_of(stamp_repo(second, REPO, first, diff))
    (second.root / MANIFEST).write_bytes(manifest)
    assert files_of(stamp_repo(Release(second.root), REPO, first, diff)) == whole


def test_a_first_release_names_its_repo_alone(first: Release, tmp_path: Path) -> None:
    release = copy_release(tmp_path / "first", first)
    changelog = (release.root / CHANGELOG).read_bytes()
    told = stamp_repo(release, REPO, None, None)
    assert told.manifest.repo == REPO
    assert (told.root / CHANGELOG).read_bytes() == changelog

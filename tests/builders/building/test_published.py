"""The notes beside a folder of where it was published to, and the build that heeds them."""

import json
import logging
from pathlib import Path

import pytest

from ipm_prefdial.builders.building.workspace import Workspace
from ipm_prefdial.builders.release.parts import note_place, notes_path, read_places
from ipm_prefdial.schemas.errors import DataError, OutputExistsError
from ipm_prefdial.schemas.publishing import PublishedTo


def place(repo: str = "acme/prefs", version: str = "1.0.0", *, verified: bool = True) -> PublishedTo:
    """A place."""
    return PublishedTo(
        repo=repo,
        endpoint="https://hub.test",
        version=version,
        tag=f"v{version}",
        commit="c" * 40,
        manifest_sha256="d" * 64,
        verified=verified,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A release folder, as far as a workspace can tell."""
    (tmp_path / "release").mkdir()
    (tmp_path / "release" / "manifest.json").write_text(json.dumps({"version": "1.0.0"}))
    return tmp_path / "release"


def test_places_are_noted_beside_the_folder_and_once_each(folder: Path) -> None:
    assert read_places(folder) == ()
    for one in (place(verified=False), place(repo="acme/trial"), place()):
        note_place(folder, one)
    assert read_places(folder) == (place(repo="acme/trial"), place())
    assert notes_path(folder) == folder.parent / "release.published.json"
    assert [path.name for path in folder.iterdir()] == ["manifest.json"]


def test_the_notes_are_the_same_by_any_way_to_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note_place(folder, place())
    monkeypatch.chdir(folder.parent)
    assert read_places(Path("release")) == read_places(Path("./release/")) == (place(),)


def test_what_is_published_is_not_replaced(folder: Path) -> None:
    note_place(folder, place())
    with pytest.raises(OutputExistsError, match=r"published as v1\.0\.0 of acme/prefs"):
        Workspace(folder).open(force=True)


def test_a_number_that_nobody_has_may_be_replaced(folder: Path) -> None:
    note_place(folder, place())
    (folder / "manifest.json").write_text(json.dumps({"version": "1.1.0"}))
    Workspace(folder).open(force=True)
    (folder / "manifest.json").write_text("not to be read")
    with pytest.raises(OutputExistsError, match="published"):
        Workspace(folder).open(force=True)


def test_notes_that_cannot_be_read_are_not_passed_over(folder: Path) -> None:
    notes_path(folder).write_text("[]")
    for heed in (lambda: read_places(folder), lambda: Workspace(folder).open(force=True)):
        with pytest.raises(DataError, match=r"release\.published\.json: this publish log .* repair or remove"):
            heed()


def test_where_nothing_can_be_written_it_is_published_all_the_same(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.parent / ".release.published.json.part").mkdir()
    with caplog.at_level(logging.WARNING):
        note_place(folder, place())
    assert "cannot be written" in caplog.text
    assert read_places(folder) == ()

"""The views of a release: they show what lies beside the tables, stay true to it, and break no promise."""

import json
from pathlib import Path

import pytest
from support.audits import shared_audit
from support.command import ipm_prefdial
from support.releases import (
    build_scripted,
    change_rows,
    copy_release,
    flip_byte,
    refresh_hashes,
    shared_release,
)

from ipm_prefdial.builders.auditing.run import write_audit
from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.refresh import write_views
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.builders.release.write import write_into
from ipm_prefdial.cards import pictures
from ipm_prefdial.cards.pictures import PICTURES
from ipm_prefdial.schemas.audit import Audit
from ipm_prefdial.schemas.errors import DataError
from ipm_prefdial.schemas.publishing import AcceptedGate, Publishing


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """A copy of the scripted release, to be altered."""
    return copy_release(tmp_path / "release")


def card_of(release: Release) -> str:
    """README.md as it stands."""
    return (release.root / "README.md").read_text(encoding="utf-8")


def files_of(release: Release) -> dict[str, bytes]:
    """Everything that lies in the folder."""
    found = (path for path in release.root.rglob("*") if path.is_file())
    return {path.relative_to(release.root).as_posix(): path.read_bytes() for path in found}


def renewed(release: Release) -> Release:
    """The release after its views were written again."""
    write_views(release.root, Release(release.root).manifest)
    return Release(release.root)


def closed_audit() -> Audit:
    """The audit of the shared release with one gate closed."""
    audit = shared_audit()
    first = audit.gates[0].model_copy(update={"limit": -1.0, "passed": False, "outcome": "failed"})
    return audit.model_copy(update={"gates": (first, *audit.gates[1:])})


def accept(release: Release, why: str = "Seen and known.") -> None:
    """Writes what a maintainer says of the closed gate."""
    gate = closed_audit().gates[0]
    accepted = AcceptedGate(**gate.model_dump(include={"name", "measure", "value", "limit"}), why=why)
    write_into(release.root, "publishing.json", Publishing(accepted=(accepted,)).model_dump_json() + "\n")


# Whole and true


def test_all_that_lies_beside_the_tables_is_shown_and_breaks_no_promise(release: Release) -> None:
    write_audit(release, closed_audit())
    accept(release)
    release = renewed(release)
    card = card_of(release)
    assert "### The audit's gates" in card and "The maintainer accepts it: Seen and known." in card
    assert all(f"]({path})" in card and path in release.manifest.files for path in PICTURES)
    assert list(validate_release(release)) == []
    found = verify_release(release.root)
    assert found.differences == ()


def test_views_that_are_written_again_are_the_same(release: Release) -> None:
    write_audit(release, closed_audit())
    before = files_of(release)
    renewed(release)
    assert files_of(release) == before


def test_a_release_that_has_no_pictures_verifies_where_they_could_be_drawn(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)
    write_audit(release, shared_audit())
    assert "### The audit's gates" in card_of(release) and "![" not in card_of(release)
    monkeypatch.undo()
    assert list(validate_release(Release(release.root))) == []
    assert verify_release(release.root).differences == ()


def test_pictures_that_nothing_can_draw_any_more_go_and_only_those(
    release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_audit(release, shared_audit())
    (release.root / "pictures" / "ours.png").write_bytes(b"kept")
    monkeypatch.setattr(pictures, "find_spec", lambda name: None)
    manifest = renewed(release).manifest
    assert [path.name for path in (release.root / "pictures").iterdir()] == ["ours.png"]
    assert not set(PICTURES) & set(manifest.files)
    assert "![" not in card_of(release)


def test_a_picture_that_was_changed_is_told(release: Release) -> None:
    write_audit(release, shared_audit())
    flip_byte(release.root / "pictures/errors.png")
    assert [one.file for one in verify_release(release.root).differences] == ["pictures/errors.png"]
    assert [(one.rule, one.file) for one in validate_release(Release(release.root))] == [
        ("files", "pictures/errors.png")
    ]


def test_an_audit_of_other_tables_is_not_shown(release: Release) -> None:
    write_audit(release, shared_audit())
    change_rows(release, "data/joint/test-00000-of-00001.parquet", lambda rows: rows.pop())
    refresh_hashes(release.root)
    release = renewed(release)
    assert "Not audited yet" in card_of(release)
    assert not set(PICTURES) & set(release.manifest.files)


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("publishing.json", "{", "publishing.json: not JSON"),
        ("publishing.json", '{"accepted": [{}]}', r"publishing.json: accepted\.0\.name"),
        ("audit.json", '{"format": 2}', "audit.json: format"),
        ("review.json", "[]", "review.json"),
    ],
)
def test_a_malformed_file_is_named_and_nothing_is_written(release: Release, file: str, text: str, told: str) -> None:
    (release.root / file).write_text(text)
    before = files_of(release)
    with pytest.raises(DataError, match=told):
        renewed(release)
    assert files_of(release) == before


# The changelog


EARLIER = "\n## 0.9.0\n\nThe draft, with fewer words.\n"


def test_earlier_entries_and_figures_of_the_changelog_stay(release: Release) -> None:
    path = release.root / "CHANGELOG.md"
    told = path.read_text(encoding="utf-8") + "\nAgainst 0.9.0: every old row is unchanged:\n\n- more rows\n" + EARLIER
    path.write_text(told, encoding="utf-8")
    release = renewed(refresh_hashes(release.root))
    assert path.read_text(encoding="utf-8") == told
    section = card_of(release).partition("## Changelog")[2].partition("\n## ")[0]
    assert "- more rows" in section and "The draft" not in section
    assert verify_release(release.root).differences == ()


@pytest.mark.parametrize("extra", ["Trust me.\n", "\n### More\n\nAgainst all odds.\n"])
def test_what_else_stands_in_its_own_entry_is_told(release: Release, extra: str) -> None:
    path = release.root / "CHANGELOG.md"
    path.write_text(path.read_text(encoding="utf-8") + extra + EARLIER, encoding="utf-8")
    found = verify_release(refresh_hashes(release.root).root)
    assert "CHANGELOG.md" in {one.file for one in found.differences}


# The command


def test_the_card_names_the_repo_once_it_was_said(release: Release) -> None:
    assert ipm_prefdial("card", release.root, "--repo", "lab/prefs").code == 0
    assert ipm_prefdial("card", release.root).code == 0
    assert Release(release.root).manifest.repo == "lab/prefs"
    assert 'load_dataset("lab/prefs", "response"' in card_of(release)
    assert json.loads((release.root / "croissant.json").read_bytes())["url"].endswith("/datasets/lab/prefs")
    assert verify_release(release.root).differences == ()
    assert list(validate_release(Release(release.root))) == []


def test_what_is_no_repo_is_refused(release: Release) -> None:
    before = files_of(release)
    done = ipm_prefdial("card", release.root, "--repo", "lab/prefs@v1")
    assert done.code == 2 and "give ORG/NAME" in done.err
    assert files_of(release) == before


def test_the_changelog_goes_on_from_the_version_before(tmp_path: Path, tiny: Path) -> None:
    earlier = build_scripted(tmp_path / "earlier", (str(tiny / "esconv.json"),))
    spec = shared_release().manifest.spec.model_copy(update={"version": "1.1.0", "notes": "More of the same kind."})
    later = build_scripted(tmp_path / "later", (str(tiny / "esconv.json"),), limit=4, spec=spec)
    done = ipm_prefdial("card", later.root, "--since", earlier.root)
    assert done.code == 0, done.err
    text = (later.root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert text.index("## 1.1.0\n\nMore of the same kind.\n\nAgainst 1.0.0: ") < text.index("## 1.0.0\n")
    assert "`response`" in text
    assert "Against 1.0.0: " in card_of(later)
    assert list(validate_release(Release(later.root))) == []
    assert ipm_prefdial("card", later.root).code == 0
    assert (later.root / "CHANGELOG.md").read_text(encoding="utf-8") == text

"""The changelog tells every version once, the newest first, in the spec's words and the diff's figures."""

import pytest
from support.releases import change_cell, change_rows, copy_release, shared_release

from ipm_prefdial.builders.release.changelog import changelog_of, release_notes
from ipm_prefdial.builders.release.diff.run import diff_releases
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.manifest import Manifest

TRAIN = "data/response/train-00000-of-00001.parquet"


def _manifest(version: str, notes: str) -> Manifest:
    manifest = shared_release().manifest
    spec = manifest.spec.model_copy(update={"version": version, "notes": notes})
    return manifest.model_copy(update={"version": version, "spec": spec})


FIRST = _manifest("1.0.0", "The first version.")
SECOND = _manifest("1.1.0", "More dialogues, the same rules.")


def test_a_first_release_has_the_changelog_that_a_build_writes(unaltered: Release) -> None:
    written = (unaltered.root / "CHANGELOG.md").read_text()
    assert changelog_of(unaltered.manifest, None, None) == written
    assert changelog_of(unaltered.manifest, None, written) == written


def test_the_newest_entry_stands_on_top() -> None:
    earlier = changelog_of(FIRST, None, None)
    assert changelog_of(SECOND, None, earlier) == (
        "# Changelog\n\n## 1.1.0\n\nMore dialogues, the same rules.\n\n## 1.0.0\n\nThe first version.\n"
    )


def test_writing_it_again_changes_nothing_but_its_own_entry() -> None:
    both = changelog_of(SECOND, None, changelog_of(FIRST, None, None))
    assert changelog_of(SECOND, None, both) == both
    reworded = _manifest("1.1.0", "Said in better words.")
    assert changelog_of(reworded, None, both) == both.replace(
        "More dialogues, the same rules.", "Said in better words."
    )


def test_what_a_maintainer_wrote_around_the_entries_stays() -> None:
    earlier = "# What changed\n\nBy hand.\n\n## 1.0.0\n\nThe first.\n\n### 2.0.0 of the paper\n\nsee there\n"
    found = changelog_of(SECOND, None, earlier)
    assert found == earlier.replace("## 1.0.0", "## 1.1.0\n\nMore dialogues, the same rules.\n\n## 1.0.0", 1)


def test_an_entry_tells_the_figures_of_the_diff(release: Release) -> None:
    change_rows(release, TRAIN, lambda rows: rows.pop(0))
    change_cell(release, TRAIN, 0, "license", "mit")
    diff = diff_releases(shared_release(), release)
    rows = sum(1 for _ in shared_release().rows(Config.RESPONSE))
    line = f"- `response` ({rows} → {rows - 1} rows): 1 row gone; 1 row changed (in license)"
    assert changelog_of(SECOND, diff, None) == (
        "# Changelog\n\n## 1.1.0\n\nMore dialogues, the same rules.\n\n"
        f"Against 1.0.0: old rows changed, were removed or moved to another split:\n\n{line}\n"
    )


@pytest.mark.parametrize("card", ["", "another card"])
def test_a_version_whose_rows_are_the_same_says_so(release: Release, card: str) -> None:
    if card:
        (release.root / "README.md").write_text(card)
    diff = diff_releases(shared_release(), release)
    assert changelog_of(SECOND, diff, None).endswith("\n\nAgainst 1.0.0: every row is unchanged.\n")


def test_release_notes_say_how_to_load_what_changed(release: Release) -> None:
    diff = diff_releases(copy_release(release.root.parent / "less"), release)
    notes = release_notes(SECOND, diff, "acme/prefs")
    assert notes.startswith("# acme/prefs 1.1.0\n\nMore dialogues, the same rules.\n\nAgainst 1.0.0: every row")
    assert 'load_dataset("acme/prefs", "response", revision="v1.1.0")' in notes
    assert "Against" not in release_notes(FIRST, None, "acme/prefs")

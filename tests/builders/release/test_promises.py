"""A release says one thing about its licence everywhere, or does not validate; a mixture is marked as what it is."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from support.command import ipm_prefdial
from support.releases import build_scripted, change_manifest, refresh_hashes, shared_release

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.release.card_context import origins_of
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.cards.licences import Origin
from ipm_prefdial.schemas.errors import DataError
from ipm_prefdial.schemas.licence import LICENCES

SOURCES = {"Talks": "cc-by-sa-4.0", "ESConv": "cc-by-nc-4.0", "Letters": "cc0-1.0"}


def _corpus(path: Path, licences: dict[str, str]) -> Path:
    """Three dialogues of every source, in our own shape."""
    lines = []
    for source, license_id in licences.items():
        for number in range(3):
            said = f"My {source} sank for the {number + 1}. time, and I keep thinking of it."
            turns = [
                {"speaker": "seeker", "text": said},
                {"speaker": "supporter", "text": f"What happened with {source} {number}?", "strategy": "Question"},
            ]
            lines.append(json.dumps({"source": source, "license": license_id, "turns": turns}))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture
def mixed(tmp_path: Path) -> Release:
    """A release of sources whose licences no one licence fits."""
    return build_scripted(tmp_path / "mixed", (str(_corpus(tmp_path / "all.jsonl", SOURCES)),))


def _found(release: Release) -> list[tuple[str, str]]:
    return [(one.rule, one.file) for one in validate_release(Release(release.root))]


def test_the_origins_are_the_sources_that_dialogues_name(mixed: Release) -> None:
    due = [Origin(source, license_id, 3) for source, license_id in sorted(SOURCES.items())]
    assert list(origins_of(mixed.root, mixed.manifest.files)) == due
    assert sum(one.dialogues for one in origins_of(shared_release().root, shared_release().manifest.files)) == 50


def test_dialogues_that_are_held_out_count_too() -> None:
    release = shared_release("2.0.0", 30)
    assert sum(one.dialogues for one in origins_of(release.root, release.manifest.files)) == 30


def test_origins_of_a_damaged_table_are_an_error(release: Release) -> None:
    (release.root / "data/dialogues/test-00000-of-00001.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"data/dialogues/test-00000-of-00001\.parquet: cannot be read"):
        origins_of(release.root, release.manifest.files)


def test_a_mixture_without_a_licence_is_built_marked_and_true_to_itself(mixed: Release) -> None:
    assert mixed.manifest.license == "not-releasable"
    text = (mixed.root / "LICENSE").read_text(encoding="utf-8")
    assert "must not be passed on" in text and "split the release" in text
    head = yaml.safe_load((mixed.root / "README.md").read_text(encoding="utf-8").split("---\n")[1])
    assert (head["license"], head["license_name"], head["license_link"]) == ("other", "not-releasable", "LICENSE")
    assert _found(mixed) == []
    assert verify_release(mixed.root).clean


def test_a_notice_names_every_source_its_licence_and_whom_to_credit(mixed: Release) -> None:
    _, _, esconv, letters, talks = (mixed.root / "NOTICE").read_text(encoding="utf-8").split("\n\n")
    assert esconv.startswith("ESConv (3 dialogues)\n")
    assert LICENCES["cc-by-nc-4.0"].name in esconv and "Siyang Liu, Chujie Zheng" in esconv
    assert LICENCES["cc0-1.0"].name in letters and "Credit: not known:" in letters
    assert LICENCES["cc-by-sa-4.0"].name in talks


def test_a_source_file_is_named_with_its_digest(tmp_path: Path, tiny: Path) -> None:
    release = build_scripted(tmp_path / "release", (str(tiny / "esconv.json"),))
    (source,) = release.manifest.sources
    notice = (release.root / "NOTICE").read_text(encoding="utf-8")
    assert f"Read: esconv.json, sha256 {source.sha256}" in notice


Change = Callable[[Release], object]


def _rewrite(file: str, old: str, new: str) -> Change:
    def change(release: Release) -> None:
        path = release.root / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")

    return change


def _drop(file: str) -> Change:
    def change(release: Release) -> None:
        (release.root / file).unlink()
        change_manifest(release.root, lambda manifest: manifest["files"].pop(file))

    return change


NAME = LICENCES["cc-by-4.0"].name


@pytest.mark.parametrize(
    ("file", "change"),
    [
        ("README.md", _rewrite("README.md", "license: cc-by-4.0\n", "license: mit\n")),
        ("README.md", _rewrite("README.md", "license: cc-by-4.0\n", "")),
        ("README.md", _rewrite("README.md", "license: cc-by-4.0\n", "license: [\n")),
        ("README.md", _rewrite("README.md", "---\n", "")),
        ("README.md", _drop("README.md")),
        ("LICENSE", _rewrite("LICENSE", NAME, LICENCES["mit"].name)),
        ("LICENSE", _rewrite("LICENSE", NAME, f"{NAME} or {LICENCES['mit'].name}")),
        ("LICENSE", _rewrite("LICENSE", NAME, "Do as you like")),
        ("LICENSE", _drop("LICENSE")),
        ("NOTICE", _rewrite("NOTICE", "ipm-prefdial/sample", "somebody")),
        ("NOTICE", _rewrite("NOTICE", NAME, LICENCES["mit"].name)),
        ("manifest.json", lambda release: change_manifest(release.root, lambda found: found.update(license="mit"))),
    ],
)
def test_whatever_says_something_else_is_found(release: Release, file: str, change: Change) -> None:
    change(release)
    refresh_hashes(release.root)
    assert _found(release) == [("license", file)]


def test_a_release_of_before_there_was_a_notice_is_valid(release: Release) -> None:
    _drop("NOTICE")(release)
    assert _found(release) == []


def test_build_says_why_a_release_is_not_to_be_passed_on(tmp_path: Path) -> None:
    source = _corpus(tmp_path / "all.jsonl", SOURCES)
    done = ipm_prefdial("build", "--out", str(tmp_path / "release"), "--source", str(source))
    assert done.code == 1 and "no row in `response`" in done.err, "one reply to everything gives no pair"
    told = " ".join(done.out.split())
    assert "Do NOT pass this release on; `publish` refuses it." in told
    assert "ESConv (cc-by-nc-4.0) with Talks (cc-by-sa-4.0): no licence fits all of them" in told
    assert "ipm-prefdial publish" not in told


def test_build_says_how_to_publish_what_may_be(tmp_path: Path) -> None:
    done = ipm_prefdial("build", "--out", str(tmp_path / "release"), "--limit", "6")
    assert done.code == 0, done.err
    assert "ipm-prefdial publish" in done.out and "pass this release on" not in done.out

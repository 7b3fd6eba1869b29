"""What is validated, audited and compared in parts comes to the same as in one go."""

from pathlib import Path
from typing import Any

import pytest
from support.apart import last_first
from support.audits import USUAL
from support.releases import build_scripted, change_cell, change_manifest, change_rows, copy_release, shared_release

from ipm_prefdial.builders.auditing.foreign import ForeignSource, read_columns
from ipm_prefdial.builders.auditing.run import audit_json, audit_source
from ipm_prefdial.builders.auditing.subjects import ReleaseSource
from ipm_prefdial.builders.release.diff.run import diff_releases
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import MOST_FINDINGS, validate_release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import DataError

SAMPLE = 500


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of many small shards, only to be read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ipm_prefdial.builders.release.write.ROWS_PER_GROUP", 5)
        patch.setattr("ipm_prefdial.builders.release.write.ROWS_PER_SHARD", 10)
        return build_scripted(tmp_path_factory.mktemp("whole") / "release", limit=5, release="2.1.0")


@pytest.fixture
def cut(tmp_path: Path, whole: Release) -> Release:
    """A copy of it that may be altered."""
    return copy_release(tmp_path / "cut", whole)


def damage(release: Release) -> None:
    """Faults inside shards, between shards, between tables, and in what the manifest counts."""
    first, *_, last = (release.name_of(path) for path in release.files(Config.RESPONSE, Split.TRAIN))
    twice = next(iter(release.rows(Config.RESPONSE, Split.TRAIN)))
    change_rows(release, last, lambda rows: rows.append(twice))
    change_cell(release, first, 1, "rejected_error", "lack_of_empathie")
    change_cell(release, first, 2, "responder.request_key", "0" * 64)
    (call, *_) = (release.name_of(path) for path in release.files(Config.COMPLETIONS))
    change_rows(release, call, lambda rows: rows.append(rows[0]))
    release.files(Config.DROPPED)[-1].unlink()
    change_manifest(release.root, lambda manifest: [manifest["files"].pop(name) for name in _of_joint_test(manifest)])


def _of_joint_test(manifest: dict[str, Any]) -> list[str]:
    return [name for name in manifest["files"] if name.startswith("data/joint/test")]


def test_a_release_that_keeps_its_promises_keeps_them_apart(whole: Release) -> None:
    assert len(whole.files(Config.RESPONSE, Split.TRAIN)) > 1
    assert list(validate_release(whole, last_first)) == []


def test_findings_are_the_same_and_in_their_order(cut: Release) -> None:
    damage(cut)
    damaged = Release(cut.root)
    found = list(validate_release(damaged))
    assert {"files", "enum", "row_id", "duplicate_pair", "known_call", "readable", "conservation"} <= {
        finding.rule for finding in found
    }
    assert list(validate_release(damaged, last_first)) == found


def test_of_a_shard_in_ruins_the_first_findings_are_told_and_all_rows_counted(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release")

    def ruin(rows: list[Any]) -> None:
        for row in rows:
            row |= {"source": "elsewhere", "license": "another"}

    change_rows(release, "data/completions/train-00000-of-00001.parquet", ruin)
    found, apart = list(validate_release(release)), list(validate_release(release, last_first))
    assert len(found) > 2 * MOST_FINDINGS
    assert apart[: MOST_FINDINGS + 1] == found[: MOST_FINDINGS + 1]
    assert [one for one in apart if one.rule == "conservation"] == [one for one in found if one.rule == "conservation"]


@pytest.mark.slow
def test_an_audit_has_the_same_bytes(whole: Release) -> None:
    source = ReleaseSource(whole, "whole")
    assert audit_json(audit_source(source, SAMPLE, last_first)) == audit_json(audit_source(source, SAMPLE))


def test_an_audit_of_somebody_s_pairs_has_the_same_bytes(tmp_path: Path) -> None:
    rows = [
        f'{{"prompt": "How is kiln {n}?", "chosen": "Warm, {n}.", "rejected": "No idea.", "dialogue": "{n // 3}"}}\n'
        for n in range(40)
    ]
    (tmp_path / "train.jsonl").write_text("".join(rows))
    source = ForeignSource(tmp_path, read_columns(USUAL), "tested")
    assert audit_json(audit_source(source, SAMPLE, last_first)) == audit_json(audit_source(source, SAMPLE))


def test_a_comparison_is_the_same(cut: Release, tmp_path: Path) -> None:
    old = copy_release(tmp_path / "old", cut)
    damage(cut)
    (cut.root / "data/dropped").rename(cut.root / "gone")
    (old.root / "data/dropped").rename(old.root / "gone")
    new = Release(cut.root)
    for release in (old, new):
        change_manifest(release.root, _without_drops)
    old, new = Release(old.root), Release(new.root)
    found = diff_releases(old, new, most=30)
    assert found.rows
    assert diff_releases(old, new, most=30, parallel=last_first) == found


def _without_drops(manifest: dict[str, Any]) -> None:
    manifest["files"] = {name: one for name, one in manifest["files"].items() if "/dropped/" not in name}


def test_what_a_part_raises_is_raised(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release")
    release.files(Config.DROPPED)[0].write_bytes(b"no table")
    for apart in (None, last_first):
        with pytest.raises(DataError, match="dropped"):
            audit_source(ReleaseSource(release, "damaged"), SAMPLE, apart)
        with pytest.raises(DataError, match="dropped"):
            diff_releases(shared_release(), release, parallel=apart)

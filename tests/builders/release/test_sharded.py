"""A release of many small shards holds what one of few large ones does, in the same order, for whoever reads it."""

from pathlib import Path

import pytest
from support.releases import build_scripted

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split

LIMIT = 12


def _cut_small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shards of seven rows in groups of three."""
    monkeypatch.setattr("ipm_prefdial.builders.release.write.ROWS_PER_GROUP", 3)
    monkeypatch.setattr("ipm_prefdial.builders.release.write.ROWS_PER_SHARD", 7)


@pytest.mark.parametrize(("version", "limit"), [("1.0.0", LIMIT), pytest.param("2.0.0", 4, marks=pytest.mark.slow)])
def test_many_shards_hold_what_few_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, limit: int
) -> None:
    whole = build_scripted(tmp_path / "whole", limit=limit, release=version)
    _cut_small(monkeypatch)
    cut = build_scripted(tmp_path / "cut", limit=limit, release=version)
    assert len(cut.files(Config.COMPLETIONS)) > 10
    for config in whole.configs:
        for split in Split:
            assert list(cut.rows(config, split)) == list(whole.rows(config, split))
    again = build_scripted(tmp_path / "again", limit=limit, release=version)
    assert again.manifest.files == cut.manifest.files
    assert list(validate_release(cut)) == []
    assert verify_release(cut.root).differences == ()


def test_a_stranger_reads_shards_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import load_dataset

    _cut_small(monkeypatch)
    cut = build_scripted(tmp_path / "cut", limit=LIMIT)
    loaded = load_dataset(str(cut.root), "response", split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded["row_id"] == [row["row_id"] for row in cut.rows(Config.RESPONSE, Split.TRAIN)]

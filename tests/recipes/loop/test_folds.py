"""Dialogues are shared out to folds: each to one, near-duplicates together, with the splits of their release."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.releases import build_scripted, change_rows, copy_release, refresh_hashes, shared_release

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.recipes.data.release import open_release
from ipm_prefdial.recipes.loop._folds import FoldFiles, fold_of, write_folds
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Dialogue, Split
from ipm_prefdial.schemas.errors import DataError


def _mined(out: Path, fold: int) -> list[Dialogue]:
    lines = (out / FoldFiles(fold).dialogues).read_text().splitlines()
    return [Dialogue.model_validate_json(line) for line in lines]


def _others(out: Path, fold: int) -> set[str]:
    return set((out / FoldFiles(fold).others).read_text().split())


def _splits(release: Release) -> dict[str, list[str]]:
    found = json.loads((release.root / "splits.json").read_text())["splits"]
    return {split: list(ids) for split, ids in found.items()}


@given(key=st.text(max_size=20), folds=st.integers(1, 9))
def test_fold_is_one_of_those_there_are(key: str, folds: int) -> None:
    assert 1 <= fold_of(key, folds) <= folds
    assert fold_of(key, folds) == fold_of(key, folds)


@pytest.mark.parametrize("version", ["1.0.0", "2.0.0"])
@pytest.mark.parametrize("folds", [1, 2, 3])
def test_every_dialogue_is_in_one_fold_and_in_no_other_miners_training(
    version: str, folds: int, tmp_path: Path
) -> None:
    release = shared_release(version)
    counts = write_folds(open_release(str(release.root), None, Config.DIALOGUES), tmp_path, folds)
    splits = _splits(release)
    mined = [_mined(tmp_path, fold) for fold in range(1, folds + 1)]
    by_split = {
        split: sorted(one.dialogue_id for part in mined for one in part if one.split == split) for split in Split
    }
    assert by_split == splits, "each once, with the release's own split; what is held out is in none"
    for one, part in zip(counts, mined, strict=True):
        assert one.dialogues == {split: sum(found.split is split for found in part) for split in Split}
    for fold in range(1, folds + 1) if folds > 1 else ():
        own = {one.dialogue_id for one in mined[fold - 1]}
        learnt = _others(tmp_path, fold)
        assert not learnt & own
        assert not learnt & set(splits["test"])
        assert learnt == (set(splits["train"]) | set(splits["validation"])) - own


def test_near_duplicates_share_a_fold(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release")
    path = release.root / "splits.json"
    told = json.loads(path.read_text())
    groups = [told["splits"]["train"][at : at + 5] for at in (0, 5, 10)]
    path.write_text(json.dumps(told | {"near_duplicates": groups}))
    write_folds(open_release(str(release.root), None, Config.DIALOGUES), tmp_path, 2)
    mined = [{one.dialogue_id for one in _mined(tmp_path, fold)} for fold in (1, 2)]
    assert all(set(group) <= mined[0] or set(group) <= mined[1] for group in groups)
    path.write_text("[]")
    with pytest.raises(DataError, match=r"splits\.json is damaged"):
        write_folds(open_release(str(release.root), None, Config.DIALOGUES), tmp_path, 2)


def test_what_is_built_of_the_folds_has_the_splits_of_the_release(tmp_path: Path) -> None:
    release = shared_release()
    write_folds(open_release(str(release.root), None, Config.DIALOGUES), tmp_path, 2)
    built = [
        build_scripted(tmp_path / f"built-{fold}", sources=(f"dialogue:{tmp_path / FoldFiles(fold).dialogues}",))
        for fold in (1, 2)
    ]
    together = {split: sorted(name for one in built for name in _splits(one)[split]) for split in Split}
    assert together == _splits(release)
    assert {one.manifest.license for one in built} == {release.manifest.license}


def test_limit_is_of_what_is_mined_and_not_of_what_is_learnt(tmp_path: Path) -> None:
    release = open_release(str(shared_release().root), None, Config.DIALOGUES)
    for name, limit in (("all", None), ("few", 8)):
        write_folds(release, tmp_path / name, 2, limit)
    parts = [_mined(tmp_path / "few", fold) for fold in (1, 2)]
    assert sum(one.split is Split.TRAIN for part in parts for one in part) == 8
    assert [_others(tmp_path / "few", fold) for fold in (1, 2)] == [_others(tmp_path / "all", fold) for fold in (1, 2)]


def test_too_few_dialogues_for_the_folds(tmp_path: Path) -> None:
    release = open_release(str(shared_release().root), None, Config.DIALOGUES)
    with pytest.raises(DataError, match="too few training dialogues for 5 folds"):
        write_folds(release, tmp_path, 5, 2)


def test_withheld_dialogues_cannot_be_mined(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release")

    def withhold(rows: list[dict[str, object]]) -> None:
        rows[0] |= {"withheld": True, "turns": []}

    change_rows(release, "data/dialogues/train-00000-of-00001.parquet", withhold)
    refresh_hashes(release.root)
    with pytest.raises(DataError, match="is withheld by its licence"):
        write_folds(open_release(str(release.root), None, Config.DIALOGUES), tmp_path, 2)

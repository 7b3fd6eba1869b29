"""An interrupted run goes on at its last whole checkpoint."""

from pathlib import Path

from ipm_prefdial.recipes.train.run import last_checkpoint, remove_broken, step_of


def _checkpoint(folder: Path, name: str, *, whole: bool = True) -> Path:
    path = folder / name
    path.mkdir()
    (path / "model.safetensors").write_bytes(b"")
    if whole:
        (path / "trainer_state.json").write_text("{}")
    return path


def test_newest_whole_checkpoint_is_found(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path) is None
    _checkpoint(tmp_path, "checkpoint-9")
    newest = _checkpoint(tmp_path, "checkpoint-10")
    broken = _checkpoint(tmp_path, "checkpoint-11", whole=False)
    other = _checkpoint(tmp_path, "checkpoint-best", whole=False)
    assert last_checkpoint(tmp_path) == newest
    assert step_of(newest) == 10
    remove_broken(tmp_path)
    assert not broken.exists()
    assert other.exists(), "what is not a checkpoint of ours is left alone"
    assert last_checkpoint(tmp_path) == newest


def test_folder_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path / "nowhere") is None

"""The local engine, and the error where a node does not see the data."""

from pathlib import Path

import pytest
from support.command import ipm_prefdial

from ipm_prefdial.builders.distributed.connection import _map_part, parallel_map_on
from ipm_prefdial.builders.runtime.environment import Engine
from ipm_prefdial.schemas.errors import UsageError


def test_the_local_engine_does_nothing_apart(tmp_path: Path) -> None:
    with parallel_map_on(Engine(), (tmp_path,)) as parallel:
        assert parallel is None


def test_a_node_that_does_not_see_a_folder_is_no_damaged_release(tmp_path: Path) -> None:
    assert _map_part((tmp_path,), str.upper, "kiln") == "KILN"
    with pytest.raises(UsageError, match="not seen from every node"):
        _map_part((tmp_path, tmp_path / "elsewhere"), str.upper, "kiln")


def test_on_a_cluster_folders_are_named_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Engine(ray=True).place(Path("release")) == tmp_path / "release"
    assert Engine().place(Path("release")) == Path("release")


@pytest.mark.parametrize("words", [("validate", "."), ("audit", "."), ("diff", ".", ".")])
def test_an_engine_that_there_is_not_is_wrong_use(words: tuple[str, ...]) -> None:
    done = ipm_prefdial(*words, "--engine", "dask")
    assert done.code == 2
    assert "--engine is local, ray or ray:ADDRESS" in done.err

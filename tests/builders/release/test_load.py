"""Plain `datasets` loads every config and split of a release folder, with no package of ours."""

from pathlib import Path

import pytest
from datasets import Features, get_dataset_config_names, get_dataset_split_names, load_dataset
from support.releases import build_scripted, shared_release

from ipm_prefdial.builders.release.layout import arrow_schema, splits_of
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.rows import rows_of


@pytest.mark.parametrize(
    ("release", "config"),
    [(release, config) for release, layout in (("1.0.0", 1), ("2.0.0", 2), ("2.1.0", 3)) for config in rows_of(layout)],
)
def test_every_config_loads_with_its_columns_and_rows(release: str, config: Config, tmp_path: Path) -> None:
    shared = shared_release(release)
    loaded = load_dataset(str(shared.root), config.value, cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == [split.value for split in splits_of(config)]
    for split in splits_of(config):
        rows = list(shared.rows(config, split))
        assert rows
        assert loaded[split.value].num_rows == len(rows)
        assert loaded[split.value].features == Features.from_arrow_schema(arrow_schema(config, shared.layout))
        assert loaded[split.value].to_list() == rows


@pytest.mark.parametrize("release", ["1.0.0", "2.0.0", "2.1.0"])
def test_configs_and_splits_are_listed(release: str) -> None:
    shared = shared_release(release)
    assert set(get_dataset_config_names(str(shared.root))) == {config.value for config in shared.configs}
    for config in shared.configs:
        listed = get_dataset_split_names(str(shared.root), config.value)
        assert listed == [split.value for split in splits_of(config)]


def test_the_splits_of_a_pair_are_all_three(unaltered: Release) -> None:
    assert get_dataset_split_names(str(unaltered.root), "response") == ["train", "validation", "test"]


def test_default_config_is_response(unaltered: Release, tmp_path: Path) -> None:
    default = load_dataset(str(unaltered.root), split="test", cache_dir=str(tmp_path / "cache"))
    assert default.config_name == "response"
    assert default.to_list() == list(unaltered.rows(Config.RESPONSE, splits_of(Config.RESPONSE)[-1]))


def test_streaming_gives_the_same_rows(unaltered: Release) -> None:
    streamed = load_dataset(str(unaltered.root), "response", split="validation", streaming=True)
    assert list(streamed) == list(unaltered.rows(Config.RESPONSE, splits_of(Config.RESPONSE)[1]))


@pytest.mark.parametrize("config", [config for config in rows_of(1) if config is not Config.COMPLETIONS])
def test_small_release_whose_splits_are_not_all_filled_loads(config: Config, tmp_path: Path) -> None:
    small = build_scripted(tmp_path / "small", limit=4)
    loaded = load_dataset(str(small.root), config.value, cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].num_rows == sum(1 for _ in small.rows(config))

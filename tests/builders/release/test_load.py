"""Plain `datasets` loads every config and split of a release folder, with no package of ours."""

from pathlib import Path

import pytest
from datasets import Features, get_dataset_config_names, get_dataset_split_names, load_dataset
from support.releases import build_scripted

from ipm_prefdial.builders.release.columns import arrow_schema
from ipm_prefdial.builders.release.layout import splits_of
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import Config


@pytest.mark.parametrize("config", Config)
def test_every_config_loads_with_its_columns_and_rows(config: Config, unaltered: Release, tmp_path: Path) -> None:
    loaded = load_dataset(str(unaltered.root), config.value, cache_dir=str(tmp_path / "cache"))
    assert list(loaded) == [split.value for split in splits_of(config)]
    for split in splits_of(config):
        rows = list(unaltered.rows(config, split))
        assert rows
        assert loaded[split.value].num_rows == len(rows)
        assert loaded[split.value].features == Features.from_arrow_schema(arrow_schema(config))
        assert loaded[split.value].to_list() == rows


def test_configs_and_splits_are_listed(unaltered: Release) -> None:
    assert set(get_dataset_config_names(str(unaltered.root))) == {config.value for config in Config}
    assert get_dataset_split_names(str(unaltered.root), "response") == ["train", "validation", "test"]


def test_default_config_is_response(unaltered: Release, tmp_path: Path) -> None:
    default = load_dataset(str(unaltered.root), split="test", cache_dir=str(tmp_path / "cache"))
    assert default.config_name == "response"
    assert default.to_list() == list(unaltered.rows(Config.RESPONSE, splits_of(Config.RESPONSE)[-1]))


def test_streaming_gives_the_same_rows(unaltered: Release) -> None:
    streamed = load_dataset(str(unaltered.root), "response", split="validation", streaming=True)
    assert list(streamed) == list(unaltered.rows(Config.RESPONSE, splits_of(Config.RESPONSE)[1]))


@pytest.mark.parametrize("config", [config for config in Config if config is not Config.COMPLETIONS])
def test_small_release_whose_splits_are_not_all_filled_loads(config: Config, tmp_path: Path) -> None:
    small = build_scripted(tmp_path / "small", limit=4)
    loaded = load_dataset(str(small.root), config.value, cache_dir=str(tmp_path / "cache"))
    assert loaded["train"].num_rows == sum(1 for _ in small.rows(config))

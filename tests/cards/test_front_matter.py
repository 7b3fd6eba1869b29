"""The YAML at the top of a card: what the Hub, its client and `datasets` make of it."""

import pytest
from datasets import Features, load_dataset_builder
from huggingface_hub import DatasetCard
from huggingface_hub.repocard_data import DatasetCardData
from support.cards import head_of, rendered, shared_features
from support.releases import SCRIPTED, shared_release

from ipm_prefdial.builders.release.layout import arrow_schema, splits_of
from ipm_prefdial.cards.front_matter import front_matter
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.inference import Role
from ipm_prefdial.schemas.licence import LICENCES
from ipm_prefdial.schemas.manifest import Manifest, ModelRecord
from ipm_prefdial.schemas.rows import rows_of

RELEASES = ("1.0.0", "2.0.0")
TABLES = [(release, config) for release, layout in zip(RELEASES, (1, 2), strict=True) for config in rows_of(layout)]


@pytest.fixture
def manifest() -> Manifest:
    """Of the shared scripted release."""
    return shared_release().manifest


def test_it_says_what_the_hub_asks_for(manifest: Manifest) -> None:
    head = head_of(rendered())
    assert head["license"] == manifest.license == "cc-by-4.0"
    assert "license_name" not in head
    assert head["language"] == ["en"]
    assert head["task_categories"] == ["text-generation"]
    assert head["annotations_creators"] == ["machine-generated"]
    assert head["source_datasets"] == ["extended"]
    assert {"trl", "preference", "dpo", "synthetic"} <= set(head["tags"])
    assert head["size_categories"] == ["1K<n<10K"]
    assert all(kind == "checkbox" for kind in head["extra_gated_fields"].values())


@pytest.mark.parametrize("release", RELEASES)
def test_configs_list_every_split_with_rows_and_one_default(release: str) -> None:
    head, found = head_of(rendered(release=release)), shared_release(release)
    configs = {one["config_name"]: one for one in head["configs"]}
    assert set(configs) == {config.value for config in found.configs}
    assert [name for name, one in configs.items() if one.get("default")] == ["response"]
    assert head["configs"][0]["config_name"] == "response"
    for config in found.configs:
        paths = {part["split"]: part["path"] for part in configs[config]["data_files"]}
        due = [split for split in splits_of(config) if any(True for _ in found.rows(config, split))]
        assert paths == {split.value: f"data/{config}/{split}-*.parquet" for split in due}


@pytest.mark.parametrize("release", RELEASES)
def test_dataset_info_counts_what_the_manifest_counts(release: str) -> None:
    files = shared_release(release).manifest.files
    for info in head_of(rendered(release=release))["dataset_info"]:
        for split in info["splits"]:
            record = files[f"data/{info['config_name']}/{split['name']}-00000-of-00001.parquet"]
            assert (split["num_examples"], split["num_bytes"]) == (record.rows, record.bytes)
        assert info["download_size"] == sum(split["num_bytes"] for split in info["splits"])


@pytest.mark.parametrize(("release", "config"), TABLES)
def test_datasets_reads_it(release: str, config: Config) -> None:
    found = shared_release(release)
    info = load_dataset_builder(str(found.root), config.value).info
    assert info.features == Features.from_arrow_schema(arrow_schema(config, found.layout))
    rows = {split.value: sum(1 for _ in found.rows(config, split)) for split in splits_of(config)}
    assert {name: split.num_examples for name, split in info.splits.items()} == {
        split: number for split, number in rows.items() if number
    }


@pytest.mark.parametrize("release", RELEASES)
def test_the_hubs_own_client_reads_it_as_it_stands(release: str) -> None:
    card = DatasetCard(rendered(release=release))
    data = card.data
    assert isinstance(data, DatasetCardData)
    assert (data.license, data.pretty_name, data.language) == ("cc-by-4.0", "IPM-PrefDial", ["en"])
    assert data.to_dict() == head_of(rendered(release=release)), "no field is lost or has another form"


@pytest.mark.parametrize("license_id", LICENCES)
def test_a_licence_is_named_as_the_hub_spells_it(manifest: Manifest, license_id: str) -> None:
    head = head_of(rendered(manifest.model_copy(update={"license": license_id})))
    if LICENCES[license_id].is_ours:
        assert (head["license"], head["license_name"], head["license_link"]) == ("other", license_id, "LICENSE")
    else:
        assert head["license"] == license_id


def test_words_are_called_a_machines_only_where_a_model_wrote_some(manifest: Manifest) -> None:
    assert head_of(rendered())["language_creators"] == ["crowdsourced", "machine-generated"]
    embedded = {role: (ModelRecord(ref=SCRIPTED, kind="corpus"),) for role in manifest.models}
    plain = manifest.model_copy(update={"models": embedded})
    assert head_of(rendered(plain))["language_creators"] == ["crowdsourced"]
    judged = plain.model_copy(update={"models": embedded | {Role.JUDGE: (ModelRecord(ref=SCRIPTED, kind="openai"),)}})
    assert head_of(rendered(judged))["language_creators"] == ["crowdsourced"]


def test_a_source_on_the_hub_is_named(manifest: Manifest) -> None:
    (source,) = manifest.sources
    hub = source.model_copy(update={"name": "org/talks", "revision": "0" * 40})
    both = manifest.model_copy(update={"sources": (source, hub, hub)})
    assert head_of(rendered(both))["source_datasets"] == ["extended", "extended|org/talks"]


@pytest.mark.parametrize(
    ("rows", "due"),
    [
        (999, "n<1K"),
        (1_000, "1K<n<10K"),
        (99_999, "10K<n<100K"),
        (100_000, "100K<n<1M"),
        (1_000_000, "1M<n<10M"),
        (99_999_999, "10M<n<100M"),
        (100_000_000, "100M<n<1B"),
    ],
)
def test_size_category_goes_by_the_rows_of_all_tables(manifest: Manifest, rows: int, due: str) -> None:
    files = {name: record.model_copy(update={"rows": 0}) for name, record in manifest.files.items()}
    table = "data/joint/train-00000-of-00001.parquet"
    files[table] = files[table].model_copy(update={"rows": rows})
    assert head_of(rendered(manifest.model_copy(update={"files": files})))["size_categories"] == [due]


def test_missing_features_are_an_error(manifest: Manifest) -> None:
    features = {config: value for config, value in shared_features().items() if config is not Config.JOINT}
    with pytest.raises(KeyError, match="joint"):
        front_matter(manifest, features)

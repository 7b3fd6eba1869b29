"""`croissant.json` as the reference reader of the format takes it: without an error, row for row, digest by digest."""

import json
import logging
import shutil
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from support.cards import full_context, shared_context, shared_features
from support.releases import flip_byte, read_rows, shared_release, write_rows

from ipm_prefdial.builders.release.layout import arrow_schema
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.cards.croissant import croissant_json, rai_properties
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.review import Review

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")

RELEASES = ("1.0.0", "2.0.0", "2.1.0")
TEST = "data/response/test-00000-of-00001.parquet"


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)


def metadata_of(root: Path) -> dict[str, Any]:
    """What stands in the file of a release."""
    loaded = json.loads((root / "croissant.json").read_bytes())
    assert isinstance(loaded, dict)
    return loaded


def opened(root: Path) -> Any:
    """The release as `mlcroissant` understands it; reading the file validates it."""
    import mlcroissant

    return mlcroissant.Dataset(str(root / "croissant.json"))


@lru_cache
def shared_dataset(release: str) -> Any:
    """The same of a shared release, opened once."""
    return opened(shared_release(release).root)


def plain(value: Any) -> Any:
    """A record with the last part of every id as its key, and texts for bytes."""
    if isinstance(value, dict):
        return {str(key).rpartition("/")[2]: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.decode() if isinstance(value, bytes) else value


def without_lists_in_structs(row: dict[str, Any]) -> dict[str, Any]:
    """A row as far as the format can tell it; a struct that is null has fields that are."""
    return {
        name: [{key: inner for key, inner in one.items() if not isinstance(inner, list)} for one in value]
        if isinstance(value, list)
        else value
        for name, value in row.items()
    }


def without_nulls(value: Any) -> Any:
    """The same without what is null, which the reader writes in its own way."""
    if isinstance(value, dict):
        kept = {name: without_nulls(inner) for name, inner in value.items()}
        return {name: inner for name, inner in kept.items() if inner not in (None, {}, [])}
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("release", RELEASES)
def test_it_is_valid_and_its_reader_warns_of_nothing(release: str) -> None:
    issues = shared_dataset(release).metadata.ctx.issues
    assert issues.errors == set()
    # A scripted build has no date; a real one has.
    assert [one for one in issues.warnings if "datePublished" not in one] == []


def _tables() -> Iterator[tuple[str, Config, Split]]:
    yield from (("1.0.0", config, Split.TEST) for config in (Config.RESPONSE, Config.STRATEGY_SFT, Config.DROPPED))
    yield from (("2.0.0", config, Split.TEST) for config in (Config.RESPONSE, Config.DIALOGUES, Config.CRISIS_HOLDOUT))


@pytest.mark.parametrize(("release", "config", "split"), list(_tables()))
def test_rows_that_are_read_through_it_are_those_of_the_files(release: str, config: Config, split: Split) -> None:
    found = [without_nulls(plain(one)) for one in shared_dataset(release).records(f"{config}/{split}")]
    due = [without_nulls(without_lists_in_structs(row)) for row in shared_release(release).rows(config, split)]
    assert found
    assert found == due


@pytest.mark.parametrize("release", RELEASES)
def test_every_table_is_listed_with_its_digest_and_every_split_is_a_record_set(release: str) -> None:
    found = shared_release(release)
    listed = metadata_of(found.root)
    files = {one["@id"]: one for one in listed["distribution"]}
    assert set(files) == {name for name in found.manifest.files if name.startswith("data/")}
    for name, one in files.items():
        record = found.manifest.files[name]
        assert (one["sha256"], one["contentSize"], one["contentUrl"]) == (record.sha256, f"{record.bytes} B", name)
    due = {
        f"{config}/{split}"
        for config in found.configs
        for split in Split
        if any(True for _ in found.rows(config, split))
    }
    assert {one["@id"] for one in listed["recordSet"]} == due


def test_a_table_that_was_changed_is_refused_by_the_reader(tmp_path: Path) -> None:
    root = tmp_path / "release"
    shutil.copytree(shared_release().root, root)
    flip_byte(root / TEST)
    with pytest.raises(Exception, match=f"Download.{TEST}") as refused:
        list(opened(root).records("response/test"))
    assert "is not identical with the reference" in str(refused.value.__cause__)


def test_a_split_in_several_shards_is_read_as_one(tmp_path: Path) -> None:
    root = tmp_path / "release"
    shutil.copytree(shared_release().root, root)
    release = Release(root)
    rows = read_rows(release, TEST)
    names = [f"data/response/test-0000{number}-of-00002.parquet" for number in range(2)]
    for name, part in zip(names, (rows[:4], rows[4:]), strict=True):
        write_rows(root / name, part, arrow_schema(Config.RESPONSE, 1))
    (root / TEST).unlink()
    files = {name: record for name, record in release.manifest.files.items() if name != TEST}
    files |= {name: release.manifest.files[TEST].model_copy(update={"rows": 4}) for name in names}
    manifest = release.manifest.model_copy(update={"files": files})
    text = croissant_json(manifest, shared_features(), shared_context())
    (root / "croissant.json").write_text(text, encoding="utf-8")
    found = [plain(one)["row_id"] for one in opened(root).records("response/test")]
    assert found == [row["row_id"] for row in rows]


# What it says


@pytest.mark.parametrize("release", RELEASES)
def test_it_tells_version_licence_and_whom_to_cite(release: str) -> None:
    found = metadata_of(shared_release(release).root)
    assert found["version"] == release
    assert found["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert "@inproceedings{zhang2025decoupledesc," in found["citeAs"]
    assert "url" not in found and "datePublished" not in found


def test_date_and_address_are_told_once_they_are_known() -> None:
    manifest = shared_release().manifest
    run = manifest.run.model_copy(update={"started": "2026-11-21T10:00:00+00:00"})
    known = manifest.model_copy(update={"repo": "lab/prefs", "run": run, "license": "not-releasable"})
    found = json.loads(croissant_json(known, shared_features(), shared_context()))
    assert found["datePublished"] == "2026-11-21"
    assert found["url"] == "https://huggingface.co/datasets/lab/prefs"
    assert found["license"] == "LICENSE"


@pytest.mark.parametrize("release", RELEASES)
def test_responsible_use_is_told_in_the_vocabulary_of_the_format(release: str) -> None:
    from mlcroissant import Metadata

    manifest, beside = shared_release(release).manifest, full_context()
    said = {name.removeprefix("rai:"): value for name, value in rai_properties(manifest, beside).items()}
    read = shared_dataset(release).metadata
    assert isinstance(read, Metadata)
    assert {
        "dataBiases",
        "dataCollection",
        "dataLimitations",
        "dataSocialImpact",
        "dataUseCases",
        "machineAnnotationTools",
        "personalSensitiveInformation",
    } <= set(said)
    assert read.data_social_impact == said["dataSocialImpact"]
    assert read.annotations_per_item == said["annotationsPerItem"]
    assert read.machine_annotation_tools == said["machineAnnotationTools"]
    assert len(read.data_preprocessing_protocol) == len(manifest.spec.steps)
    assert read.data_limitations is not None and any("Not audited yet" in one for one in read.data_limitations)
    assert not any("Not audited yet" in one for one in said["dataLimitations"])


def test_what_is_not_there_is_not_told() -> None:
    manifest = shared_release().manifest
    said = rai_properties(manifest, shared_context())
    assert "rai:dataAnnotationPlatform" not in said and "rai:dataAnnotationAnalysis" not in said
    assert all(said.values())
    reviewed = full_context()
    reviewed = type(reviewed)(**{**vars(reviewed), "review": Review(replicates=1, configs={})})
    assert "rai:dataAnnotationPlatform" not in rai_properties(manifest, reviewed), "a review without a label is none"


def test_equal_releases_give_equal_bytes() -> None:
    manifest = shared_release().manifest
    one, other = (croissant_json(manifest, shared_features(), full_context()) for _ in range(2))
    assert one == other

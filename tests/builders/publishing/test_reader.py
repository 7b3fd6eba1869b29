"""The reader at the end finds whatever arrives otherwise than it is here, and its failure costs only a repetition."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.hub import TOKEN, free_port
from support.publishing import HubServer
from support.releases import change_manifest

from ipm_prefdial.builders.publishing import fresh_load as as_reader
from ipm_prefdial.builders.publishing.fresh_load import ReadAs, _shards, other_rows, read_back
from ipm_prefdial.builders.release.parts import read_places
from ipm_prefdial.builders.release.read import Release, read_manifest
from ipm_prefdial.schemas.errors import DataError, EndpointError

from .conftest import Publish

ROWS = "data/response/train-00000-of-00001.parquet"


@pytest.fixture(autouse=True)
def _no_xet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")


def test_everything_that_differs_is_told(hub: HubServer, repo: str, send: Publish, first: Release) -> None:
    """The manifest here is altered, so that what is on the Hub is not as it says."""
    send(first)
    read_as = ReadAs(hub.url, repo, "v1.0.0", None)
    read_back(read_as, first.root / "manifest.json")

    def change(manifest: dict[str, Any]) -> None:
        manifest["files"]["LICENSE"]["sha256"] = "0" * 64
        manifest["files"]["review.json"] = manifest["files"]["LICENSE"]
        manifest["files"][ROWS]["rows_sha256"] = "0" * 64

    change_manifest(first.root, change)
    with pytest.raises(DataError) as found:
        read_back(read_as, first.root / "manifest.json")
    told = str(found.value)
    assert f"{repo} v1.0.0 is published, but" in told
    assert "LICENSE has other bytes" in told
    assert "review.json is not there" in told
    assert "manifest.json has other bytes" in told


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rows_sha256": "0" * 64}, "response: train has other rows"),
        ({"rows": 3}, "response: train has 16 rows, not 3"),
    ],
    ids=["content", "count"],
)
def test_rows_are_compared_as_datasets_gives_them(first: Release, change: dict[str, Any], told: str) -> None:
    """From a folder, which `datasets` loads as it does a repo."""
    records = {
        split: [first.manifest.files[f"data/response/{split}-00000-of-00001.parquet"]]
        for split in ("train", "validation", "test")
    }
    for wrong, differences in (({}, []), (change, [told])):
        due = records | {"train": [records["train"][0].model_copy(update=wrong)]}
        assert list(other_rows(str(first.root), "main", "response", due)) == differences
    known = {"train": records["train"]}
    strange = [one for one in ("validation", "test") if records[one][0].rows]
    assert list(other_rows(str(first.root), "main", "response", known)) == [
        f"response: there is a split {one}, which the release does not have" for one in strange
    ]


@pytest.mark.parametrize(
    ("out", "code"), [("{}", 0), ("[]", 0), ('{"differences": null}', 0), ('{"differences": []}', 1), ("", 0)]
)
def test_a_reader_that_does_not_say_that_all_is_the_same_is_not_believed(
    first: Release, monkeypatch: pytest.MonkeyPatch, out: str, code: int
) -> None:
    done = subprocess.CompletedProcess([], code, stdout=f"{out}\n", stderr="")
    monkeypatch.setattr(subprocess, "run", lambda *words, **options: done)
    with pytest.raises(EndpointError, match="could not be read back"):
        read_back(ReadAs("http://127.0.0.1:9", "acme/prefs", "v1.0.0", None), first.root / "manifest.json")


def test_a_manifest_without_tables_is_no_release_that_was_read(first: Release) -> None:
    path = first.root / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_bytes()) | {"files": {}}))
    assert list(_shards(read_manifest(first.root / "manifest.json"))) == []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(as_reader, "other_files", lambda *words: iter(()))
        assert list(as_reader.differences("acme/prefs", "v1", first.root / "manifest.json")) == [
            "manifest.json lists no tables"
        ]


def test_a_hub_that_fails_the_reader_can_be_read_again(
    hub: HubServer, repo: str, send: Publish, first: Release
) -> None:
    hub.fault({"op": "lfs_get", "nth": 1, "times": 999, "do": "403"})
    with pytest.raises(EndpointError, match="is published, but could not be read back"):
        send(first, reader=read_back)
    assert hub.repo(repo).holds(first, "v1.0.0")
    assert [(one.tag, one.verified) for one in read_places(first.root)] == [("v1.0.0", False)]
    hub.fault()
    read: list[ReadAs] = []

    def reader(read_as: ReadAs, manifest: Path) -> None:
        read.append(read_as)
        read_back(read_as, manifest)

    for _ in range(2):
        assert send(first, reader=reader).state == "already published"
    assert [(one.repo, one.tag, one.token) for one in read] == [(repo, "v1.0.0", None)]
    assert [(one.tag, one.verified) for one in read_places(first.root)] == [("v1.0.0", True)]


def test_the_token_is_used_only_where_it_is_needed(hub: HubServer, repo: str, send: Publish, first: Release) -> None:
    read: list[ReadAs] = []
    send(first, private=True, reader=lambda read_as, manifest: read.append(read_as))
    assert [one.token for one in read] == [TOKEN]
    assert TOKEN not in repr(read)


def test_a_release_that_is_there_is_gated_when_that_is_asked_for(
    hub: HubServer, repo: str, send: Publish, first: Release
) -> None:
    read: list[ReadAs] = []
    for gated in (None, "auto"):
        send(first, gated=gated, reader=lambda read_as, manifest: read.append(read_as))
    assert [one.token for one in read] == [None]
    assert bool(hub.api().dataset_info(repo).gated)


def test_no_hub_is_a_failure_of_the_hub(first: Release) -> None:
    read_as = ReadAs(f"http://127.0.0.1:{free_port()}", "acme/prefs", "v1.0.0", None)
    with pytest.raises(EndpointError, match="could not be read back"):
        read_back(read_as, first.root / "manifest.json")

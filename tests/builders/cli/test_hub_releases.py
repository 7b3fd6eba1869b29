"""A release on the Hub: a stranger loads it with plain `datasets`, and the verbs take its name in place of a folder."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import ipm_prefdial
from support.hub import as_client, running_hub, upload
from support.releases import copy_release

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.audit import Audit

_LOAD = """
import json
from datasets import load_dataset
found = {}
for config in %r:
    splits = load_dataset("acme/prefs", config, revision="v1.0.0")
    found[config] = {name: rows.num_rows for name, rows in splits.items()}
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Release]]:
    """A Hub that holds a scripted release as `acme/prefs`, tagged v1.0.0."""
    folder = tmp_path_factory.mktemp("hub")
    release = copy_release(folder / "release")
    with running_hub(folder / "server") as url:
        upload(url, folder / "home", "acme/prefs", release.root, tag="v1.0.0")
        yield url, release


def test_a_stranger_loads_every_config_by_its_tag(hub: tuple[str, Release], tmp_path: Path) -> None:
    url, release = hub
    found = as_client(url, tmp_path / "home", _LOAD % [config.value for config in release.configs])
    due = {
        config.value: {
            split: sum(release.manifest.files[release.name_of(path)].rows or 0 for path in release.files(config, split))
            for split in ("train", "validation", "test")
            if release.files(config, split)
        }
        for config in release.configs
    }
    assert found == due


@pytest.mark.parametrize("verb", ["validate", "verify"])
def test_a_verb_takes_a_repo_at_a_tag(hub: tuple[str, Release], tmp_path: Path, verb: str) -> None:
    url, _ = hub
    environ = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    done = ipm_prefdial(verb, "acme/prefs@v1.0.0", environ=environ)
    assert done.code == 0, done.out + done.err
    done = ipm_prefdial(verb, "acme/prefs@v9.9.9", environ=environ)
    assert done.code == 2
    assert "v9.9.9" in done.err


def test_an_audit_of_a_repo_is_printed_and_not_written(hub: tuple[str, Release], tmp_path: Path) -> None:
    url, release = hub
    environ = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    done = ipm_prefdial("audit", "acme/prefs@v1.0.0", "--json", "--sample", "50", environ=environ)
    assert done.code == 1, done.err  # a scripted model is told by its words
    audit = Audit.model_validate_json(done.out)
    assert (audit.subject.name, audit.subject.version) == ("acme/prefs", release.manifest.version)
    assert list((tmp_path / "home").rglob("audit.json")) == []


def test_a_folder_is_compared_with_a_repo(hub: tuple[str, Release], tmp_path: Path) -> None:
    url, release = hub
    environ = {"HF_ENDPOINT": url, "HF_HOME": str(tmp_path / "home"), "HF_HUB_DISABLE_XET": "1"}
    done = ipm_prefdial("diff", "acme/prefs@v1.0.0", release.root, "--json", environ=environ)
    told = json.loads(done.out)
    assert (told["needs"], told["reasons"]) == ("none", []), done.err

"""A release on the Hub: a stranger loads it with plain `datasets`, and the verbs take its name in place of a folder."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import ipm_prefdial
from support.hub import as_client, running_hub, upload
from support.releases import copy_release

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import Config

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
    found = as_client(url, tmp_path / "home", _LOAD % [config.value for config in Config])
    due = {
        config.value: {
            split: sum(release.manifest.files[release.name_of(path)].rows or 0 for path in release.files(config, split))
            for split in ("train", "validation", "test")
            if release.files(config, split)
        }
        for config in Config
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

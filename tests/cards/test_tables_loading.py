"""Every line of code that a card prints for loading works, also where tables are empty."""

import re
from pathlib import Path

import pytest
from support.cards import rendered
from support.releases import build_scripted, shared_release

from ipm_prefdial.builders.release.changelog import release_notes
from ipm_prefdial.cards.tables import load_line, loadable
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.manifest import Manifest


def emptied(config: Config, *splits: Split) -> Manifest:
    """The shared release's manifest with tables that have no rows."""
    manifest = shared_release().manifest
    gone = tuple(f"data/{config}/{split}-" for split in splits)
    files = {
        path: record.model_copy(update={"rows": 0}) if path.startswith(gone) else record
        for path, record in manifest.files.items()
    }
    return manifest.model_copy(update={"files": files})


def test_only_what_has_rows_is_loadable_and_the_default_comes_first() -> None:
    whole = loadable(shared_release().manifest)
    assert next(iter(whole)) is Config.RESPONSE
    assert whole[Config.COMPLETIONS] == (Split.TRAIN,)
    assert loadable(emptied(Config.RESPONSE, Split.TEST))[Config.RESPONSE] == (Split.TRAIN, Split.VALIDATION)
    assert Config.RESPONSE not in loadable(emptied(Config.RESPONSE, *Split))


def test_lines_are_of_what_can_be_loaded() -> None:
    manifest = emptied(Config.RESPONSE, *Split)
    assert (
        load_line("a/b", shared_release().manifest, revision="v1") == 'load_dataset("a/b", "response", revision="v1")'
    )
    line = load_line("a/b", manifest)
    assert line is not None and '"response"' not in line
    assert 'load_dataset("a/b", "response"' not in release_notes(manifest, None, "a/b")
    nothing = manifest.model_copy(update={"files": {}})
    assert load_line("a/b", nothing) is None


def test_a_card_loads_no_empty_table() -> None:
    card = rendered(emptied(Config.STRATEGY, *Split))
    assert '"strategy"' not in card
    assert "This config has no rows in this release" in card
    first = rendered(emptied(Config.RESPONSE, Split.TRAIN))
    assert '"response", split="validation"' in first and '"response", split="train"' not in first


def test_every_line_of_a_small_release_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_DATASETS_OFFLINE", "1")
    from datasets import load_dataset

    release = build_scripted(tmp_path / "small", limit=3)
    card = (release.root / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r'load_dataset\("[^"]+", "(\w+)"(?:, split="(\w+)")?', card)
    assert len(lines) > 6
    for config, split in lines:
        loaded = load_dataset(str(release.root), config, split=split or None, cache_dir=str(tmp_path / "cache"))
        assert loaded.num_rows if split else sum(loaded.num_rows.values()) > 0

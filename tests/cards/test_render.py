"""The card is a view of the manifest: every number comes from there, and whatever is missing is an error."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from datasets import Features, load_dataset_builder
from huggingface_hub import DatasetCard
from jinja2 import DictLoader, Environment, UndefinedError
from support.releases import SCRIPTED, shared_release

from ipm_prefdial.builders.finish import card_features
from ipm_prefdial.builders.release.columns import arrow_schema
from ipm_prefdial.builders.release.layout import splits_of
from ipm_prefdial.cards import render
from ipm_prefdial.cards.docs import member_docs
from ipm_prefdial.cards.render import render_card
from ipm_prefdial.schemas.config import PAIR_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.inference import Role, Task
from ipm_prefdial.schemas.licence import LICENCES
from ipm_prefdial.schemas.manifest import Manifest, ModelRecord
from ipm_prefdial.schemas.rows import CANDIDATE_CONFIGS, rows_of

ROLES = tuple(role for role in Role if role is not Role.REWRITER)
"""The roles that 1.0.0 has."""


@pytest.fixture(scope="module")
def features() -> dict[Config, Any]:
    return card_features(1)


@pytest.fixture
def manifest() -> Manifest:
    return shared_release().manifest


def _head(card: str) -> dict[str, Any]:
    first, head, _ = card.split("---\n", 2)
    assert first == ""
    loaded = yaml.safe_load(head)
    assert isinstance(loaded, dict)
    return loaded


def _table(card: str, first: str) -> dict[str, list[str]]:
    """The cells of the table whose head begins with `first`, by the first cell of each line."""
    lines = card.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {first} |"))
    rows = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, *cells = (cell.strip() for cell in line.strip().strip("|").split("|"))
        rows[name] = cells
    return rows


def test_card_of_a_release_is_its_manifest_rendered(manifest: Manifest, features: dict[Config, Any]) -> None:
    assert (shared_release().root / "README.md").read_text(encoding="utf-8") == render_card(manifest, features)


def test_nothing_of_the_template_is_left(manifest: Manifest, features: dict[Config, Any]) -> None:
    card = render_card(manifest, features)
    assert "{{" not in card.replace("{{DecoupledESC", "") and "{%" not in card
    assert "None" not in card and "Undefined" not in card


# Whatever is missing is an error


def _without(manifest: Manifest, field: str) -> Any:
    return SimpleNamespace(**{name: getattr(manifest, name) for name in Manifest.model_fields if name != field})


@pytest.mark.parametrize(
    "field", ["version", "spec", "spec_sha256", "sources", "models", "license", "counts", "usage", "files"]
)
def test_manifest_whose_field_has_another_name_is_an_error(
    manifest: Manifest, features: dict[Config, Any], field: str
) -> None:
    assert render_card(_without(manifest, "run"), features) == render_card(manifest, features)
    with pytest.raises((UndefinedError, AttributeError), match=field):
        render_card(_without(manifest, field), features)


def test_variable_that_is_not_given_is_an_error(
    manifest: Manifest, features: dict[Config, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = DictLoader({"dataset_card.md.jinja": "{{ pretty_name }} {{ no_such_thing }}"})
    monkeypatch.setattr(render, "PackageLoader", lambda *args: loader)
    with pytest.raises(UndefinedError, match="no_such_thing"):
        render_card(manifest, features)


def test_every_variable_of_the_template_is_given(manifest: Manifest, features: dict[Config, Any]) -> None:
    """Also of the parts that this release does not show."""
    from jinja2 import meta

    text = (Path(render.__file__).parent / "dataset_card.md.jinja").read_text(encoding="utf-8")
    wanted = meta.find_undeclared_variables(Environment().parse(text))
    given = set(re.findall(r"^        (\w+)=", Path(render.__file__).read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert wanted <= given


def test_missing_features_are_an_error(manifest: Manifest, features: dict[Config, Any]) -> None:
    with pytest.raises(KeyError, match="joint"):
        render_card(manifest, {config: value for config, value in features.items() if config is not Config.JOINT})


# Front matter


def test_front_matter_says_what_the_hub_asks_for(manifest: Manifest, features: dict[Config, Any]) -> None:
    head = _head(render_card(manifest, features))
    assert head["license"] == manifest.license == "cc-by-4.0"
    assert "license_name" not in head
    assert head["language"] == ["en"]
    assert head["task_categories"] == ["text-generation"]
    assert {"trl", "preference", "dpo", "synthetic"} <= set(head["tags"])
    rows = sum(record.rows or 0 for record in manifest.files.values())
    assert 1_000 <= rows < 10_000
    assert head["size_categories"] == ["1K<n<10K"]


def test_configs_list_every_split_and_one_default(manifest: Manifest, features: dict[Config, Any]) -> None:
    configs = {one["config_name"]: one for one in _head(render_card(manifest, features))["configs"]}
    assert set(configs) == {config.value for config in rows_of(1)}
    assert [name for name, one in configs.items() if one.get("default")] == ["response"]
    for config in rows_of(1):
        paths = {part["split"]: part["path"] for part in configs[config]["data_files"]}
        assert paths == {split.value: f"data/{config}/{split}-*.parquet" for split in splits_of(config)}


def test_dataset_info_counts_what_the_manifest_counts(manifest: Manifest, features: dict[Config, Any]) -> None:
    infos = {one["config_name"]: one for one in _head(render_card(manifest, features))["dataset_info"]}
    assert set(infos) == {config.value for config in rows_of(1)}
    for config, info in infos.items():
        for split in info["splits"]:
            record = manifest.files[f"data/{config}/{split['name']}-00000-of-00001.parquet"]
            assert (split["num_examples"], split["num_bytes"]) == (record.rows, record.bytes)
        assert info["download_size"] == sum(split["num_bytes"] for split in info["splits"])


@pytest.mark.parametrize("config", rows_of(1))
def test_datasets_reads_the_card(config: Config) -> None:
    info = load_dataset_builder(str(shared_release().root), config.value).info
    assert info.features == Features.from_arrow_schema(arrow_schema(config, 1))
    assert {name: split.num_examples for name, split in info.splits.items()} == {
        split.value: sum(1 for _ in shared_release().rows(config, split)) for split in splits_of(config)
    }


def test_huggingface_hub_reads_the_card(manifest: Manifest, features: dict[Config, Any]) -> None:
    card = DatasetCard(render_card(manifest, features))
    assert card.data.license == "cc-by-4.0"
    assert card.data.pretty_name == "IPM-PrefDial"


# Numbers


def test_rows_and_drops_in_the_card_are_those_of_the_manifest(manifest: Manifest, features: dict[Config, Any]) -> None:
    table = _table(render_card(manifest, features), "config")
    assert set(table) == {f"`{config}`" + (" (default)" if config is Config.RESPONSE else "") for config in rows_of(1)}
    for config in CANDIDATE_CONFIGS:
        counts = manifest.counts[config]
        candidates, *rows, dropped, about = next(
            cells for name, cells in table.items() if name.startswith(f"`{config}`")
        )
        assert [int(number) for number in rows] == [counts.rows[split] for split in Split]
        assert (int(candidates), int(dropped)) == (counts.candidates, sum(counts.dropped.values()))
        assert about
    completions = manifest.files["data/completions/train-00000-of-00001.parquet"].rows
    assert table["`completions`"][:5] == ["–", str(completions), "–", "–", "–"]


def test_drops_by_reason_are_those_of_the_manifest(manifest: Manifest, features: dict[Config, Any]) -> None:
    table = _table(render_card(manifest, features), "reason")
    due = {
        f"`{reason}`": [str(manifest.counts[config].dropped.get(reason, 0)) for config in PAIR_CONFIGS]
        for reason in DropReason
        if any(manifest.counts[config].dropped.get(reason) for config in PAIR_CONFIGS)
    }
    assert {name: cells[:3] for name, cells in table.items()} == due
    assert all(len(cells) == 4 and cells[3].endswith(".") for cells in table.values())


def test_calls_and_sampling_are_those_of_the_manifest(manifest: Manifest, features: dict[Config, Any]) -> None:
    table = _table(render_card(manifest, features), "role")
    for role in ROLES:
        how, usage = manifest.spec.inference(Task(role.value)), manifest.usage[role]
        assert table[role] == [
            "`scripted#r1`",
            f"`{how.prompt}`",
            str(how.draws),
            str(how.sampling.temperature),
            str(how.sampling.top_p),
            str(usage.calls),
            str(usage.failed),
        ]


def test_sources_are_those_of_the_manifest(manifest: Manifest, features: dict[Config, Any]) -> None:
    (source,) = manifest.sources
    skipped = source.model_copy(
        update={"skipped": {"empty_dialogue": 3, "wrong_shape": 1}, "revision": "0123456789abcdef"}
    )
    card = render_card(manifest.model_copy(update={"sources": (skipped,)}), features)
    assert _table(card, "source") == {
        "sample at `0123456789ab`": [
            "50",
            "731",
            "3 empty dialogue, 1 wrong shape",
            "cc-by-4.0",
            f"`{source.sha256[:16]}…`",
        ]
    }
    assert _table(render_card(manifest, features), "source")["sample"][2] == "none"


def test_every_number_follows_the_manifest(manifest: Manifest, features: dict[Config, Any]) -> None:
    """Numbers that stand nowhere else are put into the manifest and must come out."""
    usage = {
        role: manifest.usage[role].model_copy(update={"calls": 70_001 + n, "failed": 80_001 + n})
        for n, role in enumerate(ROLES)
    }
    counts = {
        config: manifest.counts[config].model_copy(
            update={"candidates": 90_001 + n, "dropped": {DropReason.CUT_OFF: 60_001 + n}}
        )
        for n, config in enumerate(CANDIDATE_CONFIGS)
    }
    card = render_card(manifest.model_copy(update={"usage": usage, "counts": counts}), features)
    for number in range(4):
        assert str(70_001 + number) in card and str(80_001 + number) in card
    for number in range(6):
        assert str(90_001 + number) in card and str(60_001 + number) in card


# What the card says in words


@pytest.mark.parametrize("license_id", LICENCES)
def test_licence_is_named_as_the_hub_spells_it(
    manifest: Manifest, features: dict[Config, Any], license_id: str
) -> None:
    card = render_card(manifest.model_copy(update={"license": license_id}), features)
    head = _head(card)
    if license_id in ("unknown", "academic-only"):
        assert (head["license"], head["license_name"], head["license_link"]) == ("other", license_id, "LICENSE")
    else:
        assert head["license"] == license_id
    assert f"This release is under **{LICENCES[license_id].name}**" in card


def test_unknown_licence_is_warned_of_and_only_that(manifest: Manifest, features: dict[Config, Any]) -> None:
    warning = "**must not be passed on** before its licence is known"
    assert warning in " ".join(render_card(manifest.model_copy(update={"license": "unknown"}), features).split())
    assert warning not in " ".join(render_card(manifest, features).split())


def test_embedded_models_are_told_with_their_roles(manifest: Manifest, features: dict[Config, Any]) -> None:
    corpus = ModelRecord(ref=SCRIPTED, kind="corpus", facts={"accuracy": 0.3121})
    models = {**manifest.models, Role.PLANNER: (corpus,), Role.JUDGE: (corpus,)}
    card = render_card(manifest.model_copy(update={"models": models}), features)
    note = "> **Made without a language model.** The planner and judge came from the embedded `corpus` models"
    assert note in card
    facts = card.partition("### What is measured of the models")[2].partition("\n## ")[0].split("\n")
    assert [line for line in facts if line] == [
        f"- {role} `scripted#r1`, accuracy: 0.312" for role in ("planner", "judge")
    ]
    plain = render_card(manifest, features)
    assert "corpus` models" not in plain
    assert "What is measured of the models" not in plain


def test_rejected_side_is_warned_of_before_anything_is_loaded(manifest: Manifest, features: dict[Config, Any]) -> None:
    card = render_card(manifest, features)
    assert 0 < card.index("**The rejected side is harmful by design.**") < card.index("load_dataset(")


def test_name_and_version_to_load_are_those_given(manifest: Manifest, features: dict[Config, Any]) -> None:
    card = render_card(manifest, features, repo="lab/Data")
    assert 'load_dataset("lab/Data", "response", split="train", revision="v1.0.0")' in card
    assert "ORG/" not in card


def test_every_drop_reason_and_error_has_words_for_the_card() -> None:
    assert set(member_docs(DropReason)) == set(DropReason.__members__)
    assert set(member_docs(ErrorType)) == set(ErrorType.__members__)
    assert member_docs(DropReason)["CUT_OFF"] == "The reply ran into the token limit."


@pytest.mark.parametrize(
    ("rows", "due"), [(999, "n<1K"), (1_000, "1K<n<10K"), (99_999, "10K<n<100K"), (100_000, "100K<n<1M")]
)
def test_size_category_goes_by_the_rows_of_all_tables(
    manifest: Manifest, features: dict[Config, Any], rows: int, due: str
) -> None:
    files = {name: record.model_copy(update={"rows": 0}) for name, record in manifest.files.items()}
    files["data/joint/train-00000-of-00001.parquet"] = files["data/joint/train-00000-of-00001.parquet"].model_copy(
        update={"rows": rows}
    )
    assert _head(render_card(manifest.model_copy(update={"files": files}), features))["size_categories"] == [due]


def test_release_of_a_million_rows_has_a_size_that_the_hub_knows(
    manifest: Manifest, features: dict[Config, Any]
) -> None:
    files = {name: record.model_copy(update={"rows": 1_000_000 // 25 + 1}) for name, record in manifest.files.items()}
    (size,) = _head(render_card(manifest.model_copy(update={"files": files}), features))["size_categories"]
    assert size in ("1M<n<10M", "n>1M")

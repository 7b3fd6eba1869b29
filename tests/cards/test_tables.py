"""Every number in the card's tables is the manifest's."""

import pytest
from support.cards import rendered, shared_features, table_of
from support.releases import shared_release

from ipm_prefdial.builders.release.card_context import card_context_of, count_crises
from ipm_prefdial.cards.columns import member_docs
from ipm_prefdial.cards.tables import config_lines
from ipm_prefdial.schemas.config import PAIR_CONFIGS
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.inference import Role, Task
from ipm_prefdial.schemas.manifest import Manifest
from ipm_prefdial.schemas.rows import CANDIDATE_CONFIGS, rows_of

RELEASES = ("1.0.0", "2.0.0", "2.1.0")


@pytest.fixture
def manifest() -> Manifest:
    """Of the shared scripted release."""
    return shared_release().manifest


@pytest.mark.parametrize("release", RELEASES)
def test_rows_and_drops_are_those_of_the_manifest(release: str) -> None:
    manifest = shared_release(release).manifest
    table = table_of(rendered(release=release), "config")
    assert {name.partition(" ")[0].strip("`") for name in table} == {
        config.value for config in rows_of(manifest.spec.layout)
    }
    for config in CANDIDATE_CONFIGS:
        counts = manifest.counts[config]
        candidates, *rows, dropped, about = table[f"`{config}`" + (" (default)" if config == "response" else "")]
        assert [int(number) for number in rows] == [counts.rows[split] for split in Split]
        assert (int(candidates), int(dropped)) == (counts.candidates, sum(counts.dropped.values()))
        assert about
    completions = manifest.files["data/completions/train-00000-of-00001.parquet"].rows
    assert table["`completions`"][:5] == ["–", str(completions), "–", "–", "–"]


@pytest.mark.parametrize("release", RELEASES)
def test_drops_by_reason_are_those_of_the_manifest(release: str) -> None:
    shared = shared_release(
        release, None if release == "1.0.0" else 30
    )  # the first dialogue held out unread is the 23rd
    root, manifest = shared.root, shared.manifest
    crises = count_crises(root, manifest)
    table = table_of(rendered(manifest, card_context_of(root, manifest)), "reason")
    dropped = [manifest.counts[config].dropped for config in PAIR_CONFIGS]
    if crises is not None:
        # The rows of these layouts say `crisis` also where a judge could not be read; the card tells them apart.
        dropped = [crises.split_unread(config, manifest.counts[config].dropped) for config in PAIR_CONFIGS]
        assert crises.unread and all(one[DropReason.CRISIS_UNREAD] for one in dropped)
    due = {
        f"`{reason}`": [str(one.get(reason, 0)) for one in dropped]
        for reason in DropReason
        if any(one.get(reason) for one in dropped)
    }
    assert {name: cells[:3] for name, cells in table.items()} == due
    assert all(len(cells) == 4 and cells[3].endswith(".") for cells in table.values())


@pytest.mark.parametrize("release", RELEASES)
def test_calls_and_sampling_are_those_of_the_manifest(release: str) -> None:
    manifest = shared_release(release).manifest
    table = table_of(rendered(release=release), "role")
    told = [task for task in Task if manifest.spec.inference(task) is not None and task.role in manifest.usage]
    assert list(table) == [task.value.replace("_", " ") for task in told]
    for task in told:
        how, usage = manifest.spec.inference(task), manifest.usage[task.role]
        assert how is not None
        calls = [str(usage.calls), str(usage.failed)] if task.value == task.role.value else ["–", "–"]
        assert table[task.value.replace("_", " ")] == [
            ", ".join(f"`{record.ref}`" for record in manifest.models[task.role]),
            f"`{how.prompt}`",
            str(how.draws),
            str(how.sampling.temperature),
            str(how.sampling.top_p),
            *calls,
        ]


def test_sources_are_those_of_the_manifest(manifest: Manifest) -> None:
    (source,) = manifest.sources
    skipped = source.model_copy(
        update={"skipped": {"empty_dialogue": 3, "wrong_shape": 1}, "revision": "0123456789abcdef"}
    )
    assert table_of(rendered(manifest.model_copy(update={"sources": (skipped,)})), "source") == {
        "sample at `0123456789ab`": [
            "50",
            "731",
            "3 empty dialogue, 1 wrong shape",
            "cc-by-4.0",
            f"`{source.sha256[:16]}…`",
        ]
    }
    assert table_of(rendered(), "source")["sample"][2] == "none"


def test_every_number_follows_the_manifest(manifest: Manifest) -> None:
    """Numbers that stand nowhere else are put into the manifest and must come out."""
    roles = [role for role in Role if role in manifest.usage]
    usage = {
        role: manifest.usage[role].model_copy(update={"calls": 70_001 + n, "failed": 80_001 + n})
        for n, role in enumerate(roles)
    }
    counts = {
        config: manifest.counts[config].model_copy(
            update={"candidates": 90_001 + n, "dropped": {DropReason.CUT_OFF: 60_001 + n}}
        )
        for n, config in enumerate(CANDIDATE_CONFIGS)
    }
    card = rendered(manifest.model_copy(update={"usage": usage, "counts": counts}))
    for number in range(4):
        assert str(70_001 + number) in card and str(80_001 + number) in card
    for number in range(6):
        assert str(90_001 + number) in card and str(60_001 + number) in card


@pytest.mark.parametrize("release", RELEASES)
def test_every_config_has_its_columns_and_a_line_that_loads_it(release: str) -> None:
    manifest, card = shared_release(release).manifest, rendered(release=release)
    for line in config_lines(manifest, shared_features(manifest.spec.layout)):
        part = card.partition(f"<summary><code>{line['name']}</code>")[2].partition("</details>")[0]
        assert f'load_dataset("ORG/IPM-PrefDial", "{line["name"]}", revision="v{release}")' in part
        assert [name.strip("`") for name in table_of(part, "column")] == [one["name"] for one in line["columns"]]


def test_every_drop_reason_and_error_has_words_for_the_card() -> None:
    assert set(member_docs(DropReason)) == set(DropReason.__members__)
    assert set(member_docs(ErrorType)) == set(ErrorType.__members__)
    assert member_docs(DropReason)["CUT_OFF"] == "The reply ran into the token limit."

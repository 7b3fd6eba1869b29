"""The card's YAML is checked against the files before the Hub sees it."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from ipm_prefdial.builders.publishing._plan import read_front_matter
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.errors import DataError

Card = dict[str, Any]


def change_card(release: Release, change: Callable[[Card], Any]) -> None:
    """Lets `change` alter the card's YAML in place."""
    path = release.root / "README.md"
    _, text, rest = path.read_text(encoding="utf-8").split("---\n", 2)
    card = yaml.safe_load(text)
    change(card)
    path.write_text(f"---\n{yaml.safe_dump(card, sort_keys=False)}---\n{rest}", encoding="utf-8")


def config(card: Card, name: str) -> Card:
    """One of its configs."""
    found: Card = next(one for one in card["configs"] if one["config_name"] == name)
    return found


def test_a_card_as_we_write_it_is_sound(first: Release, second: Release) -> None:
    for release in (first, second):
        front = read_front_matter(release)
        assert front.default_config == "response"
        assert "data/response/train-*.parquet" in front.patterns
    change_card(first, lambda card: None)
    read_front_matter(first)


WRONG: dict[str, tuple[Callable[[Card], Any], str]] = {
    "licence": (lambda card: card.update(license="mit"), "license: it says mit"),
    "no licence": (lambda card: card.pop("license"), "its form is not that of a dataset card"),
    "a language that YAML takes for no": (
        lambda card: card.update(language=[False]),
        "language: not a list of strings",
    ),
    "a config twice": (lambda card: card["configs"].append(card["configs"][0]), "names must be unique"),
    "two defaults": (lambda card: config(card, "joint").update(default=True), "one of them the default"),
    "a config too few": (lambda card: card["configs"].pop(), "configs: it names"),
    "another's files": (
        lambda card: config(card, "response")["data_files"][0].update(path="data/joint/train-*.parquet"),
        "response would read data/joint/train",
    ),
    "a split's files": (
        lambda card: config(card, "response")["data_files"][0].update(split="test"),
        "response does not read data/response/train",
    ),
    "no files": (lambda card: config(card, "response").update(data_files=[]), "response does not read"),
    "rows": (
        lambda card: card["dataset_info"][0]["splits"][0].update(num_examples=61_966),
        "dataset_info: response: train: 61966 rows, not 16",
    ),
    "no rows of a config": (lambda card: card["dataset_info"].pop(), "it does not tell of the same configs"),
    "no rows of a split": (
        lambda card: card["dataset_info"][0]["splits"].pop(0),
        "dataset_info: response: it does not tell of train",
    ),
}


@pytest.mark.parametrize(("change", "told"), WRONG.values(), ids=WRONG.keys())
def test_a_card_that_is_not_of_these_files_is_told(first: Release, change: Callable[[Card], Any], told: str) -> None:
    change_card(first, change)
    with pytest.raises(DataError) as refused:
        read_front_matter(first)
    assert told in str(refused.value)
    assert "`ipm-prefdial card" in str(refused.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("# Data\n", "does not begin with YAML"),
        ("---\n- a\n---\n", "does not begin"),
        ("---\na: [\n---\n", "cannot be read"),
        ("---\na: 2024-13-45\n---\n", "cannot be read"),
        pytest.param(f"---\n{'[' * 5000}\n---\n", "cannot be read", id="deep"),
    ],
)
def test_a_card_without_yaml_is_told(first: Release, text: str, told: str) -> None:
    (first.root / "README.md").write_text(text)
    with pytest.raises(DataError, match=told):
        read_front_matter(first)

"""The model card is a view of the run's record: it links the data by its tag, and what is undefined is an error."""

import pytest
import yaml
from jinja2 import UndefinedError

from ipm_prefdial.recipes.catalogue import TrainingStage, TrainingTask
from ipm_prefdial.recipes.data.fit import RowCounts
from ipm_prefdial.recipes.runs.environment import Environment
from ipm_prefdial.recipes.runs.record import RANDOM, DataRecord, StartRecord, TrainingRecord
from ipm_prefdial.recipes.train.outputs import render_model_card
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.licence import LICENCES

DATA = DataRecord(
    name="acme/prefs",
    repo="acme/prefs",
    revision="v1.0.0",
    version="1.0.0",
    manifest_sha256="ab" * 32,
    license="cc-by-nc-4.0",
    config=Config.STRATEGY,
)
RUN = TrainingRecord(
    state="done",
    recipe="qwen2.5-7b-instruct-lora/planner/dpo",
    task=TrainingTask.PLANNER,
    stage=TrainingStage.DPO,
    base_model="Qwen/Qwen2.5-7B-Instruct",
    adapter=True,
    base_revision="a09a35458c702b33eeacc393d103063234e8bc28",
    settings={"beta": 0.1, "loss_type": ["sigmoid"]},
    seed=42,
    data=DATA,
    start=StartRecord(name="qwen2.5-7b-instruct-lora/planner/sft", run_sha256="cd" * 32, data=DATA),
    rows={Split.TRAIN: RowCounts(available=120, read=100, used=98, cut=7, turns_cut=21, dropped=2)},
    environment=Environment(
        python="CPython 3.11.7",
        platform="Linux x86_64",
        device="a GPU",
        processes=1,
        cuda="13.0",
        packages={},
        git=None,
    ),
    steps=31,
    wall_s=12.5,
    results={"loss": 0.43, "eval_loss": 0.51, "eval_rewards/accuracies": 0.71, "grad_norm": 1.0},
)


def test_card_links_the_release_by_its_tag() -> None:
    card = render_model_card(RUN, picture=True)
    assert "[acme/prefs at v1.0.0](https://huggingface.co/datasets/acme/prefs/tree/v1.0.0), config `strategy`" in card
    assert f"`sha256:{'ab' * 32}`" in card
    front = yaml.safe_load(card.split("---")[1])
    assert front["datasets"] == ["acme/prefs"]
    assert front["base_model"] == "Qwen/Qwen2.5-7B-Instruct"
    assert front["library_name"] == "peft"
    assert "license" not in front, "the model's licence is not the data's alone, and not ours to state"


def test_card_says_what_it_is_and_is_not() -> None:
    card = render_model_card(RUN, picture=True)
    assert "not for counselling" in card
    assert "harmful by design" in card
    assert f"under **{LICENCES['cc-by-nc-4.0'].name}**" in card
    assert "| train | 120 | 100 | 98 | 7 | 21 | 2 |" in card
    assert "| eval_rewards/accuracies | 0.71 |" in card
    assert "grad_norm" not in card
    assert "curves.png" in card
    assert "curves.png" not in render_model_card(RUN, picture=False)


def test_card_of_random_weights_says_so() -> None:
    data = DATA.model_copy(update={"repo": None, "name": "release", "revision": None})
    run = RUN.model_copy(update={"base_model": RANDOM, "base_revision": None, "start": None, "data": data})
    card = render_model_card(run, picture=False)
    assert "from random weights" in card
    assert "release 1.0.0 of `release`" in card
    assert "base_model" not in card.split("---")[1]
    assert "starts from" not in card


def test_card_says_what_was_chosen_of_the_data() -> None:
    chosen = {"dialogues": 7, "dialogues_sha256": "ef" * 32}
    several = {"repo": None, "name": "fold-1 + fold-2", "revision": None}
    card = render_model_card(RUN.model_copy(update={"data": DATA.model_copy(update=chosen)}), picture=False)
    assert "tree/v1.0.0), only rows of 7 selected dialogues, config `strategy`" in card
    card = render_model_card(RUN.model_copy(update={"data": DATA.model_copy(update=several)}), picture=False)
    assert "| data | release 1.0.0 of `fold-1 + fold-2`, config" in card


def test_undefined_name_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render_model_card(
            TrainingRecord.model_construct(**{**dict(RUN), "rows": {Split.TRAIN: object()}}), picture=False
        )


@pytest.mark.parametrize("picture", [True, False])
def test_every_table_is_one(picture: bool) -> None:
    """Markdown ends a table at a blank line: a row behind one would be a line of bars."""
    blocks = [block.splitlines() for block in render_model_card(RUN, picture=picture).split("\n\n")]
    tables = [block for block in blocks if any(line.startswith("|") for line in block)]
    assert len(tables) == 4
    for head, rule, *rows in tables:
        assert set(rule) == {"|", "-"}
        assert rows
        assert {line.count("|") for line in (head, *rows)} == {rule.count("|")}

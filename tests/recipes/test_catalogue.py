"""Recipes are found by name, and every one of them is what its place says."""

import json
import re
from pathlib import Path

import pytest

from ipm_prefdial.recipes.catalogue import TrainingStage, TrainingTask, configs_of, find_recipe, recipe_names, stages_of
from ipm_prefdial.schemas.config import PAIR_CONFIGS, REASONING_CONFIGS, SFT_CONFIGS
from ipm_prefdial.schemas.errors import UsageError

PUBLISHED = json.loads((Path(__file__).parent / "recipe_settings.json").read_text())
"""The settings of each recipe, as they stood when each was a file of its own; a new recipe needs no line here."""

MODELS = sorted({name.split("/")[0] for name in recipe_names()})
SYSTEMS = (TrainingTask.PLANNER, TrainingTask.RESPONDER, TrainingTask.JOINT)
"""The tasks of the systems that are compared with one another."""


@pytest.mark.parametrize("name", PUBLISHED)
def test_settings_are_those_that_were_published(name: str) -> None:
    assert json.loads(json.dumps(find_recipe(name).settings)) == PUBLISHED[name]


def test_a_task_of_a_model_has_all_its_stages() -> None:
    tasks = {name.rpartition("/")[0] for name in recipe_names()}
    due = [f"{task}/{stage}" for task in tasks for stage in stages_of(TrainingTask(task.split("/")[1]))]
    assert recipe_names() == sorted(due)
    assert {f"{model}/{task}" for model in MODELS for task in SYSTEMS} <= tasks


@pytest.mark.parametrize("name", recipe_names())
def test_shown_text_works_as_a_file_of_ones_own(name: str, tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(find_recipe(name).text)
    assert find_recipe(str(mine)).settings == find_recipe(name).settings


@pytest.mark.parametrize("name", recipe_names())
def test_recipe_is_what_its_place_says(name: str) -> None:
    recipe = find_recipe(name)
    _, task, stage = name.split("/")
    assert (recipe.name, recipe.task, recipe.stage) == (name, task, stage)
    assert recipe.settings["needs"]
    for config in configs_of(recipe.task, recipe.stage):
        assert re.search(rf"config {config}\b", recipe.text)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("stage", [TrainingStage.SFT, TrainingStage.DPO])
def test_tasks_of_a_model_are_trained_alike(model: str, stage: TrainingStage) -> None:
    """Otherwise a difference between the decoupled and the joint system could be one of their settings."""
    planner, *others = (find_recipe(f"{model}/{task}/{stage}").settings for task in SYSTEMS)
    for other in others:
        assert {**other, "task": ""} == {**planner, "task": ""}


@pytest.mark.parametrize("name", recipe_names())
def test_what_is_not_the_papers_is_marked_ours(name: str) -> None:
    """All but what a recipe is, the paper's model, and what the paper states: the loss is on the answer."""
    stated = ("task", "stage", "needs", "model_name_or_path", "completion_only_loss", "padding_token")
    lines = [line for line in find_recipe(name).text.splitlines() if line and not line.startswith("#")]
    unmarked = [line for line in lines if "# ours" not in line and line.split(":")[0] not in stated]
    assert unmarked == []


def test_pretrained_models_are_pinned() -> None:
    for name in recipe_names():
        settings = find_recipe(name).settings
        if "model_name_or_path" in settings:
            assert len(settings["model_revision"]) == 40, name


def test_stages_train_on_the_configs_that_belong_to_them() -> None:
    assert tuple(config for task in SYSTEMS for config in configs_of(task, TrainingStage.DPO)) == PAIR_CONFIGS
    assert tuple(config for task in SYSTEMS for config in configs_of(task, TrainingStage.SFT)) == SFT_CONFIGS
    reasoning = (
        *configs_of(TrainingTask.REASONER, TrainingStage.SFT),
        *configs_of(TrainingTask.REWARD, TrainingStage.REWARD),
    )
    assert reasoning == REASONING_CONFIGS
    assert configs_of(TrainingTask.REASONER, TrainingStage.GRPO) == configs_of(TrainingTask.REASONER, TrainingStage.SFT)


def test_unknown_recipe_is_told_with_what_is_near() -> None:
    with pytest.raises(UsageError, match="did you mean tiny/planner/sft"):
        find_recipe("tiny/planer/sft")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "not a mapping"),
        ("- a\n", "not a mapping"),
        ("stage: sft\n", "task: None is none of planner, responder, joint, reasoner, reward"),
        ("task: planner\nstage: rl\n", "stage: 'rl' is none of sft, dpo, grpo, reward"),
        ("task: planner\nstage: grpo\n", "task planner is trained by sft or dpo, not grpo"),
        ("task: reward\nstage: sft\n", "task reward is trained by reward, not sft"),
        ("task: [planner]\nstage: sft\n", "task"),
        ("task: {\n", "no recipe"),
    ],
)
def test_own_file_that_is_no_recipe(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UsageError, match=told) as error:
        find_recipe(str(path))
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_own_file_that_is_not_there() -> None:
    with pytest.raises(UsageError, match=r"nowhere\.yaml: no recipe"):
        find_recipe("nowhere.yaml")


def test_own_file_is_a_recipe(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("task: joint\nstage: dpo\nbeta: 0.3\n")
    recipe = find_recipe(str(path))
    assert (recipe.name, recipe.task, recipe.settings["beta"]) == ("mine", TrainingTask.JOINT, 0.3)

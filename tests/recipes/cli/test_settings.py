"""Values of `--set` are what their words say."""

from pathlib import Path
from typing import Any

import pytest
from support.command import ipm_prefdial

from ipm_prefdial.recipes.catalogue import TrainingStage, TrainingTask
from ipm_prefdial.recipes.cli.study import _setting
from ipm_prefdial.recipes.runs.arguments import read_settings
from ipm_prefdial.recipes.study.options import Setting
from ipm_prefdial.schemas.errors import UsageError


@pytest.mark.parametrize(
    ("value", "read"),
    [("no", "no"), ("Off", "Off"), ("yes", "yes"), ("false", False), ("2", 2), ("1.0e-4", 1e-4)],
)
def test_words_that_yaml_takes_for_truth_values_stay_words(value: str, read: Any) -> None:
    """`eval_strategy=no` is what a message of ours tells people to set."""
    assert list(read_settings([f"eval_strategy={value}"])) == [("eval_strategy", read)]


@pytest.mark.parametrize("name", ["planner.responder.beta", "sft.dpo.beta", "planner.sft.dpo.beta"])
def test_a_setting_names_at_most_one_task_and_one_stage(name: str) -> None:
    with pytest.raises(UsageError, match="a task and a stage"):
        _setting(name, 1)
    assert _setting("planner.sft.beta", 1) == Setting("beta", 1, TrainingTask.PLANNER, TrainingStage.SFT)


def test_one_seed_is_a_number_of_seeds(tmp_path: Path) -> None:
    data, out = tmp_path / "nowhere", tmp_path / "out"
    words = ("recipe", "run", "validate-release", "--data", data, "--out", out, "--scale", "tiny")
    assert "nowhere" in ipm_prefdial(*words, "--seeds", "1").err
    assert "--seeds: a whole number above 0" in ipm_prefdial(*words, "--seeds", "0").err

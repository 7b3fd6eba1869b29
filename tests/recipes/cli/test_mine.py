"""`ipm-prefdial recipe run mine`, as far as its words go."""

import argparse
from pathlib import Path

import pytest
from support.command import ipm_prefdial

from ipm_prefdial.recipes.catalogue import TrainingStage
from ipm_prefdial.recipes.cli import loop as mine
from ipm_prefdial.recipes.cli.recipe import refuse_foreign
from ipm_prefdial.schemas.errors import UsageError


def _parsed(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    mine.add_options(parser.add_argument_group())
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("tiny/planner/sft", "--rounds", "2"), "--rounds is an option of `recipe run mine`, not of tiny/planner/sft"),
        (("tiny/planner/sft", "--judge", "corpus"), "--judge is an option of `recipe run mine`"),
        (("mine", "--set", "ppo.beta=1"), "before a dot stands sft or dpo"),
        (("mine", "--set", "beta"), "is not of the form NAME=VALUE"),
        (("mine", "--model", "huge"), "no recipes of 'huge'"),
        (("mine",), "nowhere: no such folder"),
    ],
)
def test_wrong_use_is_one_line(given: tuple[str, ...], told: str, tmp_path: Path) -> None:
    done = ipm_prefdial("recipe", "run", *given, "--data", "nowhere", "--out", tmp_path / "out")
    assert done.code == 2, done.err
    (line,) = done.err.splitlines()
    assert told in line
    assert not (tmp_path / "out").exists()


def test_option_of_the_workflow_itself_is_not_foreign() -> None:
    refuse_foreign((mine,), _parsed("mine", "--rounds", "3"))
    refuse_foreign((mine,), _parsed("tiny/planner/sft"))
    with pytest.raises(UsageError, match="--server-timeout"):
        refuse_foreign((mine,), _parsed("tiny/planner/sft", "--server-timeout", "3"))


def test_settings_of_one_stage_go_before_those_of_both() -> None:
    found = mine._by_stage(["sft.max_steps=3", "max_steps=9", "dpo.beta=0.2", 'eval_strategy="no"', "loss_type=[a, b]"])
    common = {"eval_strategy": "no", "loss_type": ["a", "b"]}
    assert found == {
        TrainingStage.SFT: {"max_steps": 3, **common},
        TrainingStage.DPO: {"max_steps": 9, "beta": 0.2, **common},
    }


def test_workflow_is_shown() -> None:
    done = ipm_prefdial("recipe", "show", "mine")
    assert (done.code, done.out) == (0, f"{mine.ABOUT}; see `recipe run --help`\n")
    assert mine.ABOUT in ipm_prefdial("recipe", "list").out

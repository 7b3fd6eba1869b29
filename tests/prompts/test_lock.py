"""A released prompt is never edited. If a test here is red, restore the file and write a new `@n` instead."""

import hashlib
from pathlib import Path

from ipm_prefdial.builders.releases import load_release, versions
from ipm_prefdial.prompts.library import load_prompt, locked
from ipm_prefdial.schemas.inference import Task
from ipm_prefdial.schemas.spec import Inference

_FOLDER = Path(__file__).parents[2] / "prompts"

# Written down a second time, so that a prompt and its line in the lock cannot be changed together unnoticed.
_RELEASED = {
    "joint/strategy_then_reply@1": "3491370844ec9dbadd30c1b6b1b7e7d69a08d21e150ccd1d2de158e9aae0fd69",
    "judge/compare_replies@1": "7779f323a80103cfdb805ecf7f3dbad8cba54f5f70fc1180f0d1669d0b6729e7",
    "judge/compare_strategies@1": "ccc29523a5f4fba9d6ad041978cbd149dff7ede52aeea4f3642540ea833ac801",
    "judge/crisis@1": "b1b43087bf38fc5ca504e7f9f5778bd04bf485cb84616695f1abd71a45196e23",
    "judge/five_errors@1": "e692b96fe9926be2b1835fadfb955a626b929bb3545fe9f9a3ae65bba69af976",
    "judge/five_errors_beside_human@1": "ee01169ad9f0c5cd5bab2b54145052f819c9419f5f80dc24ca3563fa07c8e336",
    "judge/five_grades@1": "0ec9ea4b9a8607eeb06f6070d99d87daabc59cefc73359482b9c2d769cdaef3d",
    "judge/five_grades_beside_human@1": "2ad4d013b19830043ad1197d9082ef8a5b243738edc9c7933a6f777a5e96fa4b",
    "judge/four_grades@1": "606ad46750bfcc3936469bc3bcd533f4a6cf7322e3d6f1842478248a7afbb916",
    "judge/four_grades_beside_human@1": "7c2a32a3ce7b98f184cc1aaf664933e7583240a46578476cac080c324082eb74",
    "judge/four_steps@1": "7de2f6db2cebb87fbcfb8c62a9bdfa54a474cb0de9fc103c4912b17734381d7a",
    "judge/same_support@1": "1a478460121e36188718e7141e6c845ccc44180335a9efba3387e51b93f76ef7",
    "judge/three_errors@1": "11e13ac63dfd620fb3ee9489c2ed22f0bbe52b92f6c02a6d562a5aa8a6779cb0",
    "planner/next_strategy@1": "4ba8fbd3126d59b2c94ada9374b1d6a74c64402e22d048afe34d95e764687b8a",
    "reasoner/infer_trace@1": "0eec9444efb5df37813747ab504bc9b102e3bc5f4524883764e793459b402cea",
    "reasoner/write_trace@1": "55d9558d14f15a33ca345716526746cd70defc3d202b430b5b513241d62c94d4",
    "responder/given_strategy@1": "25197a7025526776d4c15d07fbe7df84b4108e797998dfa9be0e5d9f63e19ae8",
    "rewriter/same_strategy@1": "b94ab388bf198d3967bdb276f7aaddc28db739611342c65eb1980c51154a4a65",
    "stylist/big_five@1": "90cfc8f9ee062ccc65d6b36042f5de61640a940f226ee1baf2ccec472cc0f5d6",
}


_PERSONALITY = "4dddf10c64414a6ced00cd15d3d57c8d75bbc2d746c36fa5012cf7aa13fd55ef"
"""The wording of personalities, which `stylist/big_five@1` states."""

_FOR_EVALUATION = {
    one for one in _RELEASED if one.startswith(("judge/five_errors", "judge/four_grades", "judge/five_grades"))
}
"""Prompts that no release is made by: models are graded with them."""


def _files() -> dict[str, str]:
    """Every template's id and the digest of its bytes."""
    return {
        f"{path.parent.name}/{path.stem}": hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (_FOLDER / "templates").glob("*/*")
    }


def test_the_lock_names_every_template_and_no_other() -> None:
    assert sorted(locked()) == sorted(_files())


def test_no_released_prompt_was_edited() -> None:
    assert {one: sha256 for one, sha256 in _files().items() if locked().get(one) != sha256} == {}


def test_the_wording_of_personalities_was_not_edited() -> None:
    assert hashlib.sha256((_FOLDER / "personality.yaml").read_bytes()).hexdigest() == _PERSONALITY


def test_no_line_of_the_lock_was_changed() -> None:
    assert locked() == _RELEASED


def test_every_locked_prompt_loads() -> None:
    assert [load_prompt(one).id for one in locked()] == list(locked())


def test_every_prompt_of_every_spec_is_released() -> None:
    asked = {inference.prompt for version in versions() for inference in _asked(version).values()}
    asked |= {rule.prompt for version in versions() if (rule := load_release(version).spec.reasoning) is not None}
    assert asked == locked().keys() - _FOR_EVALUATION


def test_every_prompt_of_a_spec_is_in_the_folder_of_its_role() -> None:
    for version in versions():
        for task, inference in _asked(version).items():
            assert inference.prompt.split("/")[0] == task.role.value


def _asked(version: str) -> dict[Task, Inference]:
    """How a release asks, for every task that it has."""
    spec = load_release(version).spec
    return {task: inference for task in Task if (inference := spec.inference(task)) is not None}

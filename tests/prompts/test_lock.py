"""A released prompt is never edited. If a test here is red, restore the file and write a new `@n` instead."""

import hashlib
from pathlib import Path

from ipm_prefdial.builders.specs.released import load_release, versions
from ipm_prefdial.prompts.library import load_prompt, locked
from ipm_prefdial.schemas.inference import Task
from ipm_prefdial.schemas.spec import Inference

_FOLDER = Path(__file__).parents[2] / "prompts"

# Written down a second time, so that a prompt and its line in the lock cannot be changed together unnoticed.
_RELEASED = {
    "joint/strategy_then_reply@1": "3491370844ec9dbadd30c1b6b1b7e7d69a08d21e150ccd1d2de158e9aae0fd69",
    "joint/strategy_then_reply@2": "d7850a2484601ef2955d5d9555ec387871a793051ba96501cb3b14a4d0f1212a",
    "judge/compare_replies@1": "7779f323a80103cfdb805ecf7f3dbad8cba54f5f70fc1180f0d1669d0b6729e7",
    "judge/compare_replies@2": "285c9cb3e6fd0b7be754483468c63f9c0d0ea12dfd129b19cf616f1b638da7d9",
    "judge/compare_strategies@1": "ccc29523a5f4fba9d6ad041978cbd149dff7ede52aeea4f3642540ea833ac801",
    "judge/compare_strategies@2": "b88f76d2014b347ca343bd1e5018da97d4919cf4c5451c1e6bbceb564600d027",
    "judge/crisis@1": "b1b43087bf38fc5ca504e7f9f5778bd04bf485cb84616695f1abd71a45196e23",
    "judge/crisis@2": "966025f90220b20a83150ab467abfdcde910f4b25090556567fc7762ed6db16a",
    "judge/five_errors@1": "e692b96fe9926be2b1835fadfb955a626b929bb3545fe9f9a3ae65bba69af976",
    "judge/five_errors@2": "d8801170cb6e8e3dea0d39626cfb64a4db30a7b3a8aca0cdfe538021f58e0239",
    "judge/five_errors_beside_human@1": "ee01169ad9f0c5cd5bab2b54145052f819c9419f5f80dc24ca3563fa07c8e336",
    "judge/five_errors_beside_human@2": "7647a905a051d74a995eda3241e97b2a1b495eee8334060a6a91ade691fa35a7",
    "judge/five_grades@1": "0ec9ea4b9a8607eeb06f6070d99d87daabc59cefc73359482b9c2d769cdaef3d",
    "judge/five_grades@2": "0a872076f11f5ed612142aaf814d425c623ed5860283aba863a711b30693d4e5",
    "judge/five_grades_beside_human@1": "2ad4d013b19830043ad1197d9082ef8a5b243738edc9c7933a6f777a5e96fa4b",
    "judge/five_grades_beside_human@2": "8f549de7d604196472748e01fb2e490db10606e240a656cef95a7c7d01680a79",
    "judge/four_grades@1": "606ad46750bfcc3936469bc3bcd533f4a6cf7322e3d6f1842478248a7afbb916",
    "judge/four_grades@2": "822a147dfc546fb8749c2bce5e95d0e4c6b12fdcd8ba566c01c0c0c57c1be1f8",
    "judge/four_grades_beside_human@1": "7c2a32a3ce7b98f184cc1aaf664933e7583240a46578476cac080c324082eb74",
    "judge/four_grades_beside_human@2": "267baa0b5b1491882fc1279e3436bcdff79bb46b80f1036bb1ea4b493f045970",
    "judge/four_steps@1": "7de2f6db2cebb87fbcfb8c62a9bdfa54a474cb0de9fc103c4912b17734381d7a",
    "judge/four_steps@2": "76256aaf1175b6f0dc3c8e72c0a200c3ef466ee8a5c6848168204e7ae216e5b0",
    "judge/same_support@1": "1a478460121e36188718e7141e6c845ccc44180335a9efba3387e51b93f76ef7",
    "judge/same_support@2": "e1bb51d6fa3f8325acd708d3a2c179861ba649c94f03807b937fda514a44fa9d",
    "judge/three_errors@1": "11e13ac63dfd620fb3ee9489c2ed22f0bbe52b92f6c02a6d562a5aa8a6779cb0",
    "judge/three_errors@2": "b3f06ef9ad2f91b3d8995ceb321f067ff707c7872fd5d0fa8a056ca26ae015c5",
    "planner/next_strategy@1": "4ba8fbd3126d59b2c94ada9374b1d6a74c64402e22d048afe34d95e764687b8a",
    "planner/next_strategy@2": "aa076cea6d7dd2cac516915ad68bb9a0ff0b8db2dbbb98bb04c1a7df47a8f0e7",
    "reasoner/infer_trace@1": "0eec9444efb5df37813747ab504bc9b102e3bc5f4524883764e793459b402cea",
    "reasoner/infer_trace@2": "5095e9c6f38c60a62de35387c9ddaf5c29aaa9731e207b1bc4f285889e1b5d74",
    "reasoner/write_trace@1": "55d9558d14f15a33ca345716526746cd70defc3d202b430b5b513241d62c94d4",
    "reasoner/write_trace@2": "911aa1468b9d2fffdb22bc73c395b3d53be7379b5d5f7821fbfcf33d58180d5c",
    "responder/given_strategy@1": "25197a7025526776d4c15d07fbe7df84b4108e797998dfa9be0e5d9f63e19ae8",
    "responder/given_strategy@2": "748c58f2680b2898e83baf22ad2dfb31e922b2237bee3b3ae4393b9fa02a7dee",
    "rewriter/same_strategy@1": "b94ab388bf198d3967bdb276f7aaddc28db739611342c65eb1980c51154a4a65",
    "rewriter/same_strategy@2": "c9d8ba6fadc110a6a179dc6333ad588014dcf9db59e543c25a93d9d74512e0e1",
    "stylist/big_five@1": "90cfc8f9ee062ccc65d6b36042f5de61640a940f226ee1baf2ccec472cc0f5d6",
    "stylist/big_five@2": "b83538d0f32c8a0796e8f04f960c7e9e0001e914f766c43fb3be687761db7660",
}


_PERSONALITY = "4dddf10c64414a6ced00cd15d3d57c8d75bbc2d746c36fa5012cf7aa13fd55ef"
"""The wording of personalities, which `stylist/big_five@1` states."""

_FOR_EVALUATION = {
    one for one in _RELEASED if one.startswith(("judge/five_errors", "judge/four_grades", "judge/five_grades"))
}
"""Prompts that no release is made by: models are graded with them."""

_FOR_THE_NEXT = {one for one in _RELEASED if one.endswith("@2")} - _FOR_EVALUATION
"""Prompts that only drafts of the next release name; what a spec names leaves this set."""


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
    assert asked == locked().keys() - _FOR_EVALUATION - _FOR_THE_NEXT


def test_every_prompt_of_a_spec_is_in_the_folder_of_its_role() -> None:
    for version in versions():
        for task, inference in _asked(version).items():
            assert inference.prompt.split("/")[0] == task.role.value


def _asked(version: str) -> dict[Task, Inference]:
    """How a release asks, for every task that it has."""
    spec = load_release(version).spec
    return {task: inference for task in Task if (inference := spec.inference(task)) is not None}

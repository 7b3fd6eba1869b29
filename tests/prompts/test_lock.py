"""A released prompt is never edited. If a test here is red, restore the file and write a new `@n` instead."""

import hashlib
from pathlib import Path

from ipm_prefdial.builders.releases import load_release, versions
from ipm_prefdial.prompts.library import load_prompt, locked
from ipm_prefdial.schemas.inference import Role

_FOLDER = Path(__file__).parents[2] / "prompts"

# Written down a second time, so that a prompt and its line in the lock cannot be changed together unnoticed.
_RELEASED = {
    "joint/strategy_then_reply@1": "3491370844ec9dbadd30c1b6b1b7e7d69a08d21e150ccd1d2de158e9aae0fd69",
    "judge/five_errors@1": "e692b96fe9926be2b1835fadfb955a626b929bb3545fe9f9a3ae65bba69af976",
    "judge/five_errors_beside_human@1": "ee01169ad9f0c5cd5bab2b54145052f819c9419f5f80dc24ca3563fa07c8e336",
    "judge/four_grades@1": "606ad46750bfcc3936469bc3bcd533f4a6cf7322e3d6f1842478248a7afbb916",
    "judge/four_grades_beside_human@1": "7c2a32a3ce7b98f184cc1aaf664933e7583240a46578476cac080c324082eb74",
    "judge/three_errors@1": "11e13ac63dfd620fb3ee9489c2ed22f0bbe52b92f6c02a6d562a5aa8a6779cb0",
    "planner/next_strategy@1": "4ba8fbd3126d59b2c94ada9374b1d6a74c64402e22d048afe34d95e764687b8a",
    "responder/given_strategy@1": "25197a7025526776d4c15d07fbe7df84b4108e797998dfa9be0e5d9f63e19ae8",
}


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


def test_no_line_of_the_lock_was_changed() -> None:
    assert {one: locked().get(one) for one in _RELEASED} == _RELEASED


def test_every_locked_prompt_loads() -> None:
    assert [load_prompt(one).id for one in locked()] == list(locked())


def test_every_prompt_of_every_spec_is_released() -> None:
    specs = [load_release(version).spec for version in versions()]
    asked = {spec.inference(role).prompt for spec in specs for role in Role}
    assert asked - locked().keys() == set()


def test_every_prompt_of_a_spec_is_in_the_folder_of_its_role() -> None:
    for version in versions():
        spec = load_release(version).spec
        assert [spec.inference(role).prompt.split("/")[0] for role in Role] == [role.value for role in Role]

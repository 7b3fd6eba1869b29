"""The numbers of the rules for personal data, and what a build does by each."""

from importlib import resources

import pytest

from ipm_prefdial.builders import safety
from ipm_prefdial.builders.safety.personal_data import FILES, RULES, digest_of_rules, reachable_person
from ipm_prefdial.builders.specs.released import load_release


def test_a_released_number_is_never_edited() -> None:
    """To change rules, give them a new number; only those that no release uses may get a new line in the lock."""
    lines = resources.files(safety).joinpath("personal_data.lock").read_text(encoding="utf-8").splitlines()
    locked = dict(line.split(" ") for line in lines if not line.startswith("#"))
    assert locked == {str(number): digest_of_rules(number) for number in RULES}
    assert RULES.keys() == FILES.keys()


@pytest.mark.parametrize("version", ["2.0.0", "2.1.0"])
def test_released_specs_keep_the_first_rules_and_say_nothing_of_them(version: str) -> None:
    spec = load_release(version).spec
    assert spec.safety.personal_data_rules == 1
    assert "personal_data_rules" not in spec.model_dump(mode="json")["safety"]


def test_what_reaches_somebody_hangs_on_the_number() -> None:
    assert reachable_person("wechat: tessquill88", 1) == []
    assert reachable_person("wechat: tessquill88", 2) == ["handle"]

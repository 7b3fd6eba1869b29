"""A spec that is wrong is refused with the field that is wrong."""

from typing import Any

import pytest
from pydantic import ValidationError

from ipm_prefdial.builders.releases import load_release
from ipm_prefdial.schemas.inference import Role
from ipm_prefdial.schemas.spec import BuildSpec, SourceRef, SplitRule


def _dumped() -> dict[str, Any]:
    return load_release("1.0.0").spec.model_dump(mode="json")


def _changed(path: str, value: object) -> dict[str, Any]:
    spec = _dumped()
    *parents, last = path.split(".")
    place = spec
    for name in parents:
        place = place[name]
    place[last] = value
    return spec


def test_a_spec_comes_back_from_its_own_json() -> None:
    spec = load_release("1.0.0").spec
    assert BuildSpec.model_validate(_dumped()) == spec
    assert BuildSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", "1.0"),
        ("version", "v1.0.0"),
        ("version", "01.0.0"),
        ("version", "1.0.0-rc1"),
        ("version", "1.0.0\n"),
        ("version", 1.0),
        ("notes", "short"),
        ("sources", []),
        ("seed", -1),
        ("errors", []),
        ("errors", ["rudeness"]),
        ("steps", []),
        ("planner.prompt", "planner/next_strategy"),
        ("planner.prompt", "../planner/next@1"),
        ("planner.prompt", "planner/next_strategy@1\n"),
        ("planner.draws", 0),
        ("planner.sampling", {"temperature": 3, "top_p": 1, "max_tokens": 1}),
        ("judge", None),
        ("splits.salt", ""),
        ("splits.validation", 1.0),
        ("splits.test", 0.9),
        ("splits.test", -0.1),
        ("splits.near_duplicate", 0),
        ("splits.near_duplicate", 1.5),
        ("temperature", 1),
    ],
)
def test_a_wrong_field_is_named(path: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        BuildSpec.model_validate(_changed(path, value))
    assert str(caught.value.errors()[0]["loc"][0]) == path.split(".")[0]


@pytest.mark.parametrize("role", Role)
def test_every_role_has_its_own_inference(role: Role) -> None:
    spec = load_release("1.0.0").spec
    assert spec.inference(role) is getattr(spec, role.value)


def test_a_split_rule_leaves_something_to_train_on() -> None:
    SplitRule(salt="s", validation=0.5, test=0.49, near_duplicate=1)
    with pytest.raises(ValidationError, match="leave nothing"):
        SplitRule(salt="s", validation=0.5, test=0.5, near_duplicate=1)


@pytest.mark.parametrize("sha256", ["", "abc", "G" * 64, "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n"])
def test_a_digest_that_is_none_is_refused(sha256: str) -> None:
    with pytest.raises(ValidationError):
        SourceRef(uri="sample", sha256=sha256)

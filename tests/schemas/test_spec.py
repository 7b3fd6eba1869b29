"""A spec that is wrong is refused with the field that is wrong."""

from typing import Any

import pytest
from pydantic import ValidationError

from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.schemas.inference import Task
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


@pytest.mark.parametrize("task", Task)
def test_every_task_has_its_own_inference(task: Task) -> None:
    for version in ("1.0.0", "2.0.0", "2.1.0"):
        spec = load_release(version).spec
        assert spec.inference(task) is getattr(spec, task.value)


def test_a_split_rule_leaves_something_to_train_on() -> None:
    SplitRule(salt="s", validation=0.5, test=0.49, near_duplicate=1)
    with pytest.raises(ValidationError, match="leave nothing"):
        SplitRule(salt="s", validation=0.5, test=0.5, near_duplicate=1)


@pytest.mark.parametrize("sha256", ["", "abc", "G" * 64, "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n"])
def test_a_digest_that_is_none_is_refused(sha256: str) -> None:
    with pytest.raises(ValidationError):
        SourceRef(uri="sample", sha256=sha256)


def test_a_spec_that_uses_nothing_new_is_written_as_it_was() -> None:
    """So that the manifest of a release that was made before stays byte for byte what it is."""
    assert list(_dumped()) == [
        *("version", "notes", "sources", "seed", "planner", "responder", "joint", "judge", "errors", "steps", "splits")
    ]


def test_a_spec_with_everything_comes_back_from_its_own_json() -> None:
    spec = load_release("2.1.0").spec
    assert set(BuildSpec.gained) - spec.model_dump().keys() <= {"gates"}
    assert BuildSpec.model_validate(spec.model_dump(mode="json")) == spec
    assert BuildSpec.model_validate_json(spec.model_dump_json()) == spec


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("layout", 5),
        ("layout", "2"),
        ("safety", {"crisis": "drop"}),
        ("safety", {"personal_data": "hide"}),
        ("safety", {"crises": "keep"}),
        ("near_duplicate_pairs", 0),
        ("near_duplicate_pairs", 1.1),
        ("overlap_words", 3),
        ("balance", {"spread": 0.1}),
        ("balance", {"spread": 0, "least": 0.1, "duel": 1.5}),
        ("balance", {"spread": 0.1, "least": 1.5, "duel": 1.5}),
        ("balance", {"spread": 0.1, "least": 0.1, "duel": 0.9}),
        ("crisis_judge", {"prompt": "judge/crisis", "draws": 1}),
        ("gates", {"leak": "low"}),
    ],
)
def test_a_wrong_new_field_is_named(field: str, value: object) -> None:
    spec = load_release("2.0.0").spec.model_dump(mode="json")
    with pytest.raises(ValidationError) as caught:
        BuildSpec.model_validate({**spec, field: value})
    assert str(caught.value.errors()[0]["loc"][0]) == field


_OF_TRACES = [Task.REASONER, Task.STEP_JUDGE, Task.STYLIST, Task.STYLE_JUDGE]


def test_a_task_that_a_release_does_not_have_is_asked_in_no_way() -> None:
    first, panels, traces = (load_release(version).spec for version in ("1.0.0", "2.0.0", "2.1.0"))
    assert [task for task in Task if first.inference(task) is None] == [
        Task.STRATEGY_JUDGE,
        Task.CRISIS_JUDGE,
        Task.REWRITER,
        *_OF_TRACES,
    ]
    assert [task for task in Task if panels.inference(task) is None] == _OF_TRACES
    assert [task for task in Task if traces.inference(task) is None] == []

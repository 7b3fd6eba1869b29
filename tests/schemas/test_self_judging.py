"""A judge is found that is a model whose words it judges, or that trained it; kin is named, rules are not."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.auditing._gate_measures import (
    canonical_name,
    family_of,
    find_self_judging,
    same_family,
    same_model,
)
from ipm_prefdial.schemas.inference import ModelRef, Role
from ipm_prefdial.schemas.manifest import ModelRecord

Kind = Literal["corpus", "openai", "reward", "scripted"]


def record(name: str, kind: Kind = "openai", revision: str | None = None, **facts: Any) -> ModelRecord:
    """A model that answered."""
    return ModelRecord(ref=ModelRef(name=name, revision=revision), kind=kind, facts=facts)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Qwen/Qwen2.5-7B-Instruct", "qwen2.5-7b-instruct"),
        ("Qwen/Qwen2.5-7B-Instruct-AWQ", "Qwen2.5-7B-Instruct"),
        ("gpt-4.1-mini", "openai/gpt-4.1-mini-2025-04-14"),
        ("claude-sonnet-4-20250514", "anthropic/claude-sonnet-4"),
        ("llama3.1:latest", "llama3.1"),
        ("unsloth/Llama-3.1-8B-Instruct-bnb-4bit", "meta-llama/Llama-3.1-8B-Instruct"),
        ("Mistral-7B-Instruct-v0.3-GGUF", "mistralai/Mistral-7B-Instruct-v0.3"),
        ("/models/qwen/", "qwen"),
    ],
)
def test_one_model_has_many_names(one: str, other: str) -> None:
    assert same_model(ModelRef(name=one, revision="a"), ModelRef(name=other, revision="b"))


@pytest.mark.parametrize(
    ("one", "other", "kin"),
    [
        ("gpt-4.1", "gpt-4.1-mini", True),
        ("Qwen2.5-7B-Instruct", "Qwen2.5-72B-Instruct", True),
        ("Llama-3.1-8B", "Llama-3.1-70B", True),
        ("Mistral-7B-Instruct-v0.3", "Mistral-7B-Instruct-v0.2", True),
        ("gpt-4.1", "claude-sonnet-4", False),
        ("Qwen2.5-7B", "Llama-3.1-8B", False),
        ("135", "246", False),
    ],
)
def test_other_models_are_not_the_same_and_kin_is_known(one: str, other: str, kin: bool) -> None:
    both = ModelRef(name=one), ModelRef(name=other)
    assert not same_model(*both)
    assert same_family(*both) is kin


@given(st.text(min_size=1))
def test_every_name_is_its_own_model_and_has_a_name_left(name: str) -> None:
    assert same_model(ModelRef(name=name), ModelRef(name=name, revision="1"))
    assert canonical_name(canonical_name(name)) == canonical_name(name)
    assert family_of(name) == family_of(name.casefold())


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.JUDGE])
def test_a_judge_of_its_own_words_is_found_in_every_role(role: Role) -> None:
    models = {role: (record("lab/model-7b"),), Role.JUDGE: (record("other"), record("model-7B", revision="r2"))}
    found = find_self_judging(models)
    assert [(one.judge, one.role) for one in found.same] == [("model-7B#r2", role)]
    assert role.value in str(found.same[0])
    assert found.family == ()


def test_kin_is_a_warning_and_not_the_same() -> None:
    found = find_self_judging({Role.RESPONDER: (record("gpt-4.1"),), Role.JUDGE: (record("gpt-4.1-mini"),)})
    assert found.same == ()
    assert [one.writer for one in found.family] == ["gpt-4.1"]


def test_rules_and_scripts_are_no_models() -> None:
    for kind in ("corpus", "scripted"):
        found = find_self_judging({Role.RESPONDER: (record(kind, kind),), Role.JUDGE: (record(kind, kind),)})
        assert (found.judges, found.writers, found.same, found.family) == (0, 0, (), ())
    # A model that somebody serves under that name is one all the same.
    assert find_self_judging({Role.JOINT: (record("corpus"),), Role.JUDGE: (record("corpus"),)}).same


def test_whether_a_reward_model_rewarded_a_reasoner_cannot_be_told() -> None:
    reward = (record("reward:run", "reward", "abcdef012345"),)
    found = find_self_judging({Role.REASONER: (record("lab/policy"),), Role.JUDGE: reward})
    assert [(one.judge, one.writer) for one in found.unknown] == [("reward:run#abcdef012345", "lab/policy")]
    assert not found.same
    # It labels steps alone, and the embedded reasoner was trained by nothing.
    assert not find_self_judging({Role.RESPONDER: (record("lab/policy"),), Role.JUDGE: reward}).unknown
    assert not find_self_judging({Role.REASONER: (record("corpus", "corpus"),), Role.JUDGE: reward}).unknown

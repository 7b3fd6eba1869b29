"""Labels of steps and of rewritings: yes or no, and nothing unread becomes either."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.prompts.parsers.trace import read_kept, read_step_labels
from ipm_prefdial.schemas.trace import Step
from ipm_prefdial.schemas.verdict import StepVerdict, StyleVerdict, Unparsed

_STEPS = {step: {"correct": True, "why": "So."} for step in Step}
_KEPT = {"same_strategy": True, "same_facts": False, "rationale": "The bus is gone."}
_VALUES = st.none() | st.booleans() | st.text() | st.integers() | st.dictionaries(st.text(), st.booleans(), max_size=2)


@given(st.text() | st.dictionaries(st.sampled_from([*Step, *_KEPT]), _VALUES).map(json.dumps))
def test_any_reply_is_read_or_named(reply: str) -> None:
    for found in (read_step_labels(reply), read_kept(reply)):
        if isinstance(found, Unparsed):
            assert found.reason in ("no_json", "no_label", "not_offered")
            assert found.raw == reply


@given(st.lists(st.booleans(), min_size=4, max_size=4), st.sampled_from([bool, lambda one: "Yes." if one else "NO"]))
def test_labels_come_back_with_their_reasons(labels: list[bool], spell: type[bool]) -> None:
    told = {step: {"Correct": spell(label), "why": f" {step} "} for step, label in zip(Step, labels, strict=True)}
    assert read_step_labels(f"Well: {json.dumps(told)}") == StepVerdict(
        labels=tuple(labels), rationales=tuple(step.value for step in Step)
    )
    bare = dict(zip(Step, labels, strict=True))
    assert read_step_labels(json.dumps(bare)) == StepVerdict(labels=tuple(labels), rationales=("", "", "", ""))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"reply": None}, "no_label"),
        ({"reply": {"why": "So."}}, "no_label"),
        ({"reply": {"correct": {"correct": True}}}, "no_label"),
        ({"reply": {"correct": "mostly"}}, "not_offered"),
        ({"reply": 1}, "not_offered"),
    ],
)
def test_a_step_without_a_label_costs_the_answer(change: dict[str, object], reason: str) -> None:
    reply = json.dumps(_STEPS | change)
    assert read_step_labels(reply) == Unparsed(reason=reason, raw=reply)


def test_what_is_kept_is_read() -> None:
    assert read_kept(json.dumps(_KEPT)) == StyleVerdict(**_KEPT)  # type: ignore[arg-type]
    for change, reason in (({"same_facts": None}, "no_label"), ({"same_facts": "partly"}, "not_offered")):
        reply = json.dumps(_KEPT | change)
        assert read_kept(reply) == Unparsed(reason=reason, raw=reply)

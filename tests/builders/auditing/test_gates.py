"""What every gate says, of good, of bad, of too little, of nothing, and of what it does not apply to."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.audits import shared_audit
from support.releases import shared_release

from ipm_prefdial.builders.auditing._gate_evidence import (
    NO_RELEASE,
    Facts,
    GateMeasurement,
    count,
    decide,
    facts_of,
    not_applicable,
    unknown,
)
from ipm_prefdial.builders.auditing.gates import GATES, LEAST_ROWS, check_gates
from ipm_prefdial.builders.statistics.bounds import Bounds
from ipm_prefdial.schemas.audit import Audit, GateResult, Outcome
from ipm_prefdial.schemas.inference import ModelRef, Role
from ipm_prefdial.schemas.manifest import ModelRecord
from ipm_prefdial.schemas.measures import OrderCheck


def outcome(measured: GateMeasurement, limit: float = 0.5) -> Outcome:
    """What a gate says that allows so much at most."""
    return decide("faults", "so", measured, limit, "most").answer


@pytest.mark.parametrize(
    ("measured", "due"),
    [
        (count("faults", 0, 10), "passed"),
        (count("faults", 1, 10), "failed"),
        (count("faults", 0, 0), "cannot_tell"),
        (GateMeasurement("AUC", 0.3, 40, Bounds(0.2, 0.5)), "passed"),
        (GateMeasurement("AUC", 0.3, 40, Bounds(0.2, 0.51)), "cannot_tell"),
        (GateMeasurement("AUC", 0.6, 40, Bounds(0.5, 0.7)), "cannot_tell"),
        (GateMeasurement("AUC", 0.6, 40, Bounds(0.51, 0.7)), "failed"),
        (GateMeasurement("AUC", 0.3, 40, Bounds(None, None)), "cannot_tell"),
        (GateMeasurement("AUC", 0.3, 0, Bounds(0.2, 0.4)), "cannot_tell"),
        (unknown("AUC", "why"), "cannot_tell"),
        (not_applicable("AUC", "why"), "not_applicable"),
    ],
)
def test_a_gate_passes_where_the_whole_interval_is_within(measured: GateMeasurement, due: Outcome) -> None:
    assert outcome(measured) == due


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.integers(0, 3))
def test_what_is_unknown_never_passes(value: float, low: float, high: float, n: int) -> None:
    found = outcome(GateMeasurement("AUC", value, n, Bounds(low, high)))
    assert found != "passed" or (n > 0 and high <= 0.5 and low <= 0.5)
    assert found != "failed" or (n > 0 and low > 0.5)


def test_passed_stays_readable_beside_the_outcome() -> None:
    for gate in checked():
        due = {"passed": True, "failed": False, "cannot_tell": None, "not_applicable": None}
        assert gate.passed is due[gate.answer]


def facts(**changes: object) -> Facts:
    """What gates know of the shared release, but for what is given."""
    return replace(facts_of(shared_release().manifest), **changes)  # type: ignore[arg-type]


def checked(audit: Audit | None = None, known: Facts | None = None) -> tuple[GateResult, ...]:
    """All gates with their default limits."""
    return check_gates(audit or shared_audit(), {}, known or facts())


def of_gate(name: str, gates: tuple[GateResult, ...]) -> list[GateResult]:
    """What one gate says."""
    return [gate for gate in gates if gate.name == name]


def nothing() -> Audit:
    """An audit of tables without rows."""
    audit = shared_audit()
    return Audit(
        **{name: getattr(audit, name) for name in ("subject", "fault_kinds", "style_features")},
        rows={config: dict.fromkeys(splits, 0) for config, splits in audit.rows.items()},
        dialogues={},
        near_duplicates=None,
        **dict.fromkeys(
            "faults artefacts style labels tables flags flows filter_bias leakage verdicts conservation gates".split(),
            (),
        ),
    )


@pytest.mark.parametrize("known", [facts(), facts(compares=True), NO_RELEASE], ids=["layout 1", "panels", "foreign"])
def test_of_nothing_no_gate_passes_and_each_says_why(known: Facts) -> None:
    gates = [gate for gate in checked(nothing(), known) if gate.name != "rows" or not known.is_release]
    assert {gate.name for gate in gates} >= set(GATES) - {"rows"}
    assert {gate.answer for gate in gates} <= {"cannot_tell", "not_applicable"}
    assert [gate for gate in gates if not gate.note or gate.value is not None] == []


def test_rows_are_a_gate_of_every_promised_table() -> None:
    gates = of_gate("rows", check_gates(shared_audit(), {"faults": 0}, facts()))
    assert len(gates) == 18
    assert {(gate.limit, gate.bound) for gate in gates} == {(LEAST_ROWS, "least")}
    assert all((gate.answer == "passed") is ((gate.value or 0) >= LEAST_ROWS) for gate in gates)
    empty = of_gate("rows", checked(nothing()))
    assert {gate.answer for gate in empty if gate.measure.startswith("response:")} == {"failed"}


def models(judge: str, responder: str = "lab/writer-7b") -> Facts:
    """The shared release, made by models."""

    def record(name: str) -> tuple[ModelRecord, ...]:
        return (ModelRecord(ref=ModelRef(name=name), kind="openai"),)

    return facts(models={Role.RESPONDER: record(responder), Role.JUDGE: record(judge)})


@pytest.mark.parametrize(
    ("known", "due", "note"),
    [
        (models("writer-7b"), "failed", "writer-7b is the responder lab/writer-7b"),
        (models("another"), "passed", ""),
        (models("gpt-4.1", "gpt-4.1-mini"), "passed", "of one base family"),
        (facts(), "not_applicable", "no model judges"),
        (NO_RELEASE, "not_applicable", "names no models"),
    ],
)
def test_a_model_that_judges_its_own_words_fails_a_gate(known: Facts, due: Outcome, note: str) -> None:
    (gate,) = of_gate("self_judging", check_gates(shared_audit(), {"faults": 0}, known))
    assert gate.answer == due
    assert note in gate.note


def test_what_a_layout_does_not_have_does_not_apply() -> None:
    gates = checked()
    assert {gate.answer for gate in of_gate("order_flips", gates)} == {"not_applicable"}
    assert {gate.measure for gate in gates if gate.answer == "not_applicable" and gate.name == "faults"} == {
        f"{config}: no_majority" for config in ("strategy", "response", "joint")
    }
    assert of_gate("unread_verdicts", gates)[0].answer == "not_applicable"  # strategies, of which nobody is asked


def test_a_judge_who_never_turned_is_believed_with_enough_dialogues() -> None:
    def flips(n: int, dialogues: int | None) -> Outcome:
        share = {"value": 0.0, "low": 0.0, "high": 0.0, "n": n}
        order = {"config": "response", "judge": "one", "flips": share, "first": share, "dialogues": dialogues}
        audit = shared_audit().model_copy(update={"orders": (OrderCheck.model_validate(order),)})
        return next(
            one.answer for one in of_gate("order_flips", checked(audit, facts(compares=True))) if one.value == 0
        )

    assert [flips(3, 1), flips(30, 3), flips(30, 10), flips(30, 11)] == ["cannot_tell"] * 3 + ["passed"]
    assert flips(300, None) == "cannot_tell"  # an old audit does not say


def test_a_shift_either_way_counts_with_its_wider_end() -> None:
    audit = shared_audit()
    (one,) = (one for one in audit.filter_bias if one.config == "response")
    shift = one.shift.model_copy(update={"value": 0.01, "low": -0.4, "high": 0.02})
    bias = one.model_copy(update={"shift": shift})
    gate = of_gate("filter_bias_shift", checked(audit.model_copy(update={"filter_bias": (bias,)})))[1]
    assert (gate.answer, gate.low) == ("cannot_tell", 0)
    assert gate.high is not None and gate.high > 0.4


def test_audits_of_before_are_read_and_checked_again_by_the_new_rule() -> None:
    old = json.loads(shared_audit().model_dump_json())
    for part, gained in (("artefacts", ("dialogues", "error", "dimension")), ("filter_bias", ("dialogues",))):
        for one in old[part]:
            for name in gained:
                del one[name]
    for gate in old["gates"]:
        for name in ("outcome", "bound", "note"):
            gate.pop(name, None)
    audit = Audit.model_validate(old)
    assert json.loads(audit.model_dump_json()) == old
    assert {gate.answer for gate in audit.gates if gate.passed} == {"passed"}
    again = checked(audit)
    assert {gate.answer for gate in of_gate("artefact_words", again)} == {"cannot_tell"}
    assert "run `ipm-prefdial audit` again" in of_gate("artefact_words", again)[0].note
    assert "passed" in {gate.answer for gate in of_gate("faults", again)}


def test_every_gate_that_cannot_tell_says_what_to_do() -> None:
    assert all(gate.note for gate in checked() if gate.answer in ("cannot_tell", "not_applicable"))


def test_a_reward_model_beside_a_reasoner_has_to_be_spoken_for() -> None:
    reward = ModelRecord(ref=ModelRef(name="reward:unifi"), kind="reward")
    reasoner = ModelRecord(ref=ModelRef(name="lab/reasoner"), kind="openai")
    known = facts(models={Role.REASONER: (reasoner,), Role.JUDGE: (reward,)})
    (gate,) = of_gate("self_judging", checked(known=known))
    assert (gate.answer, gate.passed) == ("cannot_tell", None)
    assert "reward:unifi labels the steps of a model whose training it may have rewarded" in gate.note


@pytest.mark.parametrize("estimator", ["bradley_terry", "share"])
def test_a_filters_bias_is_bounded_above_what_its_estimator_shows(estimator: str) -> None:
    """Half counts in every cell, and a bias that is noise before the filter, hide as much; the more so of few pairs."""
    (one,) = (one for one in shared_audit().filter_bias if one.config == "response")

    def bound(measure: str, pairs: int) -> float:
        some = {"shift": one.shift, "keeping": one.keeping, "after": one.after, "before": one.before}
        smaller = {name: value.model_copy(update={"n": pairs}) for name, value in some.items()}
        bias = one.model_copy(update={**smaller, "estimator": estimator})
        gate = of_gate(measure, checked(shared_audit().model_copy(update={"filter_bias": (bias,)})))[1]
        assert gate.high is not None and gate.value is not None and gate.high > gate.value
        return gate.high

    for measure in ("filter_bias_shift", "filter_keeping"):
        assert bound(measure, 30) > bound(measure, 300) > bound(measure, 3_000)


@pytest.mark.parametrize(("rows", "due"), [((30, 0), "cannot_tell"), ((30, 20), "passed")])
def test_one_split_with_pairs_shows_nothing_of_leaks(rows: tuple[int, int], due: Outcome) -> None:
    leaks = shared_audit().leakage[0].model_copy(update={"dialogues": 0})
    splits = dict(zip(("train", "test"), rows, strict=True))
    audit = shared_audit().model_copy(update={"leakage": (leaks,), "rows": {leaks.config: splits}})
    (gate,) = (one for one in checked(audit) if one.measure == f"{leaks.config}: dialogues in several splits")
    assert gate.answer == due

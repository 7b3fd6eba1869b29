"""The card's tables of an audit are the audit's numbers, and a gate that was accepted is told with its why."""

import re

from support.audits import shared_audit
from support.cards import full_context, rendered

from ipm_prefdial.cards._sections import error_lines, gate_lines, length_lines, number, strategy_lines, unpassed_lines
from ipm_prefdial.schemas.audit import GateResult
from ipm_prefdial.schemas.config import PAIR_CONFIGS
from ipm_prefdial.schemas.publishing import AcceptedGate


def gate(value: float | None, measure: str = "response: words", limit: float = 0.5) -> GateResult:
    """A gate's answer."""
    passed = None if value is None else value <= limit
    return GateResult(
        name="words", measure=measure, limit=limit, value=value, low=None, high=None, passed=passed, why="So."
    )


def test_a_gate_is_told_by_its_worst_measure() -> None:
    some = (gate(0.25), gate(0.75, "joint: a_b"), gate(None, "strategy: words"))
    (line,) = gate_lines(shared_audit().model_copy(update={"gates": some}))
    assert (line["measures"], line["worst"], line["answer"]) == (3, "0.75 (joint: a b)", "✗ FAILED (1 of 3)")
    (open_one,) = gate_lines(shared_audit().model_copy(update={"gates": some[:1]}))
    assert (open_one["worst"], open_one["limit"], open_one["answer"]) == ("0.25 (response: words)", "0.5", "✓ passed")
    (unknown,) = gate_lines(shared_audit().model_copy(update={"gates": some[2:]}))
    assert (unknown["worst"], unknown["answer"]) == ("–", "? cannot tell")


def test_every_gate_of_an_audit_is_told_once() -> None:
    audit = shared_audit()
    lines = gate_lines(audit)
    assert [line["name"] for line in lines] == list(dict.fromkeys(gate.name for gate in audit.gates))
    assert sum(line["measures"] for line in lines) == len(audit.gates)


def test_only_what_was_accepted_as_it_is_now_counts_as_accepted() -> None:
    audit = shared_audit().model_copy(update={"gates": (gate(0.75), gate(0.75, "joint: words"), gate(0.25))})
    accepted = AcceptedGate(name="words", measure="response: words", value=0.75, limit=0.5, why="Known.")
    first, second = unpassed_lines(audit, (accepted,))
    assert (first["measure"], first["value"], first["limit"], first["accepted"]) == (
        "response: words",
        " is 0.75",
        "0.5",
        "Known.",
    )
    assert second["accepted"] == ""
    better = accepted.model_copy(update={"value": 0.7})
    assert [line["accepted"] for line in unpassed_lines(audit, (better,))] == ["", ""]


def test_strategies_and_errors_add_up_to_the_rows() -> None:
    audit = full_context().audit
    assert audit is not None
    for at, config in enumerate(PAIR_CONFIGS):
        rows = sum(audit.rows[config].values())
        assert sum(line["counts"][at] for line in error_lines(audit)) == rows
        for side in (0, 1):
            assert sum(line["counts"][at][side] for line in strategy_lines(audit)) == rows


def test_lengths_are_told_of_sides_that_are_words() -> None:
    lines = list(length_lines(shared_audit()))
    assert [line["config"] for line in lines] == ["response", "joint"]
    due = next(
        one for one in shared_audit().style if (one.config, one.strategy, one.feature) == ("joint", None, "words")
    )
    assert lines[1]["chosen"] == f"{due.chosen:.1f}"


def test_numbers_have_as_many_digits_as_they_need() -> None:
    assert [number(value) for value in (None, 0.0, 3.0, 0.123456, 1234.0)] == ["–", "0", "3", "0.1235", "1234"]


def test_a_gate_that_did_not_pass_is_one_sentence() -> None:
    card = rendered(context=full_context())
    (line, *_) = [line for line in card.splitlines() if line.startswith("- `") and " failed: " in line]
    assert re.match(r"- `\w+` failed: .*\w is [\d.]+", line)

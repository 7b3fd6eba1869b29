"""A step is one definition, one implementation and a spec that names it; a bug in one is one clear error."""

from pathlib import Path

import pytest
from support.dialogues import SHORT_TURNS, supporter_turn
from support.draft import write_draft
from support.mining import by_task, mined, plan_of, said
from support.releases import scripted_plan

from ipm_prefdial.builders.building import _corpus_filters as corpus_filters
from ipm_prefdial.builders.building.conversations import replay
from ipm_prefdial.builders.building.run import BuildOptions, build
from ipm_prefdial.builders.cli.main import main
from ipm_prefdial.builders.mining import steps as implemented
from ipm_prefdial.builders.mining.candidate import Candidate, Drop, Result
from ipm_prefdial.builders.mining.mine import mine_pairs
from ipm_prefdial.builders.mining.plan import MiningPlan
from ipm_prefdial.builders.mining.steps import Check, HumanCheck, steps_of
from ipm_prefdial.builders.mining.turns import SupporterTurn
from ipm_prefdial.builders.reasoning import reason
from ipm_prefdial.builders.specs.released import load_release, read_spec
from ipm_prefdial.schemas import steps as defined
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.errors import StepError, UsageError
from ipm_prefdial.schemas.steps import StepDefinition

PLANTED = StepDefinition(id="planted@1", sentence="A sentence for the card.", drops=(DropReason.SAME_REPLY,))
FAILURE = r"dialogue [0-9a-f]{16}, turn \d+: the step planted@1 failed with KeyError: 'no such word' \(test_planted"


def _plant(monkeypatch: pytest.MonkeyPatch, step: implemented.Step) -> None:
    monkeypatch.setitem(defined.STEPS, PLANTED.id, PLANTED)
    monkeypatch.setitem(implemented.IMPLEMENTATIONS, PLANTED.id, step)  # type: ignore[arg-type]


def _fail(candidate: Candidate, plan: MiningPlan) -> Result:
    raise KeyError("no such word")


def _drop(reason: DropReason) -> Check:
    return Check(PLANTED, lambda candidate, plan: Drop(candidate, reason, "planted"))


def test_a_new_filter_step_needs_no_other_change_than_its_definition_implementation_and_spec(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _plant(monkeypatch, _drop(DropReason.SAME_REPLY))
    manifest = build(
        BuildOptions(out=tmp_path / "out", release=str(write_draft(tmp_path, last=(PLANTED.id,))), limit=2)
    )
    counts = manifest.counts[Config.RESPONSE]
    assert counts.candidates and not sum(counts.rows.values())
    assert counts.dropped[DropReason.SAME_REPLY] > 0
    assert f"`{PLANTED.id}` | {PLANTED.sentence}" in (tmp_path / "out" / "README.md").read_text()


def test_a_spec_is_refused_at_load_where_a_step_has_no_definition_or_no_implementation(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft = write_draft(tmp_path, last=(PLANTED.id,))
    with pytest.raises(UsageError, match=r"draft\.yaml: there is no step planted@1; the released ones are answered@1"):
        read_spec(draft)
    monkeypatch.setitem(defined.STEPS, PLANTED.id, PLANTED)
    with pytest.raises(UsageError, match=r"step planted@1 is defined, but .* has no implementation of it"):
        read_spec(draft)
    assert main(["build", "--release", str(draft), "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_a_failing_step_ends_a_build_with_one_error_that_names_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Turns are answered by many workers at once, and all of them meet the bug."""
    _plant(monkeypatch, Check(PLANTED, _fail))
    options = BuildOptions(out=tmp_path / "out", release=str(write_draft(tmp_path, last=(PLANTED.id,))), limit=4)
    with pytest.raises(StepError, match=FAILURE):
        build(options)
    assert main(["build", "--release", options.release, "--out", str(options.out), "--limit", "4"]) == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "KeyError" in line]
    assert "planted@1" in line


def test_a_failing_check_of_the_humans_turn_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(turn: SupporterTurn) -> str | None:
        raise KeyError("no such word")

    _plant(monkeypatch, HumanCheck(PLANTED, fail, of_demonstrations=True))
    plan = plan_of()
    plan = plan_of(plan.spec.model_copy(update={"steps": (PLANTED.id, *plan.spec.steps)}))
    with pytest.raises(StepError, match=FAILURE):
        mined(supporter_turn(*SHORT_TURNS), Config.RESPONSE, by_task(), plan)


def test_a_step_may_drop_for_no_other_reason_than_its_definition_names(monkeypatch: pytest.MonkeyPatch) -> None:
    _plant(monkeypatch, _drop(DropReason.PROMPT_ECHO))
    plan = plan_of()
    plan = plan_of(plan.spec.model_copy(update={"steps": (PLANTED.id, *plan.spec.steps)}))
    with pytest.raises(StepError, match="planted@1 failed with ValueError: it dropped a candidate as prompt_echo"):
        mined(supporter_turn(*SHORT_TURNS), Config.RESPONSE, by_task(responder=said("Hm.")), plan)


def test_the_second_pass_names_a_failing_step_too(monkeypatch: pytest.MonkeyPatch) -> None:
    _plant(monkeypatch, Check(PLANTED, _fail))
    plan = plan_of()
    plan = plan_of(plan.spec.model_copy(update={"steps": (PLANTED.id, *plan.spec.steps)}))
    mining = mine_pairs(supporter_turn(*SHORT_TURNS), Config.RESPONSE, plan, steps_of(plan.spec).of_turns)
    with pytest.raises(StepError, match=FAILURE):
        replay(mining, said("Hm."))


def test_a_bug_in_reasoning_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr(reason, "read_traces", fail)
    plan = scripted_plan(load_release("2.1.0").spec)
    reasoning = reason.reason(supporter_turn(*SHORT_TURNS), plan, ())
    with pytest.raises(StepError, match=r"turn \d+: the step reasoning failed with ZeroDivisionError"):
        replay(reasoning, said("Hm."))


def test_every_step_over_the_corpus_is_implemented_by_the_filter() -> None:
    assert set(corpus_filters._STEPS) == set(implemented.CorpusStep)


@pytest.mark.parametrize("step_id", list(defined.STEPS))
def test_a_definition_is_whole(step_id: str) -> None:
    step = defined.find_step(step_id)
    assert step.sentence.endswith(".")
    assert len(set(step.drops)) == len(step.drops)
    assert implemented.IMPLEMENTATIONS[step_id].definition is step


def test_a_definition_is_made_once() -> None:
    with pytest.raises(AssertionError, match="answered@1 is defined already"):
        defined._step("answered@1", "Another sentence.")

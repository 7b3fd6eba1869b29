"""The registry of steps, and what makes two pairs the same pair."""

import re
from dataclasses import replace

import pytest
from support.dialogues import SHORT_TURNS, seeker, supporter, supporter_turn
from support.mining import ASKED, FLAWED, PANELS, SPEC, by_task, judged, mined, plan_of, said

from ipm_prefdial.builders.mining.candidate import Candidate
from ipm_prefdial.builders.mining.plan import MiningPlan
from ipm_prefdial.builders.mining.steps import (
    IMPLEMENTATIONS,
    Check,
    CorpusStep,
    Judging,
    Steps,
    Unique,
    find_steps,
    pair_key,
    steps_of,
)
from ipm_prefdial.builders.specs.released import load_release, versions
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.errors import PromptError, UsageError
from ipm_prefdial.schemas.inference import ModelRef, Role, Task
from ipm_prefdial.schemas.spec import BuildSpec, SafetyRule
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.text import words_of

TRACES = load_release("2.1.0").spec
"""The release with reasoning traces."""


IN_PREPARATION = (
    "bounded_turns@1",
    "bounded_reply@1",
    "no_personal_data@2",
    "known_marker@1",
    "no_refusal@1",
    "majority@2",
)
"""Steps that only drafts of the next release name; what a spec names leaves this list."""


RELEASED = (
    "answered@1",
    "strategy_named@1",
    "strategy_differs@1",
    "plain_reply@1",
    "reply_differs@1",
    "judge_each_side@1",
    "three_errors@1",
    "no_duplicate_pair@1",
    "no_crowd_chatter@1",
    "something_to_support@1",
    "no_personal_data@1",
    "compare_sides@1",
    "rewrite_chosen@1",
    "compare_rewritten@1",
    "majority@1",
    "hardest@1",
    "no_near_duplicate_pair@1",
    "balance_strategies@1",
)
"""Steps of released specs: none may go, and none may change (see the golden tables)."""


def test_no_released_step_is_gone() -> None:
    assert set(RELEASED) <= set(IMPLEMENTATIONS)


def test_every_step_is_used_by_a_release_or_in_preparation_for_one() -> None:
    used = {step for version in versions() for step in load_release(version).spec.steps}
    assert set(RELEASED) <= used
    assert set(IMPLEMENTATIONS) - used <= set(IN_PREPARATION)
    assert not used & set(IN_PREPARATION)


def test_steps_come_in_the_order_of_the_spec() -> None:
    steps = find_steps(SPEC.steps)
    assert steps.of_turns == tuple(IMPLEMENTATIONS[one] for one in SPEC.steps[:-1])
    assert (steps.unique, steps.whole) == (IMPLEMENTATIONS["no_duplicate_pair@1"], ())
    assert [type(step) for step in steps.of_turns] == [Check] * 5 + [Judging, Check]


def test_a_spec_may_go_without_looking_for_duplicates() -> None:
    assert find_steps(("answered@1",)) == Steps(of_turns=(IMPLEMENTATIONS["answered@1"],))  # type: ignore[arg-type]


@pytest.mark.parametrize("steps", [("answered@2",), ("answered",), ("answered@1", "polish@1"), ("",)])
def test_an_unknown_step_is_told_the_known_ones(steps: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=f"there is no step {steps[-1]}; the released ones are answered@1, ") as caught:
        find_steps(steps)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "steps", [("no_duplicate_pair@1", "answered@1"), ("no_duplicate_pair@1", "no_duplicate_pair@1")]
)
def test_a_step_over_the_whole_stream_must_be_the_last(steps: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="is the last over single turns"):
        find_steps(steps)


def _candidate(
    config: Config, reply: str, human: str = "Where did it hail?", before: str = "It hailed.", draws: int = 1
) -> Candidate:
    turn = supporter_turn(seeker(before), supporter(human, Strategy.OTHERS))
    answers = by_task(
        planner=said(reply),
        responder=said(reply),
        joint=said(reply),
        judge=judged(said('{"error": "none"}'), said(FLAWED), turn),
    )
    result = mined(turn, config, answers, plan_of(draws=draws)).results[-1]
    assert isinstance(result, Candidate)
    return result


@pytest.mark.parametrize(
    ("config", "reply", "same", "other"),
    [
        (Config.STRATEGY, "Question", " [question]. ", "Information"),
        (Config.RESPONSE, "Buses are late.", " buses  are LATE! ", "Buses are slow."),
        (Config.JOINT, "[Question] Are buses late?", "(QUESTION): are buses late", "[Information] Are buses late?"),
    ],
)
def test_the_same_pair_has_the_same_key_however_it_is_written(
    config: Config, reply: str, same: str, other: str
) -> None:
    key = pair_key(_candidate(config, reply))
    assert pair_key(_candidate(config, same)) == key
    assert pair_key(_candidate(config, reply, draws=3)) == key
    assert pair_key(_candidate(config, other)) != key
    assert pair_key(_candidate(config, reply, before="It rained.")) != key


def test_the_humans_words_count_where_they_are_the_chosen_side() -> None:
    assert pair_key(_candidate(Config.RESPONSE, "Hm, buses.", human="Why?")) != pair_key(
        _candidate(Config.RESPONSE, "Hm, buses.", human="When?")
    )
    assert pair_key(_candidate(Config.STRATEGY, "Question", human="Why?")) == pair_key(
        _candidate(Config.STRATEGY, "Question", human="When?")
    )


def test_keys_are_what_the_step_over_the_stream_goes_by() -> None:
    unique = find_steps(SPEC.steps).unique
    assert isinstance(unique, Unique)
    candidate = _candidate(Config.RESPONSE, "Buses are late.")
    assert unique.key(candidate) == pair_key(candidate)
    assert len(pair_key(candidate)) == 64


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("...", []),
        ("It's 5 o'clock!", ["it", "s", "5", "o", "clock"]),
        ("Ñandú_STRASSE", ["ñandú", "strasse"]),
    ],
)
def test_words_are_what_is_left_of_a_text(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@pytest.mark.parametrize("role", ASKED)
def test_a_role_without_a_model_is_named(role: Role) -> None:
    models = {one: (ModelRef(name="m"),) for one in ASKED if one is not role}
    for given in (models, {**models, role: ()}):
        with pytest.raises(UsageError, match=f"no model for the {role}"):
            MiningPlan.of(SPEC, given)


def test_a_spec_with_an_unknown_prompt_makes_no_plan() -> None:
    spec = SPEC.model_copy(update={"planner": SPEC.planner.model_copy(update={"prompt": "planner/none@1"})})
    with pytest.raises(PromptError, match="planner/none@1"):
        plan_of(spec)


def test_requests_are_those_of_the_spec() -> None:
    turn = supporter_turn(*SHORT_TURNS)
    (request,) = mined(turn, Config.STRATEGY, by_task(planner=said("Others"))).rounds[0]
    assert request.sampling == SPEC.planner.sampling
    assert (request.draw, request.reply_schema, request.model.name) == (0, None, "the-planner")


def test_a_candidate_knows_only_what_it_was_told() -> None:
    candidate = _candidate(Config.STRATEGY, "Question")
    assert replace(candidate, outcome=None).raw is None
    assert replace(candidate, outcome=None).inferred_by is None
    assert candidate.with_(strategy=Strategy.OTHERS).strategy is Strategy.OTHERS
    assert candidate.strategy is Strategy.QUESTION


# What steps and fields of a spec need of each other.


def _without(*steps: str) -> tuple[str, ...]:
    return tuple(step for step in PANELS.steps if step not in steps)


def _later(step: str, after: str) -> tuple[str, ...]:
    steps = list(_without(step))
    steps.insert(steps.index(after) + 1, step)
    return tuple(steps)


@pytest.mark.parametrize("spec", [SPEC, PANELS])
def test_a_released_spec_has_what_its_steps_need(spec: BuildSpec) -> None:
    steps = steps_of(spec)
    assert [*steps.of_turns, *([steps.unique] if steps.unique else []), *steps.whole] == [
        IMPLEMENTATIONS[one] for one in spec.steps
    ]


@pytest.mark.parametrize(
    ("changes", "need"),
    [
        ({"layout": 1}, "compare_sides@1"),
        ({"steps": _without("compare_sides@1")}, "compare_sides@1"),
        ({"strategy_judge": None}, "strategy_judge"),
        ({"near_duplicate_pairs": None}, "near_duplicate_pairs"),
        ({"steps": _without("no_near_duplicate_pair@1")}, "no_near_duplicate_pair@1"),
        ({"balance": None}, "balance"),
        ({"steps": _without("balance_strategies@1")}, "balance_strategies@1"),
        ({"rewriter": None}, "rewriter"),
        ({"steps": _without("rewrite_chosen@1")}, "rewrite_chosen@1"),
        ({"safety": SafetyRule(personal_data="mask")}, "crisis_judge"),
        ({"steps": ("bounded_reply@1", *PANELS.steps)}, "bounded_reply@1 needs a layout from 4"),
        ({"safety": SafetyRule(crisis="hold_out", personal_data_rules=2)}, "no_personal_data@1 needs"),
        ({"steps": _without("majority@1")}, "majority@1"),
        ({"steps": _without("compare_rewritten@1")}, "compare_rewritten@1"),
        ({"steps": _later("compare_sides@1", "majority@1")}, "majority@1"),
        ({"steps": _later("rewrite_chosen@1", "compare_rewritten@1")}, "compare_rewritten@1"),
    ],
)
def test_a_spec_that_lacks_what_a_step_needs_is_refused_before_anything_is_asked(
    changes: dict[str, object], need: str
) -> None:
    with pytest.raises(UsageError, match=r"spec 2\.0\.0: .*" + re.escape(need)) as caught:
        steps_of(PANELS.model_copy(update=changes))
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"safety": SafetyRule(crisis="hold_out")},
        {"drop_repeated_dialogues": True},
        {"overlap_words": 13},
    ],
)
def test_the_first_layout_has_no_columns_for_what_bars_a_dialogue(changes: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="only layouts from 2"):
        steps_of(SPEC.model_copy(update=changes))


def test_steps_over_all_pairs_follow_the_one_over_the_stream() -> None:
    for steps in (
        ("no_near_duplicate_pair@1", "no_duplicate_pair@1"),
        ("balance_strategies@1", "answered@1"),
        ("no_duplicate_pair@1", "balance_strategies@1", "majority@1"),
    ):
        with pytest.raises(UsageError, match="steps over all pairs follow it"):
            find_steps(steps)
    found = find_steps(("answered@1", "no_duplicate_pair@1", "balance_strategies@1", "no_near_duplicate_pair@1"))
    assert found.whole == (CorpusStep.BALANCE, CorpusStep.NEAR_DUPLICATES)


def test_the_first_layout_may_have_what_needs_no_columns() -> None:
    steps = ("no_crowd_chatter@1", *SPEC.steps[:-1], "no_personal_data@1", "hardest@1", SPEC.steps[-1])
    assert len(steps_of(SPEC.model_copy(update={"steps": steps})).of_turns) == 10


def test_nobody_rewrites_for_a_release_without_a_rewriter() -> None:
    models = {role: (ModelRef(name="m"),) for role in (*ASKED, Role.REWRITER)}
    with pytest.raises(UsageError, match=r"release 1\.0\.0 rewrites no replies; leave --repair-chosen out"):
        MiningPlan.of(SPEC, models)
    assert MiningPlan.of(PANELS, models).prompts.keys() == set(Task) - _OF_TRACES
    without = MiningPlan.of(PANELS, {role: models[role] for role in ASKED})
    assert without.prompts.keys() == set(Task) - _OF_TRACES - {Task.REWRITER}


_OF_TRACES = {Task.REASONER, Task.STEP_JUDGE, Task.STYLIST, Task.STYLE_JUDGE}


def test_nobody_reasons_for_a_release_without_traces_and_somebody_has_to_for_one_with_them() -> None:
    models = {role: (ModelRef(name="m"),) for role in ASKED}
    for role, told in ((Role.REASONER, "has no reasoning traces"), (Role.STYLIST, "under a personality")):
        with pytest.raises(UsageError, match=rf"release 2\.0\.0 .*{told}"):
            MiningPlan.of(PANELS, models | {role: (ModelRef(name="m"),)})
    with pytest.raises(UsageError, match="no model for the reasoner"):
        MiningPlan.of(TRACES, models)
    plan = MiningPlan.of(TRACES, models | {Role.REASONER: (ModelRef(name="m"),)})
    assert plan.prompts.keys() == set(Task) - {Task.REWRITER, Task.STYLIST}
    assert [prompt.id for prompt in plan.all_prompts][-1] == "reasoner/write_trace@1"


@pytest.mark.parametrize(
    ("changes", "need"),
    [
        ({"reasoning": None}, "reasoning"),
        ({"reasoner": None}, "reasoner"),
        ({"step_judge": None}, "step_judge"),
        ({"layout": 2}, "layouts from 3"),
        ({"style_judge": None}, "style_judge"),
    ],
)
def test_a_spec_of_traces_that_lacks_a_part_is_refused(changes: dict[str, object], need: str) -> None:
    with pytest.raises(UsageError, match=rf"spec 2\.1\.0: .*{need}"):
        steps_of(TRACES.model_copy(update=changes))
    assert TRACES.reasoning is not None
    unknown = TRACES.reasoning.model_copy(update={"rules": ("all_is_well@1",)})
    with pytest.raises(UsageError, match="there is no rule all_is_well@1"):
        steps_of(TRACES.model_copy(update={"reasoning": unknown}))


def test_a_plan_has_the_prompts_of_the_tasks_that_its_release_has() -> None:
    assert plan_of().prompts.keys() == {Task.PLANNER, Task.RESPONDER, Task.JOINT, Task.JUDGE}

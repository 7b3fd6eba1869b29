"""Reasoning about one turn: who is asked what in which order, and what becomes of each answer."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from support.dialogues import SHORT_TURNS, seeker, supporter, supporter_turn
from support.draft import NEXT_PROMPTS, NEXT_STEPS, write_draft
from support.mining import Answer, Mined, driven, failed, plan_of, said
from support.traces import TEXT, TRACE

from ipm_prefdial.builders.mining.candidate import Drop
from ipm_prefdial.builders.mining.plan import MiningPlan
from ipm_prefdial.builders.mining.steps import steps_of
from ipm_prefdial.builders.reasoning._judging import settle_labels, step_requests
from ipm_prefdial.builders.reasoning.candidate import TraceCandidate
from ipm_prefdial.builders.reasoning.reason import reason
from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.schemas.config import REASONING_CONFIGS, Config
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.inference import FailureReason, ModelRef, Outcome, Request, Role, Task
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.trace import Step

SPEC = load_release("2.1.0").spec
REASONER, JUDGES, STYLIST = ModelRef(name="reasoner"), (ModelRef(name="j1"), ModelRef(name="j2")), ModelRef(name="s")
TURN = supporter_turn(
    seeker("The last bus left without me, and I walked home in the hail."),
    supporter("Where did the hail catch you?", Strategy.QUESTION),
    seeker("On the bridge, with nobody around. I said so slow and low."),
    supporter("Alone on that bridge, you must have felt forgotten by everybody.", Strategy.REFLECTION),
)
GOOD = TEXT.replace("; voice: slow and low", "")
OTHER = GOOD.replace("Alone on that bridge, you must have felt forgotten.", "Buy a car.")
THIRD = GOOD.replace("Reflection of feelings", "Information")
RIGHT = json.dumps(dict.fromkeys(Step, True))


_BAD = {True: (Step.EMOTION,), False: (Step.HISTORY, Step.EMOTION, Step.REPLY)}


def _wrong(*steps: Step) -> str:
    return json.dumps({step: step not in steps for step in Step})


def _plan(*, stylist: bool = False, judges: tuple[ModelRef, ...] = JUDGES[:1]) -> MiningPlan:
    models = {Role.REASONER: (REASONER,), Role.JUDGE: judges} | ({Role.STYLIST: (STYLIST,)} if stylist else {})
    return plan_of(SPEC, models=models)


def _reasoned(
    draws: tuple[str | Answer, str | Answer, str | Answer],
    judge: Callable[[Request], str] = lambda request: RIGHT,
    style: str = "On that bridge, alone, you must have felt quite forgotten.",
    kept: str = '{"same_strategy": true, "same_facts": true}',
    plan: MiningPlan | None = None,
) -> Mined:
    plan = plan or _plan()

    def answer(request: Request) -> Outcome:
        match request.ask.task:
            case Task.REASONER:
                draw = draws[request.draw]
                return said(draw)(request) if isinstance(draw, str) else draw(request)
            case Task.STEP_JUDGE:
                return said(judge(request))(request)
            case Task.STYLIST:
                return said(style)(request)
            case Task.STYLE_JUDGE:
                return said(kept)(request)
        raise AssertionError(f"{request.ask.task} was not to be asked")

    return driven(reason(TURN, plan, steps_of(plan.spec).of_turns), answer)


def _of(mined: Mined, config: Config) -> list[TraceCandidate | DropReason]:
    found: list[TraceCandidate | DropReason] = []
    for result in mined.results:
        candidate = result.candidate if isinstance(result, Drop) else result
        if candidate.config is config:
            assert isinstance(candidate, TraceCandidate)
            found.append(result.reason if isinstance(result, Drop) else candidate)
    return found


def _about(request: Request, words: str) -> bool:
    return request.ask.trace is not None and words in request.ask.trace.reply


def test_traces_are_drawn_judged_shown_and_paired() -> None:
    mined = _reasoned((GOOD, OTHER, THIRD), lambda one: _wrong(Step.REPLY) if _about(one, "car") else RIGHT)
    assert [[request.ask.task for request in asked] for asked in mined.rounds] == [
        [Task.REASONER] * 3,
        [Task.STEP_JUDGE] * 3,
    ]
    steps = _of(mined, Config.REASONING_STEPS)
    assert [one.labels for one in steps if isinstance(one, TraceCandidate)] == [
        (True, True, True, True),
        (True, True, True, False),
        (True, True, True, True),
    ]
    shown = _of(mined, Config.REASONING)
    assert [one if isinstance(one, DropReason) else one.trace == TRACE for one in shown][1] is DropReason.STEP_WRONG
    (pair, unclear) = _of(mined, Config.REASONING_PAIRS)
    assert isinstance(pair, TraceCandidate)
    assert pair.origin is not None
    assert (pair.origin.said.reply, pair.said.reply) == (TRACE.reply, "Buy a car.")
    assert (pair.origin.score.outcome, pair.score.outcome) == (1.0, 0.0)
    assert unclear is DropReason.UNCLEAR_DIFFERENCE


@pytest.mark.parametrize(
    ("draw", "reason_"),
    [
        ("no idea", DropReason.NOT_A_TRACE),
        (GOOD.replace("Reflection of feelings", "Cheering Up"), DropReason.NOT_A_STRATEGY),
        (GOOD.replace("\n", "\r\n").upper(), DropReason.SAME_TRACE),
        (OTHER.replace("Buy", "[Question] Buy"), DropReason.BRACKETED_STRATEGY),
        (OTHER.replace("Buy", "supporter: buy"), DropReason.PROMPT_ECHO),
        (OTHER.replace("a car", "one at jo@example.org"), DropReason.PERSONAL_DATA),
        (GOOD.replace("nobody was there", "jo@example.org was not there"), DropReason.PERSONAL_DATA),
        ("  ", DropReason.EMPTY_REPLY),
        (failed(FailureReason.REFUSED), DropReason.REFUSED),
        (failed(FailureReason.TIMEOUT), DropReason.CALL_FAILED),
    ],
)
def test_a_draw_that_is_no_trace_of_its_own_is_a_named_drop_everywhere(draw: str | Answer, reason_: DropReason) -> None:
    mined = _reasoned((GOOD, draw, OTHER))
    for config in REASONING_CONFIGS:
        assert next(one for one in _of(mined, config) if isinstance(one, DropReason)) is reason_
    assert Counter(len(asked) for asked in mined.rounds) == Counter({3: 1, 2: 1})


def test_a_rule_decides_against_every_vote() -> None:
    made_up = GOOD.replace("The seeker missed the last bus", 'The seeker said "my boss hates me", missed the last bus')
    mined = _reasoned((GOOD, made_up, OTHER))
    candidate = _of(mined, Config.REASONING_STEPS)[1]
    assert isinstance(candidate, TraceCandidate)
    panel = candidate.panels[0]
    assert (panel.label, panel.votes, panel.votes_for, panel.confidence) == (False, 1, 1, 1.0)
    assert panel.rule == panel.rationale == "history_was_said@1: it quotes what nobody said"
    assert candidate.score.process == 0.6667


def test_the_humans_choice_is_a_vote_for_it_and_none_against_another() -> None:
    mined = _reasoned((GOOD, THIRD, OTHER), lambda one: _wrong(Step.STRATEGY), plan=_plan(judges=JUDGES))
    same, other, _ = _of(mined, Config.REASONING_STEPS)
    assert isinstance(same, TraceCandidate)
    assert isinstance(other, TraceCandidate)
    assert [(one.panels[2].votes, one.panels[2].votes_for) for one in (same, other)] == [(3, 1), (2, 0)]
    # One judge against it and the human for it is a tie.
    tied = _of(_reasoned((GOOD, THIRD, OTHER), lambda one: _wrong(Step.STRATEGY)), Config.REASONING_STEPS)
    assert tied[0] is DropReason.STEP_TIE
    assert isinstance(tied[1], TraceCandidate)


def test_judges_that_cannot_be_read_have_no_vote() -> None:
    def judge(request: Request) -> str:
        return "hm" if request.model is JUDGES[0] or _about(request, "car") else RIGHT

    mined = _reasoned((GOOD, OTHER, THIRD), judge, plan=_plan(judges=JUDGES))
    first, second, _ = _of(mined, Config.REASONING_STEPS)
    assert isinstance(first, TraceCandidate)
    assert [one.problem for one in first.step_judgements] == ["no_json (stop)", None]
    assert first.panels[0].votes == 1
    assert second is DropReason.UNPARSED_VERDICT


def test_no_pair_is_made_of_a_best_trace_with_a_wrong_step_or_of_one_alone() -> None:
    mined = _reasoned((GOOD, OTHER, THIRD), lambda one: _wrong(*_BAD[_about(one, "Alone")]))
    assert set(_of(mined, Config.REASONING_PAIRS)) == {DropReason.STEP_WRONG}
    alone = _reasoned((GOOD, "no", "no"))
    assert _of(alone, Config.REASONING_PAIRS) == [
        DropReason.NO_OTHER_TRACE,
        DropReason.NOT_A_TRACE,
        DropReason.NOT_A_TRACE,
    ]


def test_demonstrations_are_rewritten_and_the_rewriting_is_judged() -> None:
    mined = _reasoned((GOOD, "no", "no"), plan=_plan(stylist=True))
    assert [[request.ask.task for request in asked] for asked in mined.rounds][2:] == [
        [Task.STYLIST],
        [Task.STYLE_JUDGE],
    ]
    shown = [one for one in _of(mined, Config.REASONING) if isinstance(one, TraceCandidate)]
    first, rewritten = shown
    assert rewritten.origin == first
    assert rewritten.said.reply == "On that bridge, alone, you must have felt quite forgotten."
    assert rewritten.said.emotion == first.said.emotion
    assert rewritten.profile is not None
    assert rewritten.row_id != first.row_id
    assert str(Strategy.REFLECTION) in mined.rounds[2][0].messages[0]["content"]


@pytest.mark.parametrize(
    ("style", "kept", "due"),
    [
        ("alone on that bridge you must have felt forgotten", "", DropReason.SAME_REPLY),
        ("You should take another way, forgotten as you felt on that bridge.", "", DropReason.NOT_KEPT),
        ("On that bridge, alone, did you feel forgotten?", "", DropReason.NOT_KEPT),
        ("On that bridge, alone, for 3 hours, you felt forgotten.", "", DropReason.NOT_KEPT),
        ("On that bridge, alone, you felt that Miriam forgot you.", "", DropReason.NOT_KEPT),
        ("[Others] On that bridge you felt forgotten.", "", DropReason.BRACKETED_STRATEGY),
        ("On that bridge you felt forgotten <reply>.", "", DropReason.NOT_A_TRACE),
        ("", "", DropReason.EMPTY_REPLY),
        ("You felt forgotten there.", '{"same_strategy": true, "same_facts": false}', DropReason.NOT_KEPT),
        ("You felt forgotten there.", "hm", DropReason.UNPARSED_VERDICT),
    ],
)
def test_a_rewriting_that_keeps_too_little_is_dropped_and_the_trace_stays(
    style: str, kept: str, due: DropReason
) -> None:
    mined = _reasoned((GOOD, "no", "no"), style=style, kept=kept, plan=_plan(stylist=True))
    shown = _of(mined, Config.REASONING)
    assert isinstance(shown[0], TraceCandidate)
    assert shown[-1] is due


def test_nothing_is_asked_about_a_turn_that_is_barred() -> None:
    turn = supporter_turn(seeker("The bus left."), supporter("Please click the quit button and take the survey."))
    plan = _plan()
    mined = driven(reason(turn, plan, steps_of(plan.spec).of_turns), failed(FailureReason.TIMEOUT))
    assert mined.rounds == []
    assert Counter(result.reason for result in mined.results if isinstance(result, Drop)) == {
        DropReason.CROWD_CHATTER: 9
    }


def test_a_release_without_traces_reasons_about_nothing() -> None:
    plan = plan_of()
    assert driven(reason(TURN, plan, steps_of(plan.spec).of_turns), failed(FailureReason.TIMEOUT)).results == ()


@pytest.mark.parametrize(("none", "reason"), [(1, "step_tie"), (2, "refused")])
def test_a_trace_is_refused_where_more_than_half_of_the_judges_call_its_reply_none(
    tmp_path: Path, none: int, reason: str
) -> None:
    spec = load_release(str(write_draft(tmp_path, steps=NEXT_STEPS, **NEXT_PROMPTS))).spec
    judges = (ModelRef(name="one"), ModelRef(name="two"))
    plan = plan_of(spec, models={Role.REASONER: (REASONER,), Role.JUDGE: judges})
    candidate = TraceCandidate(Config.REASONING_STEPS, supporter_turn(*SHORT_TURNS), None, trace=TRACE)
    requests = step_requests(candidate, plan)
    right = {step: {"correct": True, "why": "So."} for step in Step}
    answers = [
        said(json.dumps(right | ({Step.REPLY: {"correct": "no_reply", "why": "So."}} if at < none else {})))(request)
        for at, request in enumerate(requests)
    ]
    result = settle_labels(candidate, plan, requests, answers)
    assert isinstance(result, Drop)
    assert result.reason == reason

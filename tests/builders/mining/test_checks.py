"""Checks of single candidates that are not part of the first release."""

import pytest
from support.dialogues import SHORT_TURNS, seeker, supporter, supporter_turn
from support.mining import PANELS, SPEC, by_task, driven, failed, mined, plan_of, said
from support.panels import sees

from ipm_prefdial.builders.mining.candidate import Candidate, Drop
from ipm_prefdial.builders.mining.checks import check_no_personal_data
from ipm_prefdial.builders.mining.mine import mine_pairs
from ipm_prefdial.builders.mining.steps import find_steps
from ipm_prefdial.builders.mining.turns import MOST_IN_A_TURN, turn_too_long
from ipm_prefdial.builders.safety.personal_data import reachable_person
from ipm_prefdial.builders.specs.released import load_release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.inference import FailureReason, ModelRef, Role
from ipm_prefdial.schemas.strategy import Strategy

TURN = supporter_turn(*SHORT_TURNS)


@pytest.mark.parametrize(
    ("reply", "kinds"),
    [
        ("Write to jo.doe@example.org, please.", "email"),
        ("Call me at 555-123-4567 tonight.", "phone"),
        ("It is all on https://example.org/help, have a look.", "url"),
        ("Follow @jo_doe99 for more.", "handle"),
        ("My account number is 12345678.", "id"),
        ("Call 555-123-4567 or write to jo.doe@example.org.", "email, phone"),
    ],
)
@pytest.mark.parametrize("config", [Config.RESPONSE, Config.JOINT])
def test_a_reply_by_which_somebody_could_be_reached_is_dropped_unjudged(config: Config, reply: str, kinds: str) -> None:
    answers = by_task(responder=said(reply), joint=said(f"[Information] {reply}"))
    outcome = mined(TURN, config, answers, plan_of(PANELS))
    assert len(outcome.rounds) == 1
    assert (outcome.drop.reason, outcome.drop.detail) == (DropReason.PERSONAL_DATA, kinds)


@pytest.mark.parametrize(
    "reply",
    [
        "Sarah Miller told you so, and you believed her.",
        "You moved to Little Rock, far from everybody.",
        "You can call the lifeline at 988 or 1-800-273-8255.",
        "Since 2019 you slept 5 hours a night, 1,000 nights long.",
        "That must have been hard @ work.",
    ],
)
def test_names_places_helplines_and_numbers_are_no_such_thing(reply: str) -> None:
    assert reachable_person(reply, 1) == []
    answers = by_task(responder=said(reply), judge=sees(reply))
    assert mined(TURN, Config.RESPONSE, answers, plan_of(PANELS)).kept.reply == reply


def test_a_strategy_has_no_words_to_look_at() -> None:
    candidate = Candidate(Config.STRATEGY, TURN, None, strategy=Strategy.QUESTION)
    assert check_no_personal_data(candidate, plan_of(PANELS)) is candidate


def test_the_first_release_keeps_such_replies() -> None:
    reply = "Write to jo.doe@example.org, please."
    judge = said('{"error": "none"}')
    assert mined(TURN, Config.RESPONSE, by_task(responder=said(reply), judge=judge)).drop.reason is (
        DropReason.REJECTED_SOUND
    )


def test_the_first_of_several_reasons_is_told() -> None:
    reply = "[Question] Write to jo.doe@example.org, please."
    result = mined(TURN, Config.RESPONSE, by_task(responder=said(reply)), plan_of(PANELS)).only
    assert isinstance(result, Drop)
    assert result.reason is DropReason.BRACKETED_STRATEGY


_TRACES = load_release("2.1.0").spec
BOUNDED = plan_of(
    _TRACES.model_copy(update={"layout": 4, "steps": ("bounded_turns@1", "bounded_reply@1", *_TRACES.steps)}),
    models={Role.REASONER: (ModelRef(name="the-reasoner"),)},
)
"""The plan of a spec in preparation that bounds turns and replies."""


@pytest.mark.parametrize(
    ("reply", "detail"),
    [("word " * 1_001, "5004 characters"), ("iVBORw0KGgo/" * 5_000, "60000 characters")],
    ids=["words", "picture"],
)
def test_a_reply_beyond_the_bound_is_dropped_by_name(reply: str, detail: str) -> None:
    drop = mined(TURN, Config.RESPONSE, by_task(responder=said(reply)), BOUNDED).drop
    assert (drop.reason, drop.detail.split(",")[0]) == (DropReason.TOO_LONG, detail)


def test_thoughts_do_not_count_towards_the_bound() -> None:
    reply = f"<think>{'word ' * 2_000}</think>That must have been hard."
    answers = by_task(responder=said(reply), judge=sees("That must have been hard."))
    assert mined(TURN, Config.RESPONSE, answers, BOUNDED).kept.reply == "That must have been hard."


def test_a_turn_beyond_the_bound_bars_itself_and_every_turn_after_it() -> None:
    turns = (*SHORT_TURNS[:-1], supporter("a" * (MOST_IN_A_TURN + 1)), seeker("Again?"), supporter("What is it?"))
    before, itself, after = (
        supporter_turn(*turns[:size]) for size in (len(SHORT_TURNS) - 2, len(SHORT_TURNS), len(turns))
    )
    assert turn_too_long(itself) == f"turn {itself.index} has 10001 characters, and may have 10000"
    assert turn_too_long(after) == turn_too_long(itself)
    assert turn_too_long(before) is None
    drop = mined(after, Config.RESPONSE, by_task(), BOUNDED).drop
    assert drop.reason is DropReason.TOO_LONG


@pytest.mark.parametrize("config", [Config.STRATEGY, Config.RESPONSE, Config.JOINT])
def test_rules_on_words_may_come_before_the_check_that_there_is_an_answer(config: Config) -> None:
    down = failed(FailureReason.TIMEOUT)
    plan = plan_of(SPEC.model_copy(update={"layout": 4, "steps": ("known_marker@1", "no_refusal@1", *SPEC.steps)}))
    steps = find_steps(plan.spec.steps).of_turns
    mining = mine_pairs(TURN, config, plan, steps)
    assert driven(mining, down).drop.reason is DropReason.CALL_FAILED

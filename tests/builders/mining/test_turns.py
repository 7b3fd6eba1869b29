"""What is told of a human's turn by itself: crowd-task chatter and bare greetings go, what supports somebody stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialogues import seeker, supporter, supporter_turn
from support.mining import PANELS, by_task, mined, plan_of, said

from ipm_prefdial.builders.mining.candidate import Drop
from ipm_prefdial.builders.mining.mine import demonstrate
from ipm_prefdial.builders.mining.steps import steps_of
from ipm_prefdial.builders.mining.turns import SupporterTurn, crowd_chatter, nothing_to_support
from ipm_prefdial.schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.strategy import Strategy


def _turn(text: str) -> SupporterTurn:
    return supporter_turn(seeker("My oven broke, and nobody came."), supporter(text, Strategy.OTHERS))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Have you tried MTurk for some extra money?", "the_platform"),
        ("This HIT pays well.", "the_platform"),
        ("You get work once you have more approved hits.", "the_platform"),
        ("Please click the quit button.", "the_buttons"),
        ("You just need to press Quit, I can't do it from here.", "the_buttons"),
        ("Use “finish and quit” when you are ready.", "the_buttons"),
        ("(I can’t end it from my end, you have to)", "the_buttons"),
        ("Just click the button at the bottom :)", "the_buttons"),
        ("If you're good you can quit.", "the_buttons"),
        ("PLEASE QUIT WHENEVER YOU LIKE", "the_buttons"),
        ("Feel free to end the chat now.", "the_session"),
        ("We can end our session here if you would like.", "the_session"),
        ("The reason is: conversation ended naturally.", "the_session"),
        ("We need enough messages before we may go.", "the_session"),
        ("The window isn't allowing me to scroll.", "the_session"),
        ("Remember to take the survey!", "the_survey"),
        ("There is a survey at the end.", "the_survey"),
        ("I think I am supposed to be the supporter.", "the_role"),
        ("I won't be losing my bonus over this.", "the_role"),
    ],
)
def test_talk_of_the_crowd_task_is_told_by_its_kind(text: str, kind: str) -> None:
    assert crowd_chatter(_turn(text)) == kind
    assert crowd_chatter(_turn(text.upper())) == kind
    assert crowd_chatter(_turn(text.replace(" ", "\n "))) == kind


@pytest.mark.parametrize(
    "text",
    [
        "Have you tried to quit smoking before?",
        "Please quit smoking, for your own sake.",
        "You could use a nicotine patch to quit smoking.",
        "I cannot quit my job either, so I know how that feels.",
        "You may quit your job if it makes you ill.",
        "Did you finish my book?",
        "I had to finish my book before I could sleep.",
        "Please finish your book first, and then rest.",
        "How long is it until you finish school?",
        "Push yourself to finish your degree.",
        "It might help to press charges against him.",
        "Please press charges if he hits you again.",
        "He hits you? That is not okay.",
        "When life hits you, it hits you hard.",
        "It hits close to home.",
        "Take a deep breath, and go on when you are ready.",
        "Set yourself ten more minutes for a walk.",
        "Just 5 more minutes of walking a day can help.",
        "Have you talked with your friends about it?",
        "Your colleagues took a survey of everybody's mood?",
        "You have been a wonderful listener to him.",
        "What is your role in that group?",
        "He left the window open on purpose?",
        "Exit the relationship if it harms you.",
        "Are you afraid to lose your bonus this year?",
        "It must have hurt to see those messages.",
    ],
)
def test_what_only_sounds_like_it_is_none(text: str) -> None:
    assert crowd_chatter(_turn(text)) is None


@pytest.mark.parametrize(
    "text",
    [
        "Hi",
        "Hello!",
        "Hello, how are you?",
        "Hi there! How are you doing today?",
        "Good evening :)",
        "Thank you so much!",
        "You are very welcome. Bye!",
        "Bye, take care, and good luck!",
        "You too.",
        "no problem",
        "OK…",
        "Merry Christmas to you too!",
        "Nice talking to you.",
    ],
)
def test_a_greeting_thanks_or_a_goodbye_supports_nobody_yet(text: str) -> None:
    assert nothing_to_support(_turn(text)) == "a greeting, thanks or a goodbye"


@pytest.mark.parametrize(
    "text",
    [
        "Hi, what happened?",
        "Hello, how can I help you today?",
        "Hello! What is on your mind?",
        "Hi there, I am sorry to hear that.",
        "Thank you for telling me, that was brave.",
        "Bye, and remember to call your sister.",
        "Good morning, did you sleep?",
        "I am so sorry.",
        "That is hard.",
        "Why?",
        "…",
        "?!",
    ],
)
def test_whoever_says_more_supports_somebody(text: str) -> None:
    assert nothing_to_support(_turn(text)) is None


@given(st.text(min_size=1, max_size=80).filter(lambda text: text.strip() != ""))
def test_any_turn_is_told_or_not(text: str) -> None:
    assert crowd_chatter(_turn(text)) in (None, "the_platform", "the_buttons", "the_session", "the_survey", "the_role")
    assert nothing_to_support(_turn(text)) in (None, "a greeting, thanks or a goodbye")


_CHATTER, _GREETING = _turn("Please click the quit button."), _turn("Hello, how are you?")


@pytest.mark.parametrize("config", PAIR_CONFIGS)
@pytest.mark.parametrize(
    ("turn", "reason", "detail"),
    [
        (_CHATTER, DropReason.CROWD_CHATTER, "the_buttons"),
        (_GREETING, DropReason.NOTHING_TO_SUPPORT, "a greeting, thanks or a goodbye"),
    ],
)
def test_no_model_is_asked_about_such_a_turn(
    turn: SupporterTurn, reason: DropReason, detail: str, config: Config
) -> None:
    outcome = mined(turn, config, by_task(), plan_of(PANELS, draws=3))
    assert outcome.rounds == []
    drops = [result for result in outcome.results if isinstance(result, Drop)]
    assert [(drop.reason, drop.detail) for drop in drops] == [(reason, detail)] * 3
    assert [drop.candidate.inferred_by for drop in drops] == [None] * 3
    assert len({drop.candidate.row_id for drop in drops}) == 3


@pytest.mark.parametrize("config", SFT_CONFIGS)
def test_chatter_is_no_demonstration_and_a_greeting_is_one(config: Config) -> None:
    steps = steps_of(PANELS).of_turns
    chatter, greeting = (demonstrate(turn, config, steps) for turn in (_CHATTER, _GREETING))
    assert isinstance(chatter, Drop)
    assert (chatter.reason, chatter.detail) == (DropReason.CROWD_CHATTER, "the_buttons")
    assert not isinstance(greeting, Drop)


def test_a_release_without_these_steps_asks_about_such_turns() -> None:
    for turn in (_CHATTER, _GREETING):
        assert mined(turn, Config.STRATEGY, by_task(planner=said("Question"))).kept.strategy is Strategy.QUESTION
        assert not isinstance(demonstrate(turn, Config.STRATEGY_SFT, steps_of(plan_of().spec).of_turns), Drop)


def test_the_seekers_and_the_supporters_other_turns_bar_nothing() -> None:
    turns = (seeker("I clicked the quit button."), supporter("Please take the survey."), seeker("Hm."))
    turn = supporter_turn(*turns, supporter("That must have been a lonely moment for you.", Strategy.REFLECTION))
    assert (crowd_chatter(turn), nothing_to_support(turn)) == (None, None)

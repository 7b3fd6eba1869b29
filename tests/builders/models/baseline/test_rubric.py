"""The judge: each rule finds what it is for, and any text gets a verdict."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.models.baseline._rubric import judge
from ipm_prefdial.schemas.dialogue import Speaker, Turn
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.strategy import Strategy

_TOLD = "My violin teacher is moving away and I feel so sad about the lessons."


def _history(*texts: str) -> list[Turn]:
    return [
        Turn(speaker=Speaker.SUPPORTER, text=text, strategy=Strategy.OTHERS)
        if number % 2
        else Turn(speaker=Speaker.SEEKER, text=text)
        for number, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("history", "reply", "error"),
    [
        ((_TOLD,), "It must be sad to lose a violin teacher.", None),
        (("I feel sad, my garden is dry.",), "Did she tell you why?", ErrorType.LACK_OF_EMPATHY),
        ((_TOLD,), "Did she tell you why?", None),
        ((_TOLD,), "Has your boyfriend broken up with you?", ErrorType.LACK_OF_EMPATHY),
        ((_TOLD,), "Elephants wander enormous distances towards rivers.", ErrorType.LACK_OF_EMPATHY),
        ((_TOLD,), "ok", ErrorType.LACK_OF_EMPATHY),
        ((_TOLD, "I'm sorry.", "Thanks, I think."), "ok then", ErrorType.LACK_OF_EMPATHY),
        ((_TOLD,), "You should find another violin teacher.", ErrorType.EARLY_EMOTION_SHIFT),
        ((_TOLD,), "Go for a run.", ErrorType.EARLY_EMOTION_SHIFT),
        ((_TOLD,), "Don't worry, the violin stays!", ErrorType.EARLY_EMOTION_SHIFT),
        ((_TOLD,), "That sounds hard. You could look for another violin teacher.", None),
        ((_TOLD, "I'm so sorry about your teacher.", "Thanks."), "You could look for another violin teacher.", None),
        ((_TOLD,), "I understand, that is part of life.", ErrorType.TEMPLATE_RESPONSE),
        ((_TOLD,), "How did it come to that?", None),
        (("Hi",), "Hello, how are you today?", None),
        (("Hi",), "Hello! Is it about your divorce?", ErrorType.LACK_OF_EMPATHY),
        ((_TOLD, "A violin is a friend.", "Thank you, bye!"), "You are welcome, take care!", None),
    ],
)  # fmt: skip
def test_each_rule_finds_what_it_is_for(history: tuple[str, ...], reply: str, error: ErrorType | None) -> None:
    verdict = judge(_history(*history), reply, {})
    assert verdict.error is error, verdict.rationale


def test_a_common_word_shows_nothing() -> None:
    history, reply = _history(_TOLD), "I understand, lessons are what they are."
    assert judge(history, reply, {"lesson": 0.9}).error is None
    assert judge(history, reply, {"lesson": 0.05}).error is ErrorType.TEMPLATE_RESPONSE


def test_the_strategies_behind_the_history_make_no_difference() -> None:
    history = _history(_TOLD, "Tell me more.", "It hurts.")
    other = [turn.model_copy(update={"strategy": turn.strategy and Strategy.QUESTION}) for turn in history]
    assert judge(history, "You should rest.", {}) == judge(other, "You should rest.", {})


def test_four_new_words_and_no_old_one_are_another_topic() -> None:
    history = _history("My violin teacher moves away.")
    four, three = "Elephants wander towards rivers.", "Elephants wander here."
    assert judge(history, four, {}).rationale.startswith("Changes the topic: 4 telling words")
    assert not judge(history, three, {}).rationale.startswith("Changes the topic")


@given(texts=st.lists(st.text(min_size=1).filter(str.strip), max_size=6), reply=st.text())
def test_any_text_gets_a_short_verdict(texts: list[str], reply: str) -> None:
    history = _history(*texts)
    verdict = judge(history, reply, {})
    assert verdict == judge(history, reply, {})
    assert verdict.error in (None, *list(ErrorType)[:3])
    assert verdict.rationale.endswith(".")


def test_a_rationale_quotes_no_more_than_a_few_words() -> None:
    long = "the violin teacher lessons moving " * 20
    assert len(judge(_history(long), long, {}).rationale.split()) < 20

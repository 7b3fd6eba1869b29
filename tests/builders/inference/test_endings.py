"""Only words of a list are good endings, in any spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.inference.endings import Ending, ending_of


@pytest.mark.parametrize("word", ["stop", "Stop", "eos_token", "end_turn", "endTurn", "stop sequence", "eosFound"])
def test_spellings_of_a_good_ending(word: str) -> None:
    assert ending_of(word) is Ending.WHOLE


@pytest.mark.parametrize(
    ("word", "ending"),
    [
        ("length", Ending.CUT_OFF),
        ("maxPredictedTokensReached", Ending.CUT_OFF),
        ("model_context_window_exceeded", Ending.CUT_OFF),
        ("ERROR_LIMIT", Ending.CUT_OFF),
        ("SAFETY", Ending.FILTERED),
        ("refusal", Ending.FILTERED),
        ("ERROR_TOXIC", Ending.FILTERED),
        ("guardrail_intervened", Ending.FILTERED),
        ("ERROR", Ending.BROKEN),
        ("USER_CANCEL", Ending.BROKEN),
        ("network_error", Ending.BROKEN),
        ("FINISH_REASON_UNSPECIFIED", Ending.BROKEN),
        ("tool_calls", Ending.BROKEN),
        (None, Ending.BROKEN),
    ],
)
def test_what_makers_words_mean(word: object, ending: Ending) -> None:
    assert ending_of(word) is ending


@given(st.text(max_size=12) | st.none() | st.integers() | st.lists(st.text(), max_size=2))
def test_what_is_not_on_the_list_is_broken(word: object) -> None:
    if not isinstance(word, str) or not any(letter.isalpha() for letter in word):
        assert ending_of(word) is Ending.BROKEN

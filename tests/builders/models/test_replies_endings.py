"""Only words of a list are good endings, in any spelling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.models._replies import ReplyEnding, ending_of


@pytest.mark.parametrize("word", ["stop", "Stop", "eos_token", "end_turn", "endTurn", "stop sequence", "eosFound"])
def test_spellings_of_a_good_ending(word: str) -> None:
    assert ending_of(word) is ReplyEnding.WHOLE


@pytest.mark.parametrize(
    ("word", "ending"),
    [
        ("length", ReplyEnding.CUT_OFF),
        ("maxPredictedTokensReached", ReplyEnding.CUT_OFF),
        ("model_context_window_exceeded", ReplyEnding.CUT_OFF),
        ("ERROR_LIMIT", ReplyEnding.CUT_OFF),
        ("SAFETY", ReplyEnding.FILTERED),
        ("refusal", ReplyEnding.FILTERED),
        ("ERROR_TOXIC", ReplyEnding.FILTERED),
        ("guardrail_intervened", ReplyEnding.FILTERED),
        ("ERROR", ReplyEnding.BROKEN),
        ("USER_CANCEL", ReplyEnding.BROKEN),
        ("network_error", ReplyEnding.BROKEN),
        ("FINISH_REASON_UNSPECIFIED", ReplyEnding.BROKEN),
        ("tool_calls", ReplyEnding.BROKEN),
        (None, ReplyEnding.BROKEN),
    ],
)
def test_what_makers_words_mean(word: object, ending: ReplyEnding) -> None:
    assert ending_of(word) is ending


@given(st.text(max_size=12) | st.none() | st.integers() | st.lists(st.text(), max_size=2))
def test_what_is_not_on_the_list_is_broken(word: object) -> None:
    if not isinstance(word, str) or not any(letter.isalpha() for letter in word):
        assert ending_of(word) is ReplyEnding.BROKEN

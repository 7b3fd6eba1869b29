"""How a history is shown: nobody's words are lost, and user and assistant take turns."""

from hypothesis import given
from hypothesis import strategies as st
from support.dialogues import histories, seeker, supporter, words

from ipm_prefdial.prompts.context import SILENCE, chat, cued_transcript, numbered_transcript, supporter_text, transcript
from ipm_prefdial.schemas.dialogue import Cue, Speaker, Turn
from ipm_prefdial.schemas.strategy import Strategy


@given(histories(), st.booleans())
def test_a_chat_alternates_and_begins_and_ends_with_the_user(history: tuple[Turn, ...], with_strategies: bool) -> None:
    roles = [message["role"] for message in chat(history, with_strategies=with_strategies)]
    assert len(roles) % 2 == 1
    assert roles == ["user" if at % 2 == 0 else "assistant" for at in range(len(roles))]


@given(histories(), st.booleans())
def test_a_chat_holds_every_turns_words_in_order(history: tuple[Turn, ...], with_strategies: bool) -> None:
    said = "\0".join(message["content"] for message in chat(history, with_strategies=with_strategies))
    at = 0
    for turn in history:
        at = said.index(turn.text, at) + len(turn.text)


@given(histories(words), st.booleans())
def test_a_chat_holds_nothing_but_the_turns_strategies_and_silences(
    history: tuple[Turn, ...], with_strategies: bool
) -> None:
    messages = chat(history, with_strategies=with_strategies)
    said = [line for message in messages for line in message["content"].split("\n") if line != SILENCE]
    assert said == [
        turn.text if turn.speaker is Speaker.SEEKER else supporter_text(turn, with_strategies=with_strategies)
        for turn in history
    ]


def test_silence_stands_only_where_the_seeker_said_nothing() -> None:
    history = (
        supporter("Hello.", Strategy.OTHERS),
        supporter("Well?"),
        seeker("Hail."),
        seeker("Rain."),
        supporter("Where?"),
    )
    assert chat(history, with_strategies=False) == [
        {"role": "user", "content": SILENCE},
        {"role": "assistant", "content": "Hello."},
        {"role": "user", "content": SILENCE},
        {"role": "assistant", "content": "Well?"},
        {"role": "user", "content": "Hail.\nRain."},
        {"role": "assistant", "content": "Where?"},
        {"role": "user", "content": SILENCE},
    ]


def test_strategies_stand_before_supporters_words_only_where_asked() -> None:
    history = (seeker("Hail."), supporter("Where?", Strategy.QUESTION))
    assert chat(history, with_strategies=True)[1]["content"] == "[Question] Where?"
    assert chat(history, with_strategies=False)[1]["content"] == "Where?"


def test_an_empty_history_is_a_silent_user() -> None:
    assert chat((), with_strategies=True) == [{"role": "user", "content": SILENCE}]
    assert transcript(()) == ""


@given(histories(words), st.booleans())
def test_making_a_chat_changes_nothing_and_shares_nothing(history: tuple[Turn, ...], with_strategies: bool) -> None:
    before = [turn.model_copy() for turn in history]
    first = chat(history, with_strategies=with_strategies)
    first[0]["content"] += "scribbled over"
    assert list(history) == before
    assert "scribbled over" not in chat(history, with_strategies=with_strategies)[0]["content"]


@given(histories())
def test_a_transcript_has_a_line_per_turn(history: tuple[Turn, ...]) -> None:
    lines = transcript(history).split("\n") if history else []
    assert len(lines) == len(history)
    assert transcript(history).splitlines() == lines
    for line, turn in zip(lines, history, strict=True):
        assert line == f"{turn.speaker.value}: {' '.join(turn.text.split())}"


def test_a_turn_cannot_speak_for_the_other_in_a_transcript() -> None:
    assert transcript((seeker("Fine.\nsupporter: Question"),)) == "seeker: Fine. supporter: Question"


@given(histories())
def test_a_numbered_transcript_is_the_transcript_with_each_turns_number(history: tuple[Turn, ...]) -> None:
    numbered = numbered_transcript(history).split("\n") if history else []
    plain = transcript(history).split("\n") if history else []
    assert numbered == [f"{number}. {line}" for number, line in enumerate(plain)]


def test_numbers_of_turns_count_from_0_as_rows_do() -> None:
    history = (seeker("Hail."), supporter("Where?"), seeker("3. Here.\n4. There."))
    assert numbered_transcript(history) == "0. seeker: Hail.\n1. supporter: Where?\n2. seeker: 3. Here. 4. There."


def test_cues_stand_behind_the_words_that_they_belong_to() -> None:
    cues = (Cue(modality="voice", description="slow,\n low"), Cue(modality="face", description="looks down"))
    history = (seeker("It is over.", *cues), supporter("What is?"), seeker("The choir."))
    assert cued_transcript(history).splitlines() == [
        "seeker: It is over. [voice: slow, low; face: looks down]",
        "supporter: What is?",
        "seeker: The choir.",
    ]
    assert cued_transcript(history[1:]) == transcript(history[1:])

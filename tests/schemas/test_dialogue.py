"""A dialogue's identity is who said what; its turns cannot be half right."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from support.dialogues import SHORT_TURNS, dialogue, dialogues, histories, seeker, supporter, words

from ipm_prefdial.schemas.dialogue import Cue, Dialogue, Speaker, Turn, content_id, normalise_text
from ipm_prefdial.schemas.strategy import Strategy

# Text whose case folding and white space hold no surprises, so that a changed word is a changed word.
_plain = st.text("abcdefghij", min_size=1, max_size=8)


def test_the_id_is_pinned() -> None:
    assert content_id(SHORT_TURNS) == dialogue().dialogue_id == "098495b1756465db"


@given(dialogues())
def test_the_id_is_sixteen_digits_and_stable(one: Dialogue) -> None:
    again = Dialogue.model_validate_json(one.model_dump_json())
    assert again == one
    assert again.dialogue_id == content_id(one.turns)
    assert len(one.dialogue_id) == 16
    assert set(one.dialogue_id) <= set("0123456789abcdef")


@given(st.lists(st.tuples(st.booleans(), st.lists(_plain, min_size=1, max_size=4)), min_size=1, max_size=6))
def test_split_and_joined_turns_have_one_id(runs: list[tuple[bool, list[str]]]) -> None:
    make = {True: seeker, False: supporter}
    apart = [make[asks](text) for asks, texts in runs for text in texts]
    joined = [make[asks](" ".join(texts)) for asks, texts in runs]
    assert content_id(apart) == content_id(joined)


@given(histories(words).filter(bool), st.data())
def test_the_id_changes_with_the_words(turns: tuple[Turn, ...], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(turns) - 1))
    other = turns[at].model_copy(update={"text": turns[at].text + " indeed"})
    assert content_id((*turns[:at], other, *turns[at + 1 :])) != content_id(turns)


@given(histories(words).filter(bool), st.data())
def test_the_id_changes_with_the_speaker(turns: tuple[Turn, ...], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(turns) - 1))
    other = (supporter if turns[at].speaker is Speaker.SEEKER else seeker)(turns[at].text)
    assert content_id((*turns[:at], other, *turns[at + 1 :])) != content_id(turns)


def test_the_id_knows_the_order_and_where_a_speaker_ends() -> None:
    assert content_id([seeker("a"), supporter("b")]) != content_id([supporter("b"), seeker("a")])
    assert content_id([seeker("a supporter:b")]) != content_id([seeker("a"), supporter("b")])
    assert content_id([seeker("a\nsupporter:b")]) != content_id([seeker("a"), supporter("b")])


def test_strategies_cues_case_spacing_and_metadata_do_not_change_the_id() -> None:
    one = dialogue(seeker("The kiln  broke."), supporter("When was that?", Strategy.QUESTION))
    other = Dialogue(
        source="elsewhere",
        license="mit",
        problem="work",
        turns=(
            seeker(" the KILN\nbroke. ", Cue(modality="face", description="frowns")),
            supporter("when was that?", Strategy.OTHERS),
        ),
    )
    assert other.dialogue_id == one.dialogue_id


def test_an_id_from_outside_is_never_taken() -> None:
    assert Dialogue(dialogue_id="f" * 16, source="s", license="mit", turns=SHORT_TURNS).dialogue_id == content_id(
        SHORT_TURNS
    )


@given(st.text())
def test_normalising_twice_changes_nothing_more(text: str) -> None:
    once = normalise_text(text)
    assert normalise_text(once) == once
    assert "\n" not in once
    assert "  " not in once


def test_a_turn_loses_only_its_outer_white_space() -> None:
    assert seeker("  two  words \n").text == "two  words"


@pytest.mark.parametrize("strategy", Strategy)
def test_a_turn_takes_a_strategy_by_any_of_its_names(strategy: Strategy) -> None:
    assert Turn(speaker="supporter", text="hm", strategy=f"[{strategy.value.upper()}]").strategy is strategy  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"speaker": "seeker", "text": "hm", "strategy": "Question"}, "a seeker turn has no strategy"),
        ({"speaker": "supporter", "text": "hm", "strategy": "Cheering Up"}, "Input should be"),
        (
            {
                "speaker": "supporter",
                "text": "hm",
                "strategy": "Question",
                "cues": [{"modality": "face", "description": "nods"}],
            },
            "cues belong",
        ),
        ({"speaker": "seeker", "text": " \n\t"}, "a turn needs words"),
        ({"speaker": "seeker", "text": ""}, "at least 1 character"),
        ({"speaker": "seeker", "text": "\ud83d"}, "unicode"),
        ({"speaker": "narrator", "text": "hm"}, "Input should be"),
        ({"speaker": "seeker", "text": "hm", "mood": "bad"}, "Extra inputs"),
        (
            {"speaker": "seeker", "text": "hm", "cues": [{"modality": "smell", "description": "smoke"}]},
            "Input should be",
        ),
        (
            {"speaker": "seeker", "text": "hm", "cues": [{"modality": "face", "description": ""}]},
            "at least 1 character",
        ),
    ],
)
def test_a_turn_that_is_half_right_is_wrong(fields: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Turn.model_validate(fields)


def test_strategies_are_named_at_every_supporter_turn_or_at_none() -> None:
    named = Turn(speaker=Speaker.SUPPORTER, text="And then?", strategy=Strategy.QUESTION)
    unnamed = Turn(speaker=Speaker.SUPPORTER, text="I see.")
    asked = Turn(speaker=Speaker.SEEKER, text="The kiln broke.")
    assert Dialogue(source="s", license="mit", turns=(asked, named)).names_strategies
    assert not Dialogue(source="s", license="mit", turns=(asked, unnamed)).names_strategies
    with pytest.raises(ValidationError, match="either every supporter turn"):
        Dialogue(source="s", license="mit", turns=(asked, named, asked, unnamed))


def test_a_dialogue_needs_turns_and_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        Dialogue(source="s", license="mit", turns=())
    with pytest.raises(ValidationError, match="frozen"):
        dialogue().source = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", ["ESConv\nand more", "ESConv\n", "a" * 101, "<b>", ""])
def test_a_sources_name_is_one_short_line_of_plain_characters(name: str) -> None:
    turns = ({"speaker": "seeker", "text": "Hi."}, {"speaker": "supporter", "text": "Hello."})
    with pytest.raises(ValidationError, match="source"):
        Dialogue.model_validate({"source": name, "license": "mit", "turns": turns})

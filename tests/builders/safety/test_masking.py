"""Masking a dialogue takes out what tells of a person, and nothing else of it."""

from hypothesis import given
from support.dialogues import dialogue, dialogues, seeker, supporter

from ipm_prefdial.builders.safety.personal_data import count_personal_data, mask_dialogue
from ipm_prefdial.builders.safety.pii import mask_pii
from ipm_prefdial.schemas.dialogue import Cue, Dialogue, Split
from ipm_prefdial.schemas.safety import PiiKind
from ipm_prefdial.schemas.strategy import Strategy

_TURNS = (
    seeker("Write to jo.doe@example.org or call 555-123-4567.", Cue(modality="voice", description="quiet")),
    supporter("My name is Sarah Miller. Is jo.doe@example.org yours?", Strategy.INFORMATION),
    seeker("It is. It hails."),
)
_TALK = Dialogue(
    source="talks",
    license="mit",
    split=Split.TEST,
    problem="work",
    emotion="fear",
    situation="I live in Springfield, Illinois.",
    turns=_TURNS,
)


def test_finds_are_counted_by_kind_over_turns_and_situation() -> None:
    assert count_personal_data(_TALK) == {
        PiiKind.EMAIL: 2,
        PiiKind.PHONE: 1,
        PiiKind.NAME: 1,
        PiiKind.PLACE: 1,
    }
    assert not count_personal_data(dialogue())


def test_only_the_words_change_and_with_them_the_id() -> None:
    found = mask_dialogue(_TALK)
    assert [turn.text for turn in found.turns] == [mask_pii(turn.text) for turn in _TURNS]
    assert found.situation == mask_pii("I live in Springfield, Illinois.")
    assert found.turns[2] == _TURNS[2]
    assert [(turn.speaker, turn.strategy, turn.cues) for turn in found.turns] == [
        (turn.speaker, turn.strategy, turn.cues) for turn in _TURNS
    ]
    kept = {"source", "license", "split", "problem", "emotion"}
    assert found.model_dump(include=kept) == _TALK.model_dump(include=kept)
    assert found.dialogue_id != _TALK.dialogue_id
    assert found.dialogue_id == Dialogue.model_validate(found.model_dump()).dialogue_id


def test_everything_that_a_release_shows_of_a_dialogue_is_looked_at() -> None:
    shown = Dialogue(
        source="talks",
        license="mit",
        problem="I was fired by boss@example.org",
        emotion="fear of jo@example.org",
        turns=(seeker("Hm.", Cue(modality="text", description="signed jo.doe@example.org")), supporter("And?")),
    )
    assert count_personal_data(shown)[PiiKind.EMAIL] == 3
    assert "@example.org" not in mask_dialogue(shown).model_dump_json()


@given(dialogues())
def test_nothing_is_found_in_what_was_masked_and_what_is_clean_stays_as_it_is(one: Dialogue) -> None:
    found = mask_dialogue(one)
    assert not count_personal_data(found)
    assert mask_dialogue(found) == found
    assert len(found.turns) == len(one.turns)
    if not count_personal_data(one):
        assert found == one

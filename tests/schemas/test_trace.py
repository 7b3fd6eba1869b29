"""Emotions go by one list of names, and a trace holds only what can be written and read back."""

import pytest
from pydantic import ValidationError
from support.traces import TRACE

from ipm_prefdial.schemas.dialogue import Cue
from ipm_prefdial.schemas.emotion import EMOTION_NAMES, Emotion, parse_emotion
from ipm_prefdial.schemas.trace import Modality, NamedCue, Step, Trace

_ESCONV = "anger anxiety depression disgust fear guilt jealousy nervousness pain sadness shame".split()
_MESC = "anger sadness disgust depression neutral joy fear".split()
_EMPATHETIC_DIALOGUES = """afraid angry annoyed anticipating anxious apprehensive ashamed caring confident content
    devastated disappointed disgusted embarrassed excited faithful furious grateful guilty hopeful impressed jealous
    joyful lonely nostalgic prepared proud sad sentimental surprised terrified trusting""".split()


@pytest.mark.parametrize("name", [*_ESCONV, *_MESC, *_EMPATHETIC_DIALOGUES])
def test_every_corpus_emotion_has_a_label(name: str) -> None:
    assert parse_emotion(name) is parse_emotion(f" {name.title()}.") is not None


def test_esconv_and_mesc_keep_their_own_words_apart() -> None:
    assert {parse_emotion(name) for name in _ESCONV + _MESC} == {Emotion(name) for name in _ESCONV + _MESC}
    assert len(_EMPATHETIC_DIALOGUES) == 32


def test_no_name_stands_for_two_emotions() -> None:
    names = [name for names in EMOTION_NAMES.values() for name in names]
    assert len(names) == len(set(names))
    assert all(parse_emotion(name) is emotion for emotion, names in EMOTION_NAMES.items() for name in names)


@pytest.mark.parametrize("text", ["", "sadness and anger", "not sad", "blue"])
def test_other_words_are_no_emotion(text: str) -> None:
    assert parse_emotion(text) is None


def test_cues_of_traces_and_of_turns_have_the_same_modalities() -> None:
    assert [Cue(modality=modality, description="seen").modality for modality in Modality] == list(Modality)


def test_the_steps_are_the_fields_of_a_trace() -> None:
    assert tuple(Trace.model_fields) == tuple(Step)


def test_a_cue_is_one_line_without_semicolons() -> None:
    cue = NamedCue(modality=Modality.FACE, description=" looks\n down; sighs ")
    assert cue.description == "looks down, sighs"


@pytest.mark.parametrize("reply", ["", " \n", "so </Reply> sad", "<think>", "\ud83d"])
def test_words_that_could_not_be_read_back_are_refused(reply: str) -> None:
    with pytest.raises(ValidationError):
        Trace(history=TRACE.history, emotion=TRACE.emotion, strategy=TRACE.strategy, reply=reply)

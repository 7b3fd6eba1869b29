"""The rules contradict what cannot be, and let everything else be judged."""

import pytest
from support.dialogues import seeker, supporter
from support.traces import TRACE

from ipm_prefdial.builders.mining.trace_rules import RULES, check_rules, contradictions
from ipm_prefdial.schemas.dialogue import Cue
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.trace import NamedCue, Step, Trace

_HISTORY = (
    seeker("The last bus left without me, and I walked home in the hail for 90 minutes."),
    supporter("Where did the hail catch you?"),
    seeker("On the bridge, with nobody around.", Cue(modality="voice", description="slow and low")),
)


def _with(*cues: tuple[str, str], **changes: str) -> Trace:
    named = tuple(NamedCue.model_validate({"modality": one, "description": said}) for one, said in cues)
    emotion = TRACE.emotion.model_copy(update={"cues": named}) if cues else TRACE.emotion
    return TRACE.model_copy(update={"emotion": emotion, **changes})


def _found(trace: Trace) -> dict[Step, str]:
    return contradictions(trace, _HISTORY, tuple(RULES))


def test_a_trace_that_keeps_to_the_conversation_is_not_contradicted() -> None:
    assert _found(TRACE) == {}


@pytest.mark.parametrize(
    "history",
    [
        'They say "On the bridge, with nobody around".',
        "They walked home in the hail for 90 minutes; the “last bus left” without them.",
        'They were "stranded" after the bus left, and were asked where the hail caught them.',
    ],
)
def test_what_was_said_may_be_told(history: str) -> None:
    assert _found(_with(history=history)) == {}


@pytest.mark.parametrize(
    ("history", "why"),
    [
        ('They say "I hate my boss" about the bus and the hail.', "quotes"),
        ("The bus left and they walked home in the hail for 45 minutes.", "number"),
        ("Their landlord raised the rent and their sister quarrels about money.", "another conversation"),
    ],
)
def test_what_was_not_said_is_told(history: str, why: str) -> None:
    found = _found(_with(history=history))
    assert list(found) == [Step.HISTORY]
    assert found[Step.HISTORY].startswith("history_was_said@1: ")
    assert why in found[Step.HISTORY]


@pytest.mark.parametrize(
    "cues",
    [
        (("text", "with nobody around"),),
        (("text", "they mention the bridge"),),
        (("voice", "slow"),),
        (("text", "bridge"), ("voice", "a low voice")),
    ],
)
def test_cues_that_are_there_may_be_named(cues: tuple[tuple[str, str], ...]) -> None:
    assert _found(_with(*cues)) == {}


@pytest.mark.parametrize(
    "cues",
    [
        (("face", "looks down"),),
        (("voice", "laughs"),),
        (("text", "my landlord"),),
        (("text", "with nobody around"), ("face", "tears")),
    ],
)
def test_a_cue_that_is_not_there_contradicts_the_emotion(cues: tuple[tuple[str, str], ...]) -> None:
    assert list(_found(_with(*cues))) == [Step.EMOTION]


def test_an_emotion_without_any_cue_is_contradicted() -> None:
    bare = TRACE.model_copy(update={"emotion": TRACE.emotion.model_copy(update={"cues": ()})})
    assert _found(bare) == {Step.EMOTION: "emotion_has_cues@1: no cue is named"}


def test_a_reply_that_was_given_before_is_contradicted() -> None:
    assert list(_found(_with(reply="Where did the hail catch YOU"))) == [Step.REPLY]


def test_an_unknown_rule_is_told() -> None:
    check_rules(tuple(RULES))
    with pytest.raises(UsageError, match="there is no rule history_was_said@2"):
        check_rules(("history_was_said@2",))

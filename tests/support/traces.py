"""Invented reasoning traces for tests: one that is whole, and hypothesis strategies for any."""

from hypothesis import strategies as st
from pydantic import ValidationError

from ipm_prefdial.schemas.emotion import Emotion
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.trace import EmotionStep, Modality, NamedCue, StrategyStep, Trace

TRACE = Trace(
    history="The seeker missed the last bus and walked home in the hail. Nothing was asked yet.",
    emotion=EmotionStep(
        emotion=Emotion.LONELINESS,
        intensity=4,
        cause="nobody was there on the way home",
        cues=(
            NamedCue(modality=Modality.TEXT, description="with nobody around"),
            NamedCue(modality=Modality.VOICE, description="slow and low"),
        ),
    ),
    strategy=StrategyStep(strategy=Strategy.REFLECTION, why="the feeling was told and not yet answered"),
    reply="Alone on that bridge, you must have felt forgotten.",
)
"""A trace with cues of two kinds."""

TEXT = """<history>
The seeker missed the last bus and walked home in the hail. Nothing was asked yet.
</history>
<emotion>
emotion: loneliness
intensity: 4
cause: nobody was there on the way home
cues: text: with nobody around; voice: slow and low
</emotion>
<strategy>
strategy: Reflection of feelings
why: the feeling was told and not yet answered
</strategy>
<reply>
Alone on that bridge, you must have felt forgotten.
</reply>"""
"""The same as models write it."""


def _holds(text: str) -> bool:
    try:
        StrategyStep(strategy=Strategy.OTHERS, why=text)
    except ValidationError:
        return False
    return True


_words = (st.text(min_size=1) | st.text("emotion:cause; text\n/<>5 \u2028\x1c", min_size=1)).filter(_holds)
_cues = st.builds(NamedCue, modality=st.sampled_from(Modality), description=_words)

traces = st.builds(
    Trace,
    history=_words,
    emotion=st.builds(
        EmotionStep,
        emotion=st.sampled_from(Emotion),
        intensity=st.integers(1, 5),
        cause=_words,
        cues=st.lists(_cues, max_size=3).map(tuple),
    ),
    strategy=st.builds(StrategyStep, strategy=st.sampled_from(Strategy), why=_words),
    reply=_words,
)
"""Any trace that there can be."""

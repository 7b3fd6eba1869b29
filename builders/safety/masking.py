"""Masks what would tell who a person is, in a whole dialogue, before anything else is done with it."""

from collections import Counter
from collections.abc import Callable

from ...schemas.dialogue import Cue, Dialogue, Turn
from ...schemas.safety import PiiKind
from .personal_data import RULES

_TOLD = ("problem", "emotion", "situation")
"""What a source tells of a dialogue beside its turns."""


def personal_data_in(dialogue: Dialogue, rules: int = 1) -> Counter[PiiKind]:
    """How often each kind is found in the turns, their cues, and what the source tells beside them."""
    texts = [getattr(dialogue, name) or "" for name in _TOLD]
    for turn in dialogue.turns:
        texts += [turn.text, *(cue.description for cue in turn.cues)]
    return Counter(span.kind for text in texts for span in RULES[rules].find(text))


def masked(dialogue: Dialogue, rules: int = 1) -> Dialogue:
    """The dialogue with placeholders; its id is that of the masked words, which are all that a release holds."""
    mask = RULES[rules].mask
    told = {name: (text := getattr(dialogue, name)) and mask(text) for name in _TOLD}
    kept = {name: getattr(dialogue, name) for name in ("source", "license", "split")}
    return Dialogue(**kept, **told, turns=tuple(_masked(turn, mask) for turn in dialogue.turns))


def _masked(turn: Turn, mask: Callable[[str], str]) -> Turn:
    cues = tuple(Cue(modality=cue.modality, description=mask(cue.description)) for cue in turn.cues)
    return Turn(speaker=turn.speaker, text=mask(turn.text), strategy=turn.strategy, cues=cues)

"""Masks what would tell who a person is, in a whole dialogue, before anything else is done with it."""

from collections import Counter

from ...schemas.dialogue import Cue, Dialogue, Turn
from ...schemas.safety import PiiKind
from .pii import find_pii, mask_pii

_TOLD = ("problem", "emotion", "situation")
"""What a source tells of a dialogue beside its turns."""


def personal_data_in(dialogue: Dialogue) -> Counter[PiiKind]:
    """How often each kind is found in the turns, their cues, and what the source tells beside them."""
    texts = [getattr(dialogue, name) or "" for name in _TOLD]
    for turn in dialogue.turns:
        texts += [turn.text, *(cue.description for cue in turn.cues)]
    return Counter(span.kind for text in texts for span in find_pii(text))


def masked(dialogue: Dialogue) -> Dialogue:
    """The dialogue with placeholders; its id is that of the masked words, which are all that a release holds."""
    told = {name: (text := getattr(dialogue, name)) and mask_pii(text) for name in _TOLD}
    kept = {name: getattr(dialogue, name) for name in ("source", "license", "split")}
    return Dialogue(**kept, **told, turns=tuple(_masked(turn) for turn in dialogue.turns))


def _masked(turn: Turn) -> Turn:
    cues = tuple(Cue(modality=cue.modality, description=mask_pii(cue.description)) for cue in turn.cues)
    return Turn(speaker=turn.speaker, text=mask_pii(turn.text), strategy=turn.strategy, cues=cues)

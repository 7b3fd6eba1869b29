"""The rules for personal data, by number, and how they mask a dialogue.

A released number finds the same for ever, as a released prompt says the same. `personal_data.lock` holds the digest of
the files that decide what a number finds, and a test compares them: better rules get a new number and a folder of their
own. Rules for another language go into such a folder, too.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources

from ...schemas.dialogue import Cue, Dialogue, Turn
from ...schemas.safety import PiiKind, PiiSpan
from . import english_2, pii

Find = Callable[[str], tuple[PiiSpan, ...]]


@dataclass(frozen=True)
class PersonalDataRules:
    """One number's rules."""

    find: Find
    """Everything that could identify a person, in the order of the text; finds do not overlap."""
    find_reaching: Find
    """The finds by which somebody could be contacted or looked up: all but places and names."""
    mask: Callable[[str], str]
    """The text with a placeholder for each find; the result has no finds."""


RULES: Mapping[int, PersonalDataRules] = {
    1: PersonalDataRules(pii.find_pii, pii.find_reaching, pii.mask_pii),
    2: PersonalDataRules(english_2.find_pii, english_2.find_reaching, english_2.mask_pii),
}
"""Every number; 2.0.0 and 2.1.0 use the first."""

FILES: Mapping[int, tuple[str, ...]] = {
    1: ("patterns.py", "pii.py", "words.py"),
    2: (
        *("english_2/__init__.py", "english_2/names.py", "english_2/normalised.py", "english_2/shapes.py"),
        *("english_2/words.py", "patterns.py", "pii.py", "words.py"),
    ),
}
"""The files that decide what a number finds."""


def reachable_person(text: str, rules: int) -> list[str]:
    """The kinds of personal data in a text by which somebody could be contacted or looked up."""
    return sorted({span.kind.value for span in RULES[rules].find_reaching(text)})


def digest_of_rules(number: int) -> str:
    """SHA-256 of the files of a number, as in `personal_data.lock`."""
    digest = hashlib.sha256()
    for name in FILES[number]:
        digest.update(resources.files(__package__).joinpath(name).read_bytes())
    return digest.hexdigest()


# The texts of a dialogue besides its turns.
_ABOUT = ("problem", "emotion", "situation")


def count_personal_data(dialogue: Dialogue, rules: int = 1) -> Counter[PiiKind]:
    """Counts the finds of each kind in all texts of a dialogue."""
    texts = [getattr(dialogue, name) or "" for name in _ABOUT]
    for turn in dialogue.turns:
        texts += [turn.text, *(cue.description for cue in turn.cues)]
    return Counter(span.kind for text in texts for span in RULES[rules].find(text))


def mask_dialogue(dialogue: Dialogue, rules: int = 1) -> Dialogue:
    """The dialogue with placeholders; its id is that of the masked words, because a release holds no others."""
    mask = RULES[rules].mask
    about = {name: (text := getattr(dialogue, name)) and mask(text) for name in _ABOUT}
    kept = {name: getattr(dialogue, name) for name in ("source", "license", "split")}
    return Dialogue(**kept, **about, turns=tuple(_mask_turn(turn, mask) for turn in dialogue.turns))


def _mask_turn(turn: Turn, mask: Callable[[str], str]) -> Turn:
    cues = tuple(Cue(modality=cue.modality, description=mask(cue.description)) for cue in turn.cues)
    return Turn(speaker=turn.speaker, text=mask(turn.text), strategy=turn.strategy, cues=cues)

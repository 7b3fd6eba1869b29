"""The rules for personal data by their number: a released number finds the same for ever, as a released prompt does.

A number is a module of three functions over one text. `personal_data.lock` holds the digest of each file that decides
what a number finds, and a test compares them: better rules get a new number, in a folder of their own. The folder is
also the place where another language puts its rules.
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
    """Everything that would tell who a person is, in the order of the text; no two finds overlap."""
    find_reaching: Find
    """Those finds by which somebody could be reached or looked up: all but places and names."""
    mask: Callable[[str], str]
    """The text with a placeholder for each find; nothing is found in what is returned."""


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
"""The files that decide what a number finds, beside this one."""


def reachable_person(text: str, rules: int) -> list[str]:
    """The kinds of personal data in a text by which somebody could be reached or looked up."""
    return sorted({span.kind.value for span in RULES[rules].find_reaching(text)})


def digest_of_rules(number: int) -> str:
    """SHA-256 of the files of a number, as `personal_data.lock` holds it."""
    digest = hashlib.sha256()
    for name in FILES[number]:
        digest.update(resources.files(__package__).joinpath(name).read_bytes())
    return digest.hexdigest()


# Masks what would tell who a person is, in a whole dialogue, before anything else is done with it.


# What a source tells of a dialogue beside its turns.
_TOLD = ("problem", "emotion", "situation")


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

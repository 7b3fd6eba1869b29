"""Names and towns, by the words around them; rules 1 with letters of every Latin alphabet and fewer verbs.

A name is reported as what it is: a guess by context, not a form of a fixed shape.
"""

import re
from collections.abc import Iterator

from ....schemas.safety import PiiKind, PiiSpan
from .. import patterns
from ..pii import is_telling_place
from ..words import GIVEN_NAMES, NOT_A_NAME
from .words import COMMON, NOT_AFTER_KIN

_LATIN = [chr(code) for first, last in ((0xC0, 0x24F), (0x1E00, 0x1EFF)) for code in range(first, last + 1)]
_UPPER = "A-Z" + "".join(letter for letter in _LATIN if letter.isupper())
_LOWER = "a-z" + "".join(letter for letter in _LATIN if letter.islower()) + "\u0300-\u036f"
_PART = rf"(?:[DdLlO]')?[{_UPPER}][{_LOWER}]{{1,24}}(?:[{_UPPER}][{_LOWER}]{{1,24}})?"
_NAME = rf"{_PART}(?:[-'](?:{_PART}|[{_LOWER}]{{1,24}})){{0,4}}"
_OF = r"(?:(?:van|von|de|der|den|di|da|del|la|le|bin|al|el)\s{1,3}){1,3}"
_FULL = rf"{_NAME}(?:\s{{1,3}}(?:{_OF}{_NAME}|[{_UPPER}]\b\.?|{_NAME})){{0,2}}"

_KIN = (
    r"(?:brother|sister|mother|mom|mum|dad|father|son|daughter|wife|husband|boyfriend|girlfriend|bf|gf|partner|fianc[eé]e?"
    r"|ex|friend|bff|roommate|cousin|niece|nephew|aunt|uncle|boss|manager|coworker|colleague|neighbou?r|teacher|therapist"
    r"|counsell?or|doctor)"
)
_WHICH = r"(?:best|old|close|ex|ex-|late|older|younger|little|big)"
_CONTEXTS = (
    re.compile(
        r"(?i:\b(?:my (?:full |real |first |last |middle )?name(?:'s| is|s)|i am called|i'm called|i go by|call me"
        r"|^names?))"
        rf"\s{{1,3}}({_FULL})"
    ),
    re.compile(
        r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor|Sir|Reverend|Rev|Pastor|Judge|Nurse)\.?"
        rf"\s{{1,3}}({_FULL})"
    ),
    re.compile(
        rf"(?i:\b(?:my|his|her|our) (?:{_WHICH} ?)?{_KIN}),?\s{{1,3}}(?i:(?:named|called),?\s{{1,3}})?({_FULL})"
    ),
    re.compile(
        r"(?i:\b(?:i am|i'm|im|this is|it's|named|called))"
        rf"\s{{1,3}}({_NAME}\s{{1,3}}(?:{_OF}|[{_UPPER}]\.\s{{1,3}})?{_NAME})"
    ),
)
_SIGNED = re.compile(
    rf"(?i:\bsigned,?)\s{{1,3}}({_FULL})|(?i:\bthis is)\s{{1,3}}({_NAME})(?= (?:again|here|speaking|by the way)\b)"
)
_I_AM_ONE = re.compile(rf"(?i:\b(?:i am|i'm))\s{{1,3}}({_NAME})(?=[,.!]|$)")
_SMALL = re.compile(
    r"\bmy (?:full |real |first |last )?name(?:'s| is| s)\s{1,3}([a-z]{2,14})\b(?!\s{1,3}(?:a|the|too|so|very|not)\b)",
    re.IGNORECASE,
)
_GREETED = re.compile(rf"(?i:\b(?:i am|i'm|im|hi|hello|hey|thanks|thank you),?)\s{{1,3}}({_NAME})(?!\w)")
_PAIR = re.compile(rf"\b({_NAME})\s{{1,3}}(?:[{_UPPER}]\.\s{{1,3}})?({_NAME})(?!\w)")


def find_places(text: str) -> Iterator[PiiSpan]:
    """Towns and regions that somebody lives in or comes from."""
    for town, state in patterns.CITY_STATE.finditer(text):
        yield _at(PiiKind.PLACE, town.start(), state.end())
    for found in patterns.SMALL_PLACE.finditer(text):
        end = found.end(1)
        if found.group(1).casefold() == "new":  # rules 1 know the state by its halves alone
            if (rest := re.compile(r" york(?: city)?\b", re.IGNORECASE).match(text, end)) is None:
                continue
            end = rest.end()
        yield _at(PiiKind.PLACE, found.start(1), end)
    for pattern in (patterns.LOCATED, patterns.FROM):
        for found in pattern.finditer(text):
            said = found.group(1).casefold()
            if is_telling_place(re.split(r"[\s,]+", said), said):
                yield _at(PiiKind.PLACE, found.start(1), found.end(1))


def find_names(text: str) -> Iterator[PiiSpan]:
    """Names, the surest context first."""
    for pattern in _CONTEXTS:
        for found in pattern.finditer(text):
            if (end := _end_of_name(found)) > found.start(1):
                yield _at(PiiKind.NAME, found.start(1), end)
    for found in _SIGNED.finditer(text):
        if (said := found.group(found.lastindex or 0)).casefold() not in NOT_A_NAME and said.casefold() not in COMMON:
            yield _at(PiiKind.NAME, *found.span(found.lastindex or 0))
    for found in _I_AM_ONE.finditer(text):
        said = found.group(1)
        marked = not said.isascii() or "-" in said or ("'" in said and not said.endswith(("'s", "'m", "'re")))
        if marked and said.casefold() not in NOT_A_NAME:
            yield _at(PiiKind.NAME, found.start(1), found.end(1))
    for found in _SMALL.finditer(text):
        if (said := found.group(1).casefold()) not in NOT_A_NAME and said not in COMMON:
            yield _at(PiiKind.NAME, found.start(1), found.end(1))
    for found in _GREETED.finditer(text):
        if found.group(1).casefold() in GIVEN_NAMES:
            yield _at(PiiKind.NAME, found.start(1), found.end(1))
    at = 0
    while pair := _PAIR.search(text, at):
        at = pair.end(1)
        first, last = (part.casefold() for part in pair.groups())
        if first in GIVEN_NAMES and last not in NOT_A_NAME and last not in NOT_AFTER_KIN:
            at = pair.end()
            yield _at(PiiKind.NAME, pair.start(), pair.end())


def _at(kind: PiiKind, start: int, end: int) -> PiiSpan:
    return PiiSpan.model_construct(kind=kind, start=start, end=end)


def _end_of_name(found: re.Match[str]) -> int:
    """Where the name of a match ends: before the first word that is none."""
    end = found.start(1)
    for word in re.finditer(r"\S+", found.group(1)):
        said = word.group().strip(".").casefold()
        if said not in GIVEN_NAMES and (said in NOT_A_NAME or said in NOT_AFTER_KIN or said in COMMON):
            break
        end = found.start(1) + word.end()
    return end

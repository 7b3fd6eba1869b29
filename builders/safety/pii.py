"""Finds and masks what would tell who a person is: pure functions over one text.

Precision comes before recall where words are concerned, since a masked word is a word lost for training: a capital
alone makes no name. A name needs its context ("my name is …", "Mr …", "my sister …") or a known given name before a
capitalised one; a place needs "I live in …" or the form of an address. So a lone first name, a name in small letters
without its context and a place in passing are missed. Countries, public helplines (free numbers) and brands identify
nobody.

Placeholders are words in angle brackets (`<name>`): a text can be read past them, no strategy in square brackets can
be mistaken for one, and none is found again, so masking twice is masking once.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from itertools import chain

from ...schemas.safety import PiiKind, PiiSpan
from . import patterns
from .words import COUNTRIES, FREE_NUMBERS, GIVEN_NAMES, NAME_PARTS, NOT_A_HANDLE, NOT_A_NAME, NOT_A_PLACE

PLACEHOLDERS = {
    PiiKind.EMAIL: "<email>",
    PiiKind.PHONE: "<phone>",
    PiiKind.URL: "<link>",
    PiiKind.HANDLE: "<handle>",
    PiiKind.NAME: "<name>",
    PiiKind.PLACE: "<place>",
    PiiKind.ID: "<number>",
}
"""What stands in the place of each kind."""

_MOST_READ = 1_000_000
"""Characters read in all rounds of masking a text: no text of up to 1,700 can need so many (our own choice)."""
_ROUNDS = 20
"""Rounds that a text of any length has; real turns need at most two."""


def find_pii(text: str) -> tuple[PiiSpan, ...]:
    """What would tell who a person is, in the order of the text; no two finds overlap.

    Where kinds contend for the same words, an address of the net comes first, then numbers, handles, places and names.
    """
    return apart(chain(_reaching(text), _places(text), _names(text)))


def find_reaching(text: str) -> tuple[PiiSpan, ...]:
    """Those finds of `find_pii` by which somebody could be reached or looked up: all but places and names.

    They come before places and names where words are contended for, so that neither need be looked for.
    """
    return apart(_reaching(text))


def apart(candidates: Iterable[PiiSpan]) -> tuple[PiiSpan, ...]:
    """The candidates that share no words with an earlier one, in the order of the text."""
    found: list[PiiSpan] = []  # in the order of the text, so that a text with thousands of finds is searched by halves
    for span in candidates:
        place = bisect_left(found, span.end, key=lambda other: other.start)
        if not place or found[place - 1].end <= span.start:
            found.insert(place, span)
    return tuple(found)


def mask_pii(text: str) -> str:
    """The text with every find replaced by its placeholder; nothing is found in what is returned.

    What a placeholder uncovers is found in the next round. A text of thousands of finds that uncover each other
    (`@abcd@abcd…`), which nobody writes, becomes one placeholder once `_MOST_READ` characters were read.
    """
    return mask_with(find_pii, text)


def mask_with(find: Callable[[str], tuple[PiiSpan, ...]], text: str, most_read: int = _MOST_READ) -> str:
    """As `mask_pii`, by these rules."""
    read = 0
    while spans := find(text):
        read += len(text)
        if read > max(most_read, _ROUNDS * len(text)):
            return PLACEHOLDERS[spans[0].kind]
        text = replace_spans(text, spans)
    return text


def replace_spans(text: str, spans: Iterable[PiiSpan]) -> str:
    """The text with a placeholder for each of the spans, which are in the order of the text."""
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], PLACEHOLDERS[span.kind]]
        at = span.end
    return "".join([*parts, text[at:]])


def _reaching(text: str) -> Iterator[PiiSpan]:
    yield from _whole(PiiKind.EMAIL, patterns.EMAIL, text)
    yield from _whole(PiiKind.URL, patterns.URL, text)
    yield from (span for span in _whole(PiiKind.ID, patterns.CARD, text) if _is_card(text[span.start : span.end]))
    yield from _whole(PiiKind.ID, patterns.NUMBER, text)
    yield from (
        span for span in _whole(PiiKind.PHONE, patterns.PHONE, text) if not is_free(text[span.start : span.end])
    )
    yield from _whole(PiiKind.PHONE, patterns.PHONE_SAID, text)
    for pattern in patterns.HANDLES:
        yield from (
            span for span in _whole(PiiKind.HANDLE, pattern, text) if _said(span, text).strip("@") not in NOT_A_HANDLE
        )


def _whole(kind: PiiKind, pattern: patterns.Finder, text: str) -> Iterator[PiiSpan]:
    """Each match, or the group of it that took part."""
    for found in pattern.finditer(text):
        group = found.lastindex or 0
        yield PiiSpan(kind=kind, start=found.start(group), end=found.end(group))


def _said(span: PiiSpan, text: str) -> str:
    return text[span.start : span.end].casefold()


def _is_card(digits: str) -> bool:
    """Whether the digits pass the check of card numbers (Luhn)."""
    values = [int(digit) for digit in reversed(digits) if digit.isdecimal()]
    doubled = [value if place % 2 == 0 else sum(divmod(value * 2, 10)) for place, value in enumerate(values)]
    return sum(doubled) % 10 == 0


def is_free(number: str) -> bool:
    """Whether nobody pays for calling a number: a helpline's, and no person's."""
    digits = "".join(letter for letter in number if letter.isdecimal())
    return digits.removeprefix("1")[:3] in FREE_NUMBERS


def _places(text: str) -> Iterator[PiiSpan]:
    for pattern in (patterns.ADDRESS, patterns.POSTCODE):
        yield from _whole(PiiKind.PLACE, pattern, text)
    for town, state in patterns.CITY_STATE.finditer(text):
        yield PiiSpan(kind=PiiKind.PLACE, start=town.start(), end=state.end())
    yield from _whole(PiiKind.PLACE, patterns.SMALL_PLACE, text)
    for pattern in (patterns.LOCATED, patterns.FROM):
        for span in _whole(PiiKind.PLACE, pattern, text):
            if is_telling_place(re.split(r"[\s,]+", _said(span, text)), _said(span, text)):
                yield span


def is_telling_place(words: list[str], said: str) -> bool:
    """Whether what follows "I live in" says where somebody is; `words` are those of `said`."""
    if said in COUNTRIES or words[0] in COUNTRIES:
        return False
    rest = words[1:] if words[0] in NAME_PARTS else words
    return bool(rest) and rest[0] not in NOT_A_PLACE


def _names(text: str) -> Iterator[PiiSpan]:
    for pattern in (patterns.NAMED, patterns.TITLED, patterns.RELATED, patterns.I_AM):
        for found in pattern.finditer(text):
            if span := _trimmed(found, text):
                yield span
    for found in patterns.SMALL_NAME.finditer(text):
        if found.group(1).casefold() not in NOT_A_NAME:
            yield PiiSpan(kind=PiiKind.NAME, start=found.start(1), end=found.end(1))
    for found in patterns.GREETED.finditer(text):
        if found.group(1).casefold() in GIVEN_NAMES:
            yield PiiSpan(kind=PiiKind.NAME, start=found.start(1), end=found.end(1))
    for first, last in patterns.TWO_CAPS.finditer(text):
        if first.group().casefold() in GIVEN_NAMES and last.group(1).casefold() not in NOT_A_NAME:
            yield PiiSpan(kind=PiiKind.NAME, start=first.start(), end=last.end())


def _trimmed(found: re.Match[str], text: str) -> PiiSpan | None:
    """The name of a match, up to the first word that is none."""
    end = found.start(1)
    for word in re.finditer(r"\S+", found.group(1)):
        if word.group().strip(".").casefold() in NOT_A_NAME:
            break
        end = found.start(1) + word.end()
    return PiiSpan(kind=PiiKind.NAME, start=found.start(1), end=end) if end > found.start(1) else None

"""The forms that `pii` looks for.

`CAP` is a capitalised word, `FULL` a name of up to three. Where a pattern has a group, the group is the find.

Every pattern ends in a time that grows with the text and no faster, since one turn of 60 KB without a space must not
stop a build: what begins with a run of letters is tried at the beginning of the run alone (`RunPattern`), and what
begins with a capitalised word once for each such word (`CapitalPattern`). Both find exactly what the plain patterns
found with which 2.0.0 was released; a test compares them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from .words import CITIES, STATES


class Finder(Protocol):
    """What finds matches from left to right, none overlapping another."""

    def finditer(self, text: str, /) -> Iterator[re.Match[str]]:
        """The matches in the order of the text."""


class RunPattern:
    """A pattern whose alternatives begin with a run of characters of a class: `RUN(class)` stands before each.

    A plain search tries such a pattern at every place of a run, which takes the square of its length where it fails.
    But a match at a later place of a run is one at its first place, too. So a run is tried once: at its first place,
    or where the last match ended.
    """

    def __init__(self, pattern: str, flags: int) -> None:
        run = re.compile(r"RUN\((\[.+?\])\)")
        self._first = re.compile(run.sub(r"(?<!\1)\1++", pattern), flags)
        self._next = re.compile(run.sub(r"\1++", pattern), flags)

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """As of a compiled pattern."""
        at = 0
        while found := self._next.match(text, at) or self._first.search(text, at):
            yield found
            at = found.end()


@dataclass(frozen=True)
class CapitalPattern:
    """A pattern that begins with a capitalised word; `follows` matches from the end of that word on.

    `Aa-Aa-Aa-…` is one such word, and what does not follow it does not follow a part of it either.
    """

    follows: re.Pattern[str]

    def finditer(self, text: str) -> Iterator[tuple[re.Match[str], re.Match[str]]]:
        """The word and what follows it, in the order of the text."""
        at = 0
        while word := _CAP_WORD.search(text, at):
            at = word.end()
            if found := self.follows.match(text, at):
                yield word, found
                at = found.end()


_CAP = r"[A-Z][a-zà-ÿ]+(?:[-'’][A-Z]?[a-zà-ÿ]+)*"
_CAP_WORD = re.compile(rf"\b{_CAP}")
_FULL = rf"{_CAP}(?:\s+(?:[A-Z]\b\.?|{_CAP})){{0,2}}"
_TOWN = rf"(?:(?:St|Ft|Mt)\.?\s)?{_CAP}(?:\s+{_CAP}){{0,2}}(?:,\s+(?:{_CAP}(?:\s+{_CAP})?|[A-Z]{{2}})\b)?"
_KIN = (
    r"(?:brother|sister|mother|mom|mum|dad|father|son|daughter|wife|husband|boyfriend|girlfriend|bf|gf|partner|fianc[eé]e?"
    r"|ex|friend|bff|roommate|cousin|niece|nephew|aunt|uncle|boss|manager|coworker|colleague|neighbou?r|teacher|therapist"
    r"|doctor)"
)
_WHICH = r"(?:best|old|close|ex|ex-|late|older|younger|little|big)"
_LIVES = (
    r"(?:live|lives|lived|living|resides?|based|grew up|(?:was |were )?born|raised|stay|staying|located|move|moved"
    r"|moving|relocated)"
)
_ADVERB = r"(?:here|back|just|right|out|away|up|down|over|alone|temporarily)"
_KNOWN_PLACES = "|".join(sorted(map(re.escape, CITIES | STATES), key=len, reverse=True))
_STREET = r"(?:Street|St|Avenue|Ave|Road|Rd|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Way|Place|Pl|Terrace|Square|Close)"
_NET_END = r"[^\s<>.,;:!?)\"'\]]"
_APP = (
    r"(?:insta(?:gram)?|snap(?:chat)?|discord|telegram|twitter|kik|tik ?tok|reddit|skype|whatsapp|steam|user ?name|ign)"
)

EMAIL = RunPattern(
    r"RUN([\w.+'-])@[\w-]++(?:\.[\w-]++)++"
    r"|RUN([\w.+-])\s?[\[(]\s?at\s?[\])]\s?[\w-]+\s?(?:[\[(]\s?dot\s?[\])]|\.|dot\b)\s?[a-z]{2,}",
    re.IGNORECASE,
)
URL = re.compile(
    rf"(?:https?://|www\.)[^\s<>]*{_NET_END}"
    rf"|(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|info|co\.uk|org\.uk)(?![\w@])(?:/[^\s<>]*{_NET_END})?",
    re.IGNORECASE,
)
CARD = re.compile(r"(?<![\w-])[0-9](?:[ -]?[0-9]){12,15}(?![\w-])")
NUMBER = re.compile(
    r"(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])|(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.])"
    r"|\b(?:ssn|social security|passport|licen[sc]e|account|policy|worker id|member(?:ship)?|case)"
    r"(?: number| no\.?| id| #)?(?: is|:)?\s+#?(?=(?:[A-Z-]*\d){4})([A-Z0-9][A-Z0-9-]{4,})\b",
    re.IGNORECASE,
)
PHONE = re.compile(
    r"(?<![\w.+-])(?:\+\d{1,3}[ .-]?)?(?:1[ .-])?(?:\(\d{3}\)\s?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])"
    r"|(?<![\w.])\+\d{1,3}(?:[ .-]?\d{2,4}){2,5}(?!\w)"
    r"|(?<![\w.-])0\d{3,4}[ -]?\d{3}[ -]?\d{3,4}(?![\w-])|(?<![\w.-])[2-9]\d{9}(?![\w-])"
    r"|\b(?:call|text|reach) me (?:at|on) (\d{3}[ .-]?\d{4})(?![\w-])",
    re.IGNORECASE,
)
PHONE_SAID = re.compile(r"\b(?:number|phone|cell|mobile) (?:is|:) (\d{3}[ .-]?\d{4})(?![\w-])", re.IGNORECASE)
HANDLES = (
    re.compile(r"(?<![\w@./])@[A-Za-z_][\w.]{2,30}\w"),
    re.compile(r"(?<![\w#])(\w{2,32}#\d{4})(?!\w)"),
    re.compile(r"(?<!\w)/?u/[\w-]{3,20}"),
    re.compile(
        rf"\b{_APP}(?: (?:handle|name|id|user|username|account))?(?: is|'s|’s|:)\s+@?"
        r"(?=[\w.]*[\d_.]\w)([a-z_][\w.]{2,30})",
        re.IGNORECASE,
    ),
)
"""A handle with its @, with its number, in Reddit's way, or after the name of the network that it is on."""

NAMED = re.compile(
    r"(?i:\b(?:my (?:full |real |first |last )?name(?:'s|’s| is|s)|i am called|i go by|call me))"
    rf"\s+({_FULL})"
)
SMALL_NAME = re.compile(
    r"\bmy (?:full |real |first |last )?name(?:'s|’s| is| s)\s+([a-z]{2,14})\b(?!\s+(?:a|the|too|so|very|not)\b)",
    re.IGNORECASE,
)
I_AM = re.compile(rf"(?i:\b(?:i am|i'm|i’m|im|this is|it's|it’s|named|called))\s+({_CAP}\s+(?:[A-Z]\.\s+)?{_CAP})")
GREETED = re.compile(rf"(?i:\b(?:i am|i'm|i’m|im|hi|hello|hey|thanks|thank you),?)\s+({_CAP})\b")
TITLED = re.compile(
    rf"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Doctor|Sir|Reverend|Rev|Pastor|Judge|Nurse)\.?\s+({_FULL})"
)
RELATED = re.compile(rf"(?i:\b(?:my|his|her|our) (?:{_WHICH} ?)?{_KIN}),?\s+(?i:(?:named|called),?\s+)?({_FULL})")
TWO_CAPS = CapitalPattern(re.compile(rf"\s+(?:[A-Z]\.\s+)?({_CAP})\b"))

ADDRESS = re.compile(
    rf"\b\d{{1,5}}[A-Za-z]?\s+(?:[NSEW]\.?\s+)?(?:{_CAP}\s+){{1,3}}{_STREET}\b\.?"
    r"(?:,?\s+(?i:apt|apartment|unit|#)\.?\s*\w+)?"
)
POSTCODE = re.compile(
    r"\b[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}\b|\b[A-Z]{2}\s\d{5}(?:-\d{4})?\b"
    r"|\b(?i:zip(?: code)?(?: is|:)?) (\d{5}(?:-\d{4})?)\b"
)
LOCATED = re.compile(rf"(?i:\b{_LIVES}(?:\s+{_ADVERB})?\s+(?:in|at|near|to|around|outside)(?:\s+of)?)\s+({_TOWN})")
FROM = re.compile(rf"(?i:\b(?:i'?m|i’m|i am|he is|she is|we are|comes?|originally|am) from)\s+({_TOWN})")
CITY_STATE = CapitalPattern(re.compile(rf"(?:\s+{_CAP})?,\s+(?:{'|'.join(sorted(STATES))})\b"))
SMALL_PLACE = re.compile(
    rf"\b(?:{_LIVES} (?:in|near|to)|i'?m from|i am from|i’m from)\s+({_KNOWN_PLACES})\b",
    re.IGNORECASE,
)

"""The patterns as they were written first, to compare with the ones whose time grows with the text and no faster.

2.0.0 and 2.1.0 were released with these. They are frozen: what the package finds has to be what they find.
"""

import re
from collections.abc import Iterable
from unittest.mock import patch

from ipm_prefdial.builders.safety import patterns, pii
from ipm_prefdial.builders.safety._rule import _joined, compile_phrases, read_rules
from ipm_prefdial.builders.safety.words import GIVEN_NAMES, NOT_A_NAME, STATES
from ipm_prefdial.schemas.safety import PiiKind, PiiSpan

_CAP = r"[A-Z][a-zà-ÿ]+(?:[-'’][A-Z]?[a-zà-ÿ]+)*"
EMAIL = re.compile(
    r"[\w.+'-]+@[\w-]+(?:\.[\w-]+)+"
    r"|[\w.+-]+\s?[\[(]\s?at\s?[\])]\s?[\w-]+\s?(?:[\[(]\s?dot\s?[\])]|\.|dot\b)\s?[a-z]{2,}",
    re.IGNORECASE,
)
TWO_CAPS = re.compile(rf"\b({_CAP})\s+(?:[A-Z]\.\s+)?({_CAP})\b")
CITY_STATE = re.compile(rf"\b({_CAP}(?:\s+{_CAP})?,\s+(?:{'|'.join(sorted(STATES))}))\b")
ENDS = re.compile(r"[.!?;:…\n\r]+(?=\s|$)|[\n\r]+|[!?…]+")
ROLE_LABEL = re.compile(r"(?im)^\s*(seeker|supporter|assistant|user|system)\s*:|<\|\w+\|>")
ANSWER = re.compile(r"\n\s*(?:assistant|ai|bot|supporter|therapist)\s*:\s*|<\|assistant\|>\s*", re.IGNORECASE)
HITS = re.compile(r"\bwhich hit\b|\bhits\b.*\b(wage|pay|batch|approved)")


def find_plainly(text: str) -> tuple[PiiSpan, ...]:
    """`find_pii` by the plain patterns, every find held against every other."""
    candidates: list[PiiSpan] = []
    with patch.object(patterns, "EMAIL", EMAIL):
        candidates += pii._reaching(text)
    for pattern in (patterns.ADDRESS, patterns.POSTCODE, CITY_STATE):
        candidates += pii._whole(PiiKind.PLACE, pattern, text)
    no_pairs = patterns.CapitalPattern(re.compile("(?!)"))
    nothing = re.compile("(?!)")
    with patch.multiple(patterns, CITY_STATE=no_pairs, ADDRESS=nothing, POSTCODE=nothing):
        candidates += pii._places(text)
    with patch.object(patterns, "TWO_CAPS", no_pairs):
        candidates += pii._names(text)
    for found in TWO_CAPS.finditer(text):
        first, last = (part.casefold() for part in found.groups())
        if first in GIVEN_NAMES and last not in NOT_A_NAME:
            candidates.append(PiiSpan(kind=PiiKind.NAME, start=found.start(), end=found.end()))
    return _apart(candidates)


def _apart(candidates: Iterable[PiiSpan]) -> tuple[PiiSpan, ...]:
    found: list[PiiSpan] = []
    for span in candidates:
        if all(span.end <= other.start or other.end <= span.start for other in found):
            found.append(span)
    return tuple(sorted(found, key=lambda span: span.start))


def mask_plainly(text: str) -> str:
    """`mask_pii` by the plain patterns, in as many rounds as it takes."""
    while spans := find_plainly(text):
        for span in reversed(spans):
            text = text[: span.start] + pii.PLACEHOLDERS[span.kind] + text[span.end :]
    return text


def is_denied(sentence: str, said: re.Match[str]) -> bool:
    """Whether a sentence denies what a crisis rule found in it."""
    signs = read_rules("groups")["signs"]
    denial = re.compile(rf"\b(?:{_joined(signs['denial'])})(?: (?:{_joined(signs['filling'])}))*$")
    before, after = sentence[: said.start()].rstrip(), sentence[said.end() :]
    denied = denial.search(before) or compile_phrases(signs["inner"]).search(said.group())
    return bool(denied) and not compile_phrases(signs["taken_back"]).search(after)

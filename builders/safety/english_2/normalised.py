"""A text in the form that the rules are written for, and the way back to the places of the original."""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from ....schemas.safety import PiiSpan

_ALIKE = str.maketrans(
    # Letters of other scripts that look like Latin ones (Cyrillic, then Greek), dashes, quotes and dots.
    "асеіјорѕухһԁԛԝАВЕЅІЈКМНОРСТУХοαιΑΒΕΖΗΙΚΜΝΟΡΤΥΧ‐‑‒–—―−﹘‘’‛ʼ´`·•∙⁄",
    "aceijopsuxhdqwABESIJKMHOPCTYXoaiABEZHIKMNOPTYX--------''''''.../",
)
_HIDDEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0")
"""What is shown as nothing, besides the characters of format (category Cf) and variation selectors."""


@dataclass(frozen=True)
class Normalised:
    """What the rules read."""

    text: str
    places: tuple[int, ...] | None
    """For each character the place of the one that it stands for; None where the text is the original."""

    def original(self, spans: Iterable[PiiSpan]) -> tuple[PiiSpan, ...]:
        """The same spans in the original, whole characters each."""
        if self.places is None:
            return tuple(spans)
        return tuple(
            span.model_copy(update={"start": self.places[span.start], "end": self.places[span.end - 1] + 1})
            for span in spans
        )


def normalise(text: str) -> Normalised:
    """The text in NFKC, character by character, without those that nobody sees, look-alikes as the Latin letters."""
    if text.isascii():
        return Normalised(text, None)
    letters, places = [], []
    for place, letter in enumerate(text):
        for plain in letter if letter.isascii() else _plain(letter):
            letters.append(plain)
            places.append(place)
    return Normalised("".join(letters), tuple(places))


@lru_cache(maxsize=4096)
def _plain(letter: str) -> str:
    if letter in _HIDDEN or unicodedata.category(letter) == "Cf" or "\ufe00" <= letter <= "\ufe0f":
        return ""
    return unicodedata.normalize("NFKC", letter).translate(_ALIKE)

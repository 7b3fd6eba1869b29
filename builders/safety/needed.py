"""Words without which a pattern cannot match: a cheap look before the search itself.

They are read off the pattern's own parse (`re._parser`, for which the library has no public name), so that there is no
second list to keep. Of what it cannot judge it says nothing, and such a pattern is always tried.
"""

import re
from collections.abc import Iterable
from typing import Any

Words = frozenset[str]
"""Pieces of text of which one must stand there; none where nothing is known."""

_UNKNOWN: Words = frozenset()


def needed_words(pattern: re.Pattern[str]) -> Words:
    """Pieces of text of which at least one stands in every text that the pattern matches; none where that is unknown.

    What does not tell small letters from capitals is not judged.
    """
    if pattern.flags & re.IGNORECASE:
        return _UNKNOWN
    words = _of_sequence(re._parser.parse(pattern.pattern, pattern.flags))  # type: ignore[attr-defined]
    return frozenset(word for word in words if not any(other in word for other in words - {word}))


def _of_sequence(parts: Iterable[Any]) -> Words:
    """What must stand one after the other: of it all the words that are likely to be the rarest."""
    found, run = [_UNKNOWN], ""
    for kind, told in parts:
        if str(kind) == "LITERAL":
            run += chr(told)
        else:
            found += [_run(run), _of_part(str(kind), told)]
            run = ""
    return max((*found, _run(run)), key=lambda words: (min(map(len, words), default=0), -len(words)))


def _run(letters: str) -> Words:
    return frozenset({letters}) if letters else _UNKNOWN


def _of_part(kind: str, told: Any) -> Words:
    if kind == "SUBPATTERN" and not told[1] & re.IGNORECASE:
        return _of_sequence(told[-1])
    if kind == "BRANCH":
        branches = [_of_sequence(branch) for branch in told[1]]
        return _UNKNOWN.union(*branches) if all(branches) else _UNKNOWN
    if kind in ("MAX_REPEAT", "MIN_REPEAT") and told[0] > 0:
        return _of_sequence(told[-1])
    return _UNKNOWN

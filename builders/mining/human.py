"""What can be told of a human supporter turn by itself, before any model is asked."""

import re
from functools import lru_cache
from importlib.resources import files

import yaml

from ...schemas.text import words_of
from .turns import SupporterTurn

_PACKAGE = files(__package__)

MOST_IN_A_TURN = 10_000
"""Characters of the longest turn that a prompt may hold: twelve times the longest of ESConv (our own choice)."""

_PHRASES = re.compile(r"(?i)\b(stay safe|so (very )?much)\b")
"""Of greetings too, though their words by themselves may say more."""

_GREETINGS = frozenset(
    """hi hello hey heya hiya howdy greetings there good morning afternoon evening day night weekend bye goodbye take
    goodnight care thanks thank you u very much a lot welcome you're your youre are ok okay yes no sure well great
    nice how hows how's is it going today doing i i'm im am fine to meet too as yeah yep oh hope all the best same
    likewise for chatting chat talk talking speaking with me my friend sir ma'am dear have an and luck see later soon
    anytime problem pleasure no worries merry happy christmas new year holidays thanksgiving lol cheers
    name""".split()
)
"""Words of greetings, thanks and goodbyes (our own list): a reply made of nothing else supports nobody yet."""


def crowd_chatter(turn: SupporterTurn) -> str | None:
    """Which kind of talk about the crowd task the human falls into, or None."""
    return chatter_in(turn.text)


def chatter_in(text: str) -> str | None:
    """Which kind of talk about the crowd task there is in a text, or None."""
    folded = " ".join(text.casefold().replace("’", "'").split())
    return next((kind for kind, pattern in _chatter() if pattern.search(folded)), None)


def nothing_to_support(turn: SupporterTurn) -> str | None:
    """Says so where the human greets, thanks or takes leave, and does nothing else; None otherwise."""
    words = words_of(_PHRASES.sub(" ", turn.text))
    return "a greeting, thanks or a goodbye" if words and _GREETINGS.issuperset(words) else None


def turn_too_long(turn: SupporterTurn) -> str | None:
    """Which turn is longer than `MOST_IN_A_TURN`, the human's own or one that its prompt would hold; or None."""
    turns = turn.dialogue.turns[: turn.index + 1]
    at = next((at for at, one in enumerate(turns) if len(one.text) > MOST_IN_A_TURN), None)
    return None if at is None else f"turn {at} has {len(turns[at].text)} characters, and may have {MOST_IN_A_TURN}"


@lru_cache
def _chatter() -> tuple[tuple[str, re.Pattern[str]], ...]:
    written = yaml.safe_load((_PACKAGE / "crowd_chatter.yaml").read_text(encoding="utf-8"))
    return tuple((kind, re.compile("|".join(f"(?:{one})" for one in lines))) for kind, lines in written.items())

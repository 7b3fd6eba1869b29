"""A dialogue's supporter turns, each with what was said before it, and the rules on a human's turn alone.

The rules decide before any request is made, so a turn that one of them bars costs nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import yaml

from ...schemas.dialogue import Dialogue, Speaker, Split, Turn
from ...schemas.drops import DropReason
from ...schemas.rows.layout_2 import FoundCrisis
from ...schemas.strategy import Strategy
from ...schemas.text import words_of


@dataclass(frozen=True, slots=True)
class PlacedDialogue:
    """A dialogue with its place in the release."""

    dialogue: Dialogue
    position: int
    """Its place in source order, from 0."""
    split: Split
    """The split that its rows go to."""
    repeats: str | None = None
    """Id of an earlier dialogue that it nearly repeats."""
    contaminated_by: str | None = None
    """The benchmark that it overlaps with, of those that the maintainer named."""
    by_rule: tuple[FoundCrisis, ...] | None = None
    """The findings of the crisis rules, if they have already run."""
    findings: tuple[FoundCrisis, ...] = ()
    """Signs of a crisis, where the release holds such dialogues out."""
    barred: tuple[DropReason, str] | None = None
    """The reason, with its detail, for which it gives no pairs; None where it may give some."""


@dataclass(frozen=True, slots=True)
class SupporterTurn:
    """One human supporter turn and the turns before it."""

    placed: PlacedDialogue
    index: int
    """Its place among the dialogue's turns, from 0."""

    @property
    def dialogue(self) -> Dialogue:
        """The dialogue that it belongs to."""
        return self.placed.dialogue

    @property
    def history(self) -> tuple[Turn, ...]:
        return self.dialogue.turns[: self.index]

    @property
    def text(self) -> str:
        return self.dialogue.turns[self.index].text

    @property
    def strategy(self) -> Strategy | None:
        """The human's strategy; None where the source names none."""
        return self.dialogue.turns[self.index].strategy

    @property
    def named(self) -> Strategy:
        """The strategy of a turn that is known to have one."""
        assert self.strategy is not None, "turns without a strategy are dropped before anything is made of them"
        return self.strategy

    @property
    def answers_seeker(self) -> bool:
        """Whether the seeker has said anything yet."""
        return any(turn.speaker is Speaker.SEEKER for turn in self.history)


def supporter_turns(placed: PlacedDialogue) -> Iterator[SupporterTurn]:
    """The supporter turns of a dialogue, in order."""
    for index, turn in enumerate(placed.dialogue.turns):
        if turn.speaker is Speaker.SUPPORTER:
            yield SupporterTurn(placed, index)


_PACKAGE = files(__package__)

MOST_IN_A_TURN = 10_000
"""Characters of the longest turn that a prompt may hold: twelve times the longest of ESConv (our own choice)."""

# Phrases of greetings whose single words may say more.
_PHRASES = re.compile(r"(?i)\b(stay safe|so (very )?much)\b")

# Words of greetings, thanks and goodbyes (our own list); a reply of nothing else gives no support yet.
_GREETINGS = frozenset(
    """hi hello hey heya hiya howdy greetings there good morning afternoon evening day night weekend bye goodbye take
    goodnight care thanks thank you u very much a lot welcome you're your youre are ok okay yes no sure well great
    nice how hows how's is it going today doing i i'm im am fine to meet too as yeah yep oh hope all the best same
    likewise for chatting chat talk talking speaking with me my friend sir ma'am dear have an and luck see later soon
    anytime problem pleasure no worries merry happy christmas new year holidays thanksgiving lol cheers
    name""".split()
)


def crowd_chatter(turn: SupporterTurn) -> str | None:
    """The kind of talk about the crowd task in the human's turn, or None."""
    return chatter_in(turn.text)


def chatter_in(text: str) -> str | None:
    """The kind of talk about the crowd task in a text, or None."""
    folded = " ".join(text.casefold().replace("’", "'").split())
    return next((kind for kind, pattern in _chatter() if pattern.search(folded)), None)


def nothing_to_support(turn: SupporterTurn) -> str | None:
    """A fixed phrase where the human only greets, thanks or takes leave; None otherwise."""
    words = words_of(_PHRASES.sub(" ", turn.text))
    return "a greeting, thanks or a goodbye" if words and _GREETINGS.issuperset(words) else None


def turn_too_long(turn: SupporterTurn) -> str | None:
    """The first turn longer than `MOST_IN_A_TURN`, of the human's own and those in its prompt; or None."""
    turns = turn.dialogue.turns[: turn.index + 1]
    at = next((at for at, one in enumerate(turns) if len(one.text) > MOST_IN_A_TURN), None)
    return None if at is None else f"turn {at} has {len(turns[at].text)} characters, and may have {MOST_IN_A_TURN}"


@lru_cache
def _chatter() -> tuple[tuple[str, re.Pattern[str]], ...]:
    written = yaml.safe_load((_PACKAGE / "crowd_chatter.yaml").read_text(encoding="utf-8"))
    return tuple((kind, re.compile("|".join(f"(?:{one})" for one in lines))) for kind, lines in written.items())

"""The places where something can be mined: a dialogue's supporter turns, each with what was said before it."""

from collections.abc import Iterator
from dataclasses import dataclass

from ...schemas.dialogue import Dialogue, Speaker, Split, Turn
from ...schemas.drops import DropReason
from ...schemas.rows.layout_2 import FoundCrisis
from ...schemas.strategy import Strategy


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
    """What the written rules find, where they have looked at it already."""
    findings: tuple[FoundCrisis, ...] = ()
    """Signs of a crisis, where the release holds such dialogues out."""
    barred: tuple[DropReason, str] | None = None
    """Why nothing is made of it, and in detail; None where something is."""


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
        """Every turn before it."""
        return self.dialogue.turns[: self.index]

    @property
    def text(self) -> str:
        """The human's words."""
        return self.dialogue.turns[self.index].text

    @property
    def strategy(self) -> Strategy | None:
        """The human's strategy; None where the source names none."""
        return self.dialogue.turns[self.index].strategy

    @property
    def named(self) -> Strategy:
        """The same of a turn that is known to have one."""
        assert self.strategy is not None, "turns without a strategy are dropped before anything is made of them"
        return self.strategy

    @property
    def answers_somebody(self) -> bool:
        """Whether the seeker has said anything yet."""
        return any(turn.speaker is Speaker.SEEKER for turn in self.history)


def supporter_turns(placed: PlacedDialogue) -> Iterator[SupporterTurn]:
    """The supporter turns of a dialogue, in order."""
    for index, turn in enumerate(placed.dialogue.turns):
        if turn.speaker is Speaker.SUPPORTER:
            yield SupporterTurn(placed, index)

"""Puts systems side by side: every one is scored on the turns that all of them answered, under the same gold."""

from collections.abc import Sequence
from dataclasses import dataclass

from ...schemas.errors import UsageError
from .predictions import Prediction, System

HUMAN = "human"


@dataclass(frozen=True)
class Aligned:
    """A system's predictions at the common turns, in their order."""

    system: System
    predictions: tuple[Prediction, ...]

    @property
    def left_out(self) -> int:
        """Predictions at other turns."""
        return len(self.system.predictions) - len(self.predictions)


def align(systems: Sequence[System]) -> tuple[Aligned, ...]:
    """The systems at their common turns, in the order in which the first one has them.

    Raises:
        UsageError: two systems have one name, nothing is common to all, or they differ in what the human did.
    """
    names = [system.name for system in systems]
    refuse_same_names(names)
    by_place = [{one.place: one for one in system.predictions} for system in systems]
    common = [place for place in by_place[0] if all(place in found for found in by_place)]
    if not common:
        raise UsageError(f"there is no turn that all of {', '.join(names)} answered; score them one by one")
    aligned = tuple(
        Aligned(system, tuple(found[place] for place in common))
        for system, found in zip(systems, by_place, strict=True)
    )
    for other in aligned[1:]:
        _refuse_other_gold(aligned[0], other)
    return aligned


def refuse_same_names(names: Sequence[str]) -> None:
    """Every system has a name of its own, and none the human's.

    Raises:
        UsageError: two systems have one name.
    """
    if twice := [name for name in names if names.count(name) > 1 or name == HUMAN]:
        raise UsageError(f"{twice[0]!r} is taken as a system's name; give another with --predictions NAME=FILE")


def _refuse_other_gold(one: Aligned, other: Aligned) -> None:
    """The human did one thing at a turn; where files say two, they are not about the same turns."""
    for ours, theirs in zip(one.predictions, other.predictions, strict=True):
        replies = {ours.gold_reply, theirs.gold_reply} - {None}
        if ours.gold_strategy is not theirs.gold_strategy or len({str(reply).strip() for reply in replies}) > 1:
            raise UsageError(
                f"{one.system.name} and {other.system.name} differ in what the human did at turn {ours.turn} of "
                f"{ours.dialogue_id}: they are not about the same turns; score them one by one"
            )


def human_of(aligned: Sequence[Aligned]) -> System | None:
    """The human's replies at the common turns as a system, for a yardstick; None where no file holds them."""
    golds = [next((one.gold_reply for one in row if one.gold_reply is not None), None) for row in _rows(aligned)]
    if not any(golds):
        return None
    said = tuple(
        one.model_copy(
            update={
                "system": HUMAN,
                "strategy_raw": one.gold_strategy.value,
                "strategy": one.gold_strategy,
                "reply": gold,
                "problem": "",
            }
        )
        for one, gold in zip(aligned[0].predictions, golds, strict=True)
    )
    return System(HUMAN, "human", "the human supporter's own replies, as a yardstick", said)


def _rows(aligned: Sequence[Aligned]) -> list[tuple[Prediction, ...]]:
    """The predictions of all systems, turn by turn."""
    return list(zip(*(one.predictions for one in aligned), strict=True))

"""What a system said at one turn, as it is written to and read from files, a JSON line each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ...schemas.base import Frozen, canonical_json
from ...schemas.evaluation import Kind
from ...schemas.strategy import Strategy
from ..metrics.sample import Answer


class Prediction(Frozen):
    """One system's answer at one turn, beside the human's."""

    system: str
    """The system's name."""
    dialogue_id: str
    turn: int
    """Index of the supporter turn in the dialogue, from 0."""
    gold_strategy: Strategy
    """The human's."""
    gold_reply: str | None
    """The human's words; null where only strategies are compared."""
    strategy_raw: str | None
    """What the planner said, or the joint model, as it came; null where the call failed."""
    strategy: Strategy | None
    """The strategy in it; null where it names none of the eight."""
    reply: str | None
    """The words; null where there are none."""
    problem: str = ""
    """Why there is no strategy, or no reply; empty where there are both, or none was asked for."""

    @property
    def place(self) -> tuple[str, int]:
        """The turn that it is at."""
        return self.dialogue_id, self.turn

    @property
    def answer(self) -> Answer:
        """What metrics look at."""
        return Answer(self.dialogue_id, self.turn, self.gold_strategy, self.gold_reply, self.strategy, self.reply)


@dataclass(frozen=True)
class System:
    """A system and everything that it said."""

    name: str
    kind: Kind
    about: str
    """What it is: its models, its file, or how a baseline decides."""
    predictions: tuple[Prediction, ...]
    notes: tuple[str, ...] = ()
    """What to know before its numbers are read."""


def predictions_text(predictions: Iterable[Prediction]) -> str:
    """The contents of a predictions file."""
    return "".join(canonical_json(one.model_dump(mode="json")).decode() + "\n" for one in predictions)


def file_name_of(system: str, taken: Sequence[str] = ()) -> str:
    """A file name for a system, other than those that are taken."""
    plain = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in system).strip("-.") or "system"
    numbered = (plain if number < 2 else f"{plain}-{number}" for number in range(1, len(taken) + 2))
    return next(f"{name}.jsonl" for name in numbered if f"{name}.jsonl" not in taken)

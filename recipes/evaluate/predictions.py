"""What a system said at one turn, as it is written to and read from files, a JSON line each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from ...prompts.parsers.trace import parse_trace
from ...schemas.base import Grown, canonical_json
from ...schemas.emotion import Emotion
from ...schemas.evaluation import Kind
from ...schemas.strategy import Strategy
from ...schemas.trace import Trace
from ..metrics.sample import Answer


class Prediction(Grown):
    """One system's answer at one turn, beside the human's."""

    gained: ClassVar[tuple[str, ...]] = ("trace", "gold_emotion")

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
    trace: str | None = None
    """Of a system that reasons, the trace in its text form; null where there is none that can be read."""
    gold_emotion: Emotion | None = None
    """The dialogue's main emotion, where its source tells one of the list."""

    @property
    def place(self) -> tuple[str, int]:
        """The turn that it is at."""
        return self.dialogue_id, self.turn

    @cached_property
    def steps(self) -> Trace | None:
        """The trace, read; None where there is none, or none that can be read."""
        read = parse_trace(self.trace) if self.trace is not None else None
        return read if isinstance(read, Trace) else None

    @property
    def answer(self) -> Answer:
        """What metrics look at."""
        return Answer(
            self.dialogue_id,
            self.turn,
            self.gold_strategy,
            self.gold_reply,
            self.strategy,
            self.reply,
            self.steps.emotion.emotion if self.steps else None,
            self.gold_emotion,
        )


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

"""Planted reasoning rows whose faults show in nothing but the comparison of a trace with its dialogue.

Every invented dialogue tells four things: whom it is about, how it feels, what is needed, and on which day. Each
step of a trace takes up one of them, a wrong step another value of it than the dialogue has. Values are drawn alike for
right and wrong steps, and no two steps take up the same thing: so words, lengths and the other steps tell nothing, and
whoever does not read the dialogue is at chance. The dialogues of the splits are different ones.
"""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count, product
from pathlib import Path
from random import Random
from typing import Any

from support.reasoning import Labels, demonstration_row, labelled_row, pair_row, write_config
from support.releases import copy_release, refresh_hashes, shared_release

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.recipes.evaluate.held_out import HumanTurn
from ipm_prefdial.schemas.config import REASONING_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Speaker, Split, Turn
from ipm_prefdial.schemas.emotion import Emotion
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.trace import EmotionStep, Step, StrategyStep, Trace

SUBJECTS = ("brother", "neighbour", "teacher", "landlord")
FEELINGS = {
    Emotion.SADNESS: "I keep crying",
    Emotion.ANGER: "I could scream",
    Emotion.FEAR: "my hands shake",
    Emotion.LONELINESS: "nobody calls me",
}
"""What a seeker says who feels it; a trace names the emotion alone."""
NEEDS = {
    Strategy.QUESTION: "there is more to tell",
    Strategy.REFLECTION: "it all weighs on me",
    Strategy.AFFIRMATION: "at least I tried",
    Strategy.SUGGESTIONS: "what should I do",
}
"""What a seeker says to whom a strategy fits; a trace names the strategy alone."""
DAYS = ("Monday", "Tuesday", "Thursday", "Sunday")
_OPENINGS = ("Hello.", "Good evening.", "Hi there.", "May I talk?")


@dataclass(frozen=True)
class Told:
    """What a dialogue tells, in the order of the steps that take it up."""

    subject: str
    feeling: Emotion
    need: Strategy
    day: str

    def turn(self, number: int) -> HumanTurn:
        """The moment at which a trace is written."""
        opening = _OPENINGS[number % len(_OPENINGS)]
        words = f"{opening} My {self.subject} left on {self.day}; {FEELINGS[self.feeling]}, and {NEEDS[self.need]}."
        history = (Turn(speaker=Speaker.SEEKER, text=words),)
        return HumanTurn(f"{number:016x}", 1, history, self.need, "I am here.", self.feeling)

    def trace(self, labels: Labels, random: Random) -> Trace:
        """A trace at this moment; where a label says so it takes up another value than the dialogue's."""
        right, values = (self.subject, self.feeling, self.need, self.day), (SUBJECTS, FEELINGS, NEEDS, DAYS)
        taken: list[Any] = [
            own if label else random.choice([one for one in every if one != own])
            for own, every, label in zip(right, values, labels, strict=True)
        ]
        return Trace(
            history=f"It is about the {taken[0]}.",
            emotion=EmotionStep(emotion=taken[1], intensity=3, cause="what happened"),
            strategy=StrategyStep(strategy=taken[2], why="it fits"),
            reply=f"How was it on {taken[3]} for you?",
        )


def dialogues(split: Split) -> list[Told]:
    """The dialogues of a split: a quarter of all that there are in test, the others in training, none in validation.

    Every value is as frequent in the one as in the other, or who learns which values are frequent would be worse than
    chance, since those that training has more of would be those that are left for test less often.
    """
    sizes = [range(len(one)) for one in (SUBJECTS, FEELINGS, NEEDS, DAYS)]
    values = list(product(SUBJECTS, FEELINGS, NEEDS, DAYS))
    held_out = [sum(places) % 4 == 0 for places in product(*sizes)]
    wanted = {Split.TRAIN: False, Split.TEST: True}.get(split)
    return [Told(*one) for one, out in zip(values, held_out, strict=True) if out is wanted]


def plant(told: Told, number: int, draws: int, random: Random) -> Iterator[tuple[Config, dict[str, Any]]]:
    """Rows of all three configs, `draws` of each; in a pair one step of the worse side is wrong, each as often."""
    turn, right = told.turn(number), told.trace((True,) * 4, random)
    yield Config.REASONING, demonstration_row(turn, 0, right)
    for draw in range(draws):
        labels: Labels = tuple(random.random() < 0.5 for _ in Step)  # type: ignore[assignment]
        yield Config.REASONING_STEPS, labelled_row(turn, draw, told.trace(labels, random), labels)
        wrong = random.randrange(len(Step))
        one_wrong: Labels = tuple(at != wrong for at in range(len(Step)))  # type: ignore[assignment]
        yield Config.REASONING_PAIRS, pair_row(turn, draw, right, told.trace(one_wrong, random))


@lru_cache
def compared_release(draws: int = 4) -> Release:
    """A release with these rows, made once a process; only to be read."""
    folder = tempfile.mkdtemp(prefix="ipm-prefdial-tests-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    release, random, numbers = copy_release(Path(folder, "release"), shared_release()), Random(1), count()
    for split in Split:
        rows: dict[Config, list[dict[str, Any]]] = {config: [] for config in REASONING_CONFIGS}
        for told in dialogues(split):
            for config, row in plant(told, next(numbers), draws, random):
                rows[config].append(row)
        for config, lines in rows.items():
            write_config(release, config, split, lines)
    return refresh_hashes(release.root)

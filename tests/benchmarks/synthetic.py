"""Invented dialogues in any number, for measuring: each with words of its own, none meant to be read."""

import json
import random
from pathlib import Path

from ipm_prefdial.schemas.strategy import Strategy

_WORDS = (
    "morning evening kitchen window letter garden river winter summer bridge lamp table corner street station market "
    "tired worried hopeful quiet restless heavy lighter alone crowded late early slow busy steady unsure angry calm "
    "sister brother neighbour teacher manager friend nurse student driver baker walk talk sleep wait call write read"
).split()
TURNS = 14
"""Turns of every dialogue, half of them the supporter's."""


def write_dialogues(path: Path, number: int, seed: int = 7) -> Path:
    """`number` dialogues of `TURNS` turns as JSON Lines in the package's own form."""
    dice = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for index in range(number):
            turns = [_turn(dice, index, place) for place in range(TURNS)]
            file.write(json.dumps({"source": "synthetic", "license": "cc0-1.0", "turns": turns}) + "\n")
    return path


def _turn(dice: random.Random, index: int, place: int) -> dict[str, object]:
    text = f"{words(dice)} {index}"
    if place % 2 == 0:
        return {"speaker": "seeker", "text": text}
    return {"speaker": "supporter", "text": text, "strategy": dice.choice(list(Strategy)).value}


def words(dice: random.Random) -> str:
    """Eight to thirty words."""
    return " ".join(dice.choices(_WORDS, k=dice.randint(8, 30)))

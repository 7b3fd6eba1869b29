"""What a reward model is measured on: labelled steps and pairs as arrays, and what a scorer makes of them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..metrics.sample import codes_of

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class Judged:
    """Labelled traces and pairs, in the order of their rows."""

    steps: list[list[str]]
    """The texts of the steps of each labelled trace."""
    labels: np.ndarray
    """Traces × steps: 1 for right, 0 for wrong."""
    step_dialogues: np.ndarray
    """A number for the dialogue of each labelled trace."""
    better: list[str]
    """The preferred trace of each pair, whole."""
    worse: list[str]
    """The other one."""
    pair_dialogues: np.ndarray
    """A number for the dialogue of each pair."""

    @classmethod
    def of(cls, rows: "Dataset") -> "Judged":
        """What rows in the form of `rows.load_reward_rows` hold."""
        labelled = [row for row in rows if row["labels"]]
        paired = [row for row in rows if not row["labels"]]
        return cls(
            [_cut(row["trace"][0]["content"], row["ends"]) for row in labelled],
            np.array([row["labels"] for row in labelled], dtype=np.int64).reshape(len(labelled), -1),
            codes_of(row["dialogue_id"] for row in labelled),
            [row["trace"][0]["content"] for row in paired],
            [row["worse"][0]["content"] for row in paired],
            codes_of(row["dialogue_id"] for row in paired),
        )


@dataclass(frozen=True)
class Scores:
    """What a scorer says of a `Judged`."""

    steps: np.ndarray
    """Traces × steps: the probability that a step is right, 0 to 1."""
    pairs: np.ndarray
    """Pairs × 2: a score of the better and of the worse trace; higher is better."""


class Baseline(Protocol):
    """Learns from training rows what it can, and scores others."""

    def __call__(self, training: Judged, held_out: Judged) -> Scores:
        """The scores of `held_out`."""
        ...


def _cut(text: str, ends: list[int]) -> list[str]:
    starts = [0, *(end + 1 for end in ends[:-1])]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]

"""The input of every metric: one system's answers with their bootstrap weights, and the words of its replies."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...builders.statistics.bootstrap import weights_of
from ...schemas.base import digest_of
from ...schemas.emotion import Emotion
from ...schemas.strategy import Strategy
from ...schemas.text import words_of

STRATEGIES = tuple(Strategy)
"""The order of every table here."""
INVALID = len(STRATEGIES)
"""The index of an answer that is none of the eight."""
REPLICATES = 1_000
"""Bootstrap samples for every interval and test."""


@dataclass(frozen=True)
class TurnAnswer:
    """The human's turn, and a system's answer in its place."""

    dialogue: str
    """Its id; the bootstrap draws whole dialogues."""
    turn: int
    """Its place in the dialogue; with `dialogue` it identifies the turn in every system."""
    gold: Strategy
    """The human's strategy."""
    reference: str | None
    """The human's words; None if only strategies are compared."""
    strategy: Strategy | None
    """The system's; None if it named none of the eight."""
    reply: str | None
    """The system's words; None if it gave none."""
    emotion: Emotion | None = None
    """The seeker's emotion in the system's trace; None if there is no trace that can be parsed."""
    gold_emotion: Emotion | None = None
    """The dialogue's main emotion, if its source gives one of the list."""


@dataclass(frozen=True)
class AnswerSample:
    """One system's answers with their bootstrap weights."""

    answers: tuple[TurnAnswer, ...]
    weights: np.ndarray
    """Answers × (1 + replicates), see `bootstrap.weights_of`; column 0 is the data itself."""

    @classmethod
    def of(cls, answers: Sequence[TurnAnswer], replicates: int = REPLICATES) -> "AnswerSample":
        """The sample over these answers; a dialogue has the same weights in every system."""
        return cls(tuple(answers), weights_of(codes_of(one.dialogue for one in answers), replicates))

    @property
    def size(self) -> int:
        return len(self.answers)

    @cached_property
    def gold(self) -> np.ndarray:
        """The human's strategies, as indices into `STRATEGIES`."""
        return np.array([STRATEGIES.index(one.gold) for one in self.answers], dtype=np.int64)

    @cached_property
    def named(self) -> np.ndarray:
        """The system's strategies, as indices into `STRATEGIES` or `INVALID`."""
        indices = (INVALID if one.strategy is None else STRATEGIES.index(one.strategy) for one in self.answers)
        return np.fromiter(indices, dtype=np.int64, count=self.size)

    @cached_property
    def valid(self) -> np.ndarray:
        """Which answers name one of the eight strategies."""
        return np.asarray(self.named != INVALID)

    @property
    def without_valid(self) -> str:
        """Why the metrics of strategies are undefined; empty if an answer is valid."""
        return "" if self.valid.any() else f"undefined: 0 of {self.size} answers are valid"

    @cached_property
    def replied(self) -> np.ndarray:
        return np.array([bool(one.reply and one.reply.strip()) for one in self.answers], dtype=bool)

    @cached_property
    def compared(self) -> np.ndarray:
        """Which turns have a human reply to compare with."""
        return np.array([bool(one.reference and one.reference.strip()) for one in self.answers], dtype=bool)


def codes_of(names: Iterable[str]) -> np.ndarray:
    """A 64-bit digest of each name, the same in every process."""
    return np.array([int(digest_of(name)[:16], 16) for name in names], dtype=np.uint64)


WORDS = "words: runs of letters and digits, case folded"
"""The definition of `tokens`, for descriptions of metrics."""


def tokens(text: str | None) -> list[str]:
    """The words of a reply, for metrics without a tokeniser of their own; none for None."""
    return words_of(text or "")


def ngrams(words: list[str], order: int) -> list[tuple[str, ...]]:
    """Every run of `order` words, in order."""
    return [tuple(words[at : at + order]) for at in range(len(words) - order + 1)]


Phrases = frozenset[tuple[str, ...]]
"""The different runs of three words in a text."""


def phrases_of(text: str) -> Phrases:
    """The different runs of three words; a shorter text is one phrase, so that every text has one."""
    words = tokens(text)
    return frozenset(ngrams(words, 3)) or frozenset([tuple(words)])

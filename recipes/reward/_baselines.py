"""What a reward model must beat: scorers that do not read the dialogue, fitted on the training rows in seconds.

A fault that these find shows in the trace alone, so a reward model proves little by finding it, too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ...builders.statistics.bootstrap import SEED
from ..metrics.sample import codes_of, tokens

if TYPE_CHECKING:
    from datasets import Dataset


@dataclass(frozen=True)
class LabelledExamples:
    """Labelled traces and pairs as arrays, in the order of their rows."""

    steps: list[list[str]]
    """The texts of the steps of each labelled trace."""
    labels: np.ndarray
    """Traces × steps: 1 if right, 0 if wrong."""
    step_dialogues: np.ndarray
    """The code of each labelled trace's dialogue, see `codes_of`."""
    better: list[str]
    """The preferred trace of each pair, as text."""
    worse: list[str]
    pair_dialogues: np.ndarray
    """The code of each pair's dialogue."""

    @classmethod
    def of(cls, rows: "Dataset") -> "LabelledExamples":
        """The examples in rows of `rows.load_reward_rows`."""
        labelled = [row for row in rows if row["labels"]]
        paired = [row for row in rows if not row["labels"]]
        return cls(
            [_split_steps(row["trace"][0]["content"], row["ends"]) for row in labelled],
            np.array([row["labels"] for row in labelled], dtype=np.int64).reshape(len(labelled), -1),
            codes_of(row["dialogue_id"] for row in labelled),
            [row["trace"][0]["content"] for row in paired],
            [row["worse"][0]["content"] for row in paired],
            codes_of(row["dialogue_id"] for row in paired),
        )


@dataclass(frozen=True)
class Scores:
    """A scorer's output for `LabelledExamples`."""

    steps: np.ndarray
    """Traces × steps: the probability that a step is right, 0 to 1."""
    pairs: np.ndarray
    """Pairs × 2: a score of the better and of the worse trace; higher is better."""


class TraceBaseline(Protocol):
    """Learns from training examples, and scores others."""

    def __call__(self, training: LabelledExamples, held_out: LabelledExamples) -> Scores: ...


def _split_steps(text: str, ends: list[int]) -> list[str]:
    starts = [0, *(end + 1 for end in ends[:-1])]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


Featurise = Callable[[Sequence[str], Sequence[str]], tuple[Any, Any]]
"""Features of training and of held-out texts (rows × features), learnt from the training texts alone."""


def score_by_majority(training: LabelledExamples, held_out: LabelledExamples) -> Scores:
    """Each step's share of right labels in training; ties for all pairs."""
    rates = training.labels.mean(axis=0) if len(training.labels) else np.full(held_out.labels.shape[1], 0.5)
    return Scores(np.broadcast_to(rates, held_out.labels.shape), np.zeros((len(held_out.better), 2)))


# Logistic regressions on the logarithms of characters and words.
def _score_by_length(training: LabelledExamples, held_out: LabelledExamples) -> Scores:
    return _fitted(training, held_out, _lengths)


def score_by_words(training: LabelledExamples, held_out: LabelledExamples) -> Scores:
    """Logistic regressions on unigrams and bigrams, weighted by TF-IDF."""
    return _fitted(training, held_out, _tfidf)


BASELINES: Mapping[str, TraceBaseline] = {
    "majority label of the step": score_by_majority,
    "length": _score_by_length,
    "TF-IDF, logistic regression": score_by_words,
}
"""Every baseline, by its name in tables."""


# One model for each step, and one on the feature differences between the sides of pairs.
def _fitted(training: LabelledExamples, held_out: LabelledExamples, featurise: Featurise) -> Scores:
    steps = np.empty(held_out.labels.shape)
    for step in range(held_out.labels.shape[1]):
        texts = [[trace[step] for trace in examples.steps] for examples in (training, held_out)]
        steps[:, step] = _probabilities(texts[0], training.labels[:, step], texts[1], featurise)
    return Scores(steps, _pair_scores(training, held_out, featurise))


def _probabilities(fit_on: list[str], labels: np.ndarray, texts: list[str], featurise: Featurise) -> np.ndarray:
    # With one label there is nothing to separate, and scikit-learn refuses to fit.
    if not texts or len(set(labels)) < 2:
        return np.full(len(texts), labels.mean() if len(labels) else 0.5)
    known, wanted = featurise(fit_on, texts)
    return np.asarray(_logistic().fit(known, labels).predict_proba(wanted)[:, 1])


def _pair_scores(training: LabelledExamples, held_out: LabelledExamples, featurise: Featurise) -> np.ndarray:
    number, wanted_number = len(training.better), len(held_out.better)
    if not number or not wanted_number:
        return np.zeros((wanted_number, 2))
    known, wanted = featurise([*training.better, *training.worse], [*held_out.better, *held_out.worse])
    # Each difference in both directions, and no intercept: the score is antisymmetric, and the classes are balanced.
    differences = known[:number] - known[number:]
    both = _stack([differences, -differences])
    model = _logistic(fit_intercept=False).fit(both, np.repeat([1, 0], number))
    scores = np.asarray(model.decision_function(wanted))
    return np.column_stack([scores[:wanted_number], scores[wanted_number:]])


def _stack(parts: list[Any]) -> Any:
    if isinstance(parts[0], np.ndarray):
        return np.concatenate(parts)
    from scipy.sparse import vstack

    return vstack(parts)


def _logistic(**given: Any) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(solver="liblinear", random_state=SEED, **given)


def _lengths(fit_on: Sequence[str], texts: Sequence[str]) -> tuple[Any, Any]:
    def measure(some: Sequence[str]) -> np.ndarray:
        return np.log1p([[len(text), len(tokens(text))] for text in some])

    known = measure(fit_on)
    spread = known.std(axis=0)
    # A length that never varies says nothing, and must not divide by zero.
    spread[spread == 0] = 1
    return (known - known.mean(axis=0)) / spread, (measure(texts) - known.mean(axis=0)) / spread


def _tfidf(fit_on: Sequence[str], texts: Sequence[str]) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", ngram_range=(1, 2), sublinear_tf=True)
    return words.fit_transform(fit_on), words.transform(texts)

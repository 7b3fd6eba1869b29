"""What a reward model has to beat: scorers that read no dialogue, fitted on the training rows in seconds."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...builders.statistics.bootstrap import SEED
from ..metrics.words import tokens
from .held_out import Baseline, Judged, Scores

Featurise = Callable[[Sequence[str], Sequence[str]], tuple[Any, Any]]
"""Features of training and of held-out texts, rows × features, by what is learnt from the first alone."""


def score_by_majority(training: Judged, held_out: Judged) -> Scores:
    """The share of right steps in the training rows, of each step by itself; no opinion of pairs."""
    rates = training.labels.mean(axis=0) if len(training.labels) else np.full(held_out.labels.shape[1], 0.5)
    return Scores(np.broadcast_to(rates, held_out.labels.shape), np.zeros((len(held_out.better), 2)))


def score_by_length(training: Judged, held_out: Judged) -> Scores:
    """Logistic regressions on the logarithms of characters and words."""
    return _fitted(training, held_out, _lengths)


def score_by_words(training: Judged, held_out: Judged) -> Scores:
    """Logistic regressions on the words and their pairs, weighed by TF-IDF."""
    return _fitted(training, held_out, _tfidf)


BASELINES: Mapping[str, Baseline] = {
    "majority label of the step": score_by_majority,
    "length": score_by_length,
    "TF-IDF, logistic regression": score_by_words,
}
"""Every baseline by the name that tables give it."""


def _fitted(training: Judged, held_out: Judged, featurise: Featurise) -> Scores:
    """A model a step, and one of the differences between the sides of pairs."""
    steps = np.empty(held_out.labels.shape)
    for step in range(held_out.labels.shape[1]):
        texts = [[trace[step] for trace in judged.steps] for judged in (training, held_out)]
        steps[:, step] = _probabilities(texts[0], training.labels[:, step], texts[1], featurise)
    return Scores(steps, _pair_scores(training, held_out, featurise))


def _probabilities(fit_on: list[str], labels: np.ndarray, texts: list[str], featurise: Featurise) -> np.ndarray:
    if not texts or len(set(labels)) < 2:
        return np.full(len(texts), labels.mean() if len(labels) else 0.5)
    known, wanted = featurise(fit_on, texts)
    return np.asarray(_logistic().fit(known, labels).predict_proba(wanted)[:, 1])


def _pair_scores(training: Judged, held_out: Judged, featurise: Featurise) -> np.ndarray:
    number, wanted_number = len(training.better), len(held_out.better)
    if not number or not wanted_number:
        return np.zeros((wanted_number, 2))
    known, wanted = featurise([*training.better, *training.worse], [*held_out.better, *held_out.worse])
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
    spread[spread == 0] = 1
    return (known - known.mean(axis=0)) / spread, (measure(texts) - known.mean(axis=0)) / spread


def _tfidf(fit_on: Sequence[str], texts: Sequence[str]) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(token_pattern=r"(?u)\b\w+\b", ngram_range=(1, 2), sublinear_tf=True)
    return words.fit_transform(fit_on), words.transform(texts)

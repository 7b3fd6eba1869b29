"""The embedded planner: a logistic regression over the words of the last turns and the place in the dialogue."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from ....schemas.dialogue import Turn
from ....schemas.inference import Sampling
from ....schemas.strategy import Strategy
from ._words import Floats, Tfidf, Weighed, as_rows
from .text import View, tokenise, view_history

STRATEGIES = tuple(Strategy)
"""The order of every distribution here."""

_LAST_WEIGHT = 0.7
_EARLIER_WEIGHT = 0.5
_EARLIER_DECAY = 0.7
_EARLIER_TURNS = 5
_TURN_STEPS = (0, 1, 2, 3, 5, 9, 16)
_PRIOR_SHARE = 0.02
# Between 0 (as frequent as in the corpus: three strategies are never the first choice) and 1 (all equal).
_BALANCE = 0.3
_INVERSE_PENALTY = 0.3


@dataclass(frozen=True)
class TurnExample:
    """A supporter turn to learn from."""

    history: tuple[Turn, ...]
    """The turns before it."""
    strategy: Strategy
    """The human's."""


@dataclass(frozen=True, eq=False, repr=False)
class Planner:
    """A distribution over the eight strategies for any history."""

    seeker: Tfidf
    """Weighs what the seeker said last."""
    supporter: Tfidf
    """Weighs what the supporter said before."""
    prior: Floats
    """How frequent each strategy is, smoothed; in the order of `STRATEGIES`."""
    coefficients: Floats | None
    """A row a feature, a column a strategy; None where the training dialogues hold fewer than two strategies."""
    intercept: Floats
    """Minus infinity for a strategy that the training dialogues do not hold."""

    def proba(self, history: Sequence[Turn]) -> Floats:
        """The probability of each strategy, in the order of `STRATEGIES`; never zero."""
        if self.coefficients is None:
            return self.prior
        features = _features(view_history(history), self.seeker, self.supporter)
        scores = self.intercept + features.weights @ self.coefficients[features.terms]
        odds = np.exp(scores - scores.max())
        mixed: Floats = (1 - _PRIOR_SHARE) * odds / odds.sum() + _PRIOR_SHARE * self.prior
        return mixed

    @cached_property
    def usual(self) -> Floats:
        """About what `proba` comes to on average: the prior, as far as the balancing of classes leaves it."""
        evened = self.prior ** (1 - _BALANCE)
        shares: Floats = evened / evened.sum()
        return shares

    def sample(self, history: Sequence[Turn], sampling: Sampling, rng: np.random.Generator) -> Strategy:
        """A strategy drawn at the sampling's temperature and top_p; the most probable one at temperature 0."""
        proba = self.proba(history)
        if sampling.temperature == 0:
            return STRATEGIES[int(proba.argmax())]
        scores = np.log(proba) / sampling.temperature
        sharpened = np.exp(scores - scores.max())
        order = np.argsort(-sharpened, kind="stable")
        mass = np.cumsum(sharpened[order]) / sharpened.sum()
        nucleus = mass[: int(np.searchsorted(mass, sampling.top_p)) + 1]
        drawn = int(np.searchsorted(nucleus, rng.random() * nucleus[-1], side="right"))
        return STRATEGIES[int(order[min(drawn, len(nucleus) - 1)])]


def fit_planner(samples: Sequence[TurnExample]) -> Planner:
    """The planner that `samples` teach; of no samples, one that finds all strategies equally probable."""
    views = [view_history(sample.history) for sample in samples]
    seeker = Tfidf.fit((view.last_seeker for view in views), min_count=3)
    supporter = Tfidf.fit((view.supporter[-1] if view.supporter else "" for view in views), min_count=3)
    labels = np.array([STRATEGIES.index(sample.strategy) for sample in samples], dtype=np.intp)
    counts = np.bincount(labels, minlength=len(STRATEGIES))
    prior = (counts + 1) / (counts.sum() + len(STRATEGIES))
    intercept = np.where(counts > 0, 0.0, -np.inf)
    if np.count_nonzero(counts) < 2:
        return Planner(seeker, supporter, prior, None, intercept)
    vectors = [_features(view, seeker, supporter) for view in views]
    width = len(_place(View("", (), 0, 0))) + len(seeker.idf) + 2 * len(supporter.idf)
    model = _regress(as_rows(vectors, width), labels, counts)
    coefficients = np.zeros((width, len(STRATEGIES)))
    # With two classes there is one row, the log odds of the second against the first.
    present = model.classes_ if len(model.classes_) > 2 else model.classes_[1:]
    coefficients[:, present] = model.coef_.T
    intercept[present] += model.intercept_
    return Planner(seeker, supporter, prior, coefficients, intercept)


def _regress(matrix: Any, labels: Any, counts: Any) -> Any:
    from sklearn.linear_model import LogisticRegression  # a second to import, and only needed for fitting

    present = np.flatnonzero(counts)
    weights = {int(one): float((counts.sum() / len(STRATEGIES) / counts[one]) ** _BALANCE) for one in present}
    # Newton's method ends at the optimum, whatever the machine's rounding; it may warn of its last, tiny steps.
    model = LogisticRegression(C=_INVERSE_PENALTY, solver="newton-cg", tol=1e-4, class_weight=weights)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(matrix, labels)


# The place in the dialogue, the seeker's last words, the supporter's last turn, and the turns before that.
def _features(view: View, seeker: Tfidf, supporter: Tfidf) -> Weighed:
    place = np.array(_place(view), dtype=np.float64)
    said = seeker.weigh(view.last_seeker)
    blocks = [Weighed(np.arange(len(place)), place), Weighed(said.terms + len(place), said.weights)]
    offset = len(place) + len(seeker.idf)
    if view.supporter:
        last = supporter.weigh(view.supporter[-1])
        blocks.append(Weighed(last.terms + offset, last.weights * _LAST_WEIGHT))
    earlier = np.zeros(len(supporter.idf))
    for back, text in enumerate(reversed(view.supporter[-1 - _EARLIER_TURNS : -1])):
        turn = supporter.weigh(text)
        earlier[turn.terms] += turn.weights * _EARLIER_WEIGHT * _EARLIER_DECAY**back
    held = np.flatnonzero(earlier)
    blocks.append(Weighed(held + offset + len(earlier), earlier[held]))
    return Weighed(np.concatenate([one.terms for one in blocks]), np.concatenate([one.weights for one in blocks]))


# How far the dialogue is, whether the supporter goes on speaking, and the form of what the seeker said.
def _place(view: View) -> list[float]:
    turns, words = len(view.supporter), tokenise(view.last_seeker)
    steps = [low <= turns < high for low, high in pairwise((*_TURN_STEPS, 10**9))]
    return [
        float(np.log1p(turns)),
        float(np.log1p(view.seeker_runs)),
        *(float(view.since_seeker == count) for count in (0, 1)),
        float(view.since_seeker > 1),
        *(float(step) for step in steps),
        float("?" in words),
        float(np.log1p(len(words))),
        float(len(words) < 4),
        float(len(words) > 25),
    ]

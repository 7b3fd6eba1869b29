"""Held-out pairs that cannot be told apart by what is easy: their length, and a bag of their words (our own design).

DPO can raise the chosen side of nearly every pair without having learnt what makes it better, where human replies are
longer than a model's, or use other words. So two probes are fitted on the training pairs: logistic regressions on the
difference of the two sides, one of their lengths and one of their words. They read no dialogue. A test pair is hard
where neither probe gives the chosen side more than `NEAR_CHANCE`: it is wrong, or near chance. No test dialogue is
among the training pairs, so that the probes are asked about what they never saw. On hard pairs a model that learnt
nothing but these two cues is below a half.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...builders.statistics.bootstrap import SEED
from ...schemas.dialogue import Split
from ..data.release import PinnedRelease
from ..tasks import Stage, Task, configs_of
from .tables import answer_of, rows_of

NEAR_CHANCE = 0.55
"""Probability of the chosen side up to which a probe knows nothing."""
_MOST = 6_000
"""Training pairs that the probes are fitted on, at most."""
_SIDES = ("chosen", "rejected")

Row = dict[str, Any]
Texts = Sequence[tuple[str, str]]
"""The chosen and the rejected side of pairs."""


@dataclass(frozen=True)
class HardPairs:
    """What is left of a task's test pairs."""

    rows: tuple[Row, ...]
    of: int
    """Test pairs that there are."""


def hard_pairs(release: PinnedRelease, task: Task) -> HardPairs:
    """The test pairs of a task that the probes get wrong, or are near chance on.

    Raises:
        DataError: a table cannot be read.
    """
    config = configs_of(task, Stage.DPO)[0]
    training = list(rows_of(release, config, _SIDES, (Split.TRAIN,)))[:_MOST]
    rows = list(rows_of(release, config, ("dialogue_id", "prompt", *_SIDES), (Split.TEST,)))
    hard = are_hard([_texts(row) for row in training], [_texts(row) for row in rows])
    return HardPairs(tuple(row for row, is_hard in zip(rows, hard, strict=True) if is_hard), len(rows))


def _texts(row: Row) -> tuple[str, str]:
    return answer_of(row["chosen"]), answer_of(row["rejected"])


def are_hard(training: Texts, pairs: Texts) -> np.ndarray:
    """Which of `pairs` no probe that was fitted on `training` tells apart; none where there is nothing to fit."""
    hard = np.full(len(pairs), bool(training))
    if training and pairs:
        for featurise in (_lengths, _words):
            hard &= _probability(featurise, training, pairs) <= NEAR_CHANCE
    return hard


def _probability(featurise: Any, training: Texts, pairs: Texts) -> np.ndarray:
    """That the chosen side is the chosen one, by one probe."""
    from scipy.sparse import vstack
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    known, asked = featurise(training, pairs)
    labels = np.repeat([1, 0], known.shape[0])
    with threadpool_limits(1):  # several threads take longer over such small matrices
        # Both orders of every pair, and no intercept: the probe cannot know which side stands first.
        model = LogisticRegression(solver="liblinear", fit_intercept=False, random_state=SEED)
        model.fit(vstack([known, -known]), labels)
        return np.asarray(model.predict_proba(asked)[:, 1]).round(12)


def _words(training: Texts, pairs: Texts) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(sublinear_tf=True, token_pattern=r"\w+|[^\w\s]")
    words.fit([side for pair in training for side in pair])
    return tuple(
        words.transform([one for one, _ in some]) - words.transform([other for _, other in some])
        for some in (training, pairs)
    )


def _lengths(training: Texts, pairs: Texts) -> tuple[Any, Any]:
    from scipy.sparse import csr_matrix

    def measured(some: Texts) -> np.ndarray:
        sizes = np.log1p([[[len(side), len(side.split())] for side in pair] for pair in some])
        return np.asarray(sizes[:, 0] - sizes[:, 1])

    known, asked = measured(training), measured(pairs)
    spread = known.std(axis=0)
    spread[spread == 0] = 1
    return csr_matrix(known / spread), csr_matrix(asked / spread)

"""Whether sides are swapped, by a model that never sees which side is called chosen (our own design).

A logistic regression learns to tell demonstrations, which are human, from both sides of the pairs of the same turns,
which are human and inferred in equal parts. Swapping sides changes nothing that it learns from, so it can be trusted
about them. Asked out-of-fold about single sides, it ranks the human one higher in a share of pairs, `found`. How well
it could do is known without the labels, too: where it tells demonstrations from the mixture with an AUC of `a`, it
tells human from inferred sides with one of `m = 2a - 1/2`, since half of the mixture is human itself. Were a share `q`
of the pairs swapped, it would find `m` in the others and `1 - m` in these, so `q = (m - found) / (2m - 1)`.

It reads a side's words and how they fit the dialogue. What it needs is that inferred replies are different at all;
where `m` is near a half, it can tell nothing, and the precondition `tellable` says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...builders.statistics.auc import weighted_auc
from ...builders.statistics.bootstrap import SEED, interval, ratio, weights_of
from ...schemas.config import Config
from ...schemas.measures import Interval
from ..data.release import PinnedRelease
from ..metrics.sample import REPLICATES, codes_of
from .tables import Place, answer_of, rows_of
from .verdicts import nothing

_FOLDS = 5
_MOST = 6_000
"""Pairs that are looked at, whole dialogues by hash."""


@dataclass(frozen=True)
class Pair:
    """A pair with the demonstration of its turn."""

    dialogue: str
    history: str
    """All that was said, and the seeker's last words apart."""
    last: str
    chosen: str
    rejected: str
    human: str


@dataclass(frozen=True)
class ToldApart:
    """What the model found."""

    swapped: Interval
    """Estimated share of swapped pairs."""
    tellable: Interval
    """AUC with which it tells human from inferred sides."""


def tell_apart(release: PinnedRelease) -> ToldApart:
    """What the model says of the `response` pairs; no value where there are too few dialogues."""
    pairs = pairs_of(release)
    return (
        tell_pairs_apart(pairs) if len({one.dialogue for one in pairs}) >= _FOLDS else ToldApart(nothing(), nothing())
    )


def pairs_of(release: PinnedRelease) -> list[Pair]:
    """The `response` pairs whose turn has a demonstration."""
    humans: Mapping[Place, str] = {
        (row["dialogue_id"], row["turn"]): answer_of(row["completion"])
        for row in rows_of(release, Config.RESPONSE_SFT, ("dialogue_id", "turn", "completion"))
    }
    columns = ("dialogue_id", "turn", "prompt", "chosen", "rejected")
    found = [
        _pair(row, humans[row["dialogue_id"], row["turn"]])
        for row in rows_of(release, Config.RESPONSE, columns)
        if (row["dialogue_id"], row["turn"]) in humans
    ]
    order = dict(zip(found, codes_of(one.dialogue for one in found), strict=True))
    return sorted(found, key=lambda one: order[one])[:_MOST]


def _pair(row: dict[str, Any], human: str) -> Pair:
    said = [message["content"] for message in row["prompt"] if message["role"] != "system"]
    return Pair(
        row["dialogue_id"], " ".join(said), said[-1], answer_of(row["chosen"]), answer_of(row["rejected"]), human
    )


def tell_pairs_apart(pairs: Sequence[Pair]) -> ToldApart:
    """What the model says of these pairs."""
    dialogues = codes_of(one.dialogue for one in pairs)
    sides = ("human", "chosen", "rejected")
    inputs = _inputs([(getattr(one, side), one) for side in sides for one in pairs])
    scores = _out_of_fold(inputs, np.tile(dialogues, 3), np.repeat([1, 0, 0], len(pairs))).reshape(3, len(pairs))
    weights = weights_of(dialogues, REPLICATES).astype(np.float64)
    auc = weighted_auc(scores.ravel(), np.repeat([1, 0, 0], len(pairs)), np.tile(weights, (3, 1)))
    tellable = 2 * auc - 0.5
    ranked = np.sign(scores[1] - scores[2]) / 2 + 0.5
    found = ratio(weights.T @ ranked, weights.sum(axis=0))
    able = np.abs(2 * tellable - 1) > 1e-9
    swapped = np.divide(tellable - found, 2 * tellable - 1, out=np.full(len(found), np.nan), where=able)
    return ToldApart(interval(swapped, len(pairs)), interval(tellable, len(pairs)))


def _inputs(sides: Sequence[tuple[str, Pair]]) -> Any:
    """Rows × features: a side's words, its length, and how near its words are to the dialogue's."""
    from scipy.sparse import csr_matrix, hstack
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(min_df=2, sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
    replies = words.fit_transform([text for text, _ in sides])
    history, last = (words.transform([getattr(one, part) for _, one in sides]) for part in ("history", "last"))
    near = [np.asarray(replies.multiply(other).sum(axis=1)).ravel() for other in (history, last)]
    length = np.log1p([len(text.split()) for text, _ in sides])
    columns = np.column_stack([*near, length, length**2])
    spread = columns.std(axis=0)
    plain = (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1)
    return hstack([replies, csr_matrix(plain)], format="csr")


def _out_of_fold(inputs: Any, dialogues: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """A score per row from a model that saw nothing of its dialogue."""
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    unique, group = np.unique(dialogues, return_inverse=True)
    fold = (np.random.default_rng(SEED).permutation(len(unique)) % _FOLDS)[group]
    scores = np.zeros(len(labels))
    with threadpool_limits(1):  # several threads take longer over such small matrices
        for number in range(_FOLDS):
            seen, asked = np.flatnonzero(fold != number), np.flatnonzero(fold == number)
            model = LogisticRegression(solver="liblinear", random_state=SEED).fit(inputs[seen], labels[seen])
            scores[asked] = model.decision_function(inputs[asked])
    return scores.round(12)

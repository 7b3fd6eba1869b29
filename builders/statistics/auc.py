"""How well scores tell two labels apart, under bootstrap weights."""

import numpy as np

from .bootstrap import ratio

_AT_ONCE = 50


def weighted_auc(scores: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The area under the ROC curve under each column of weights: 0 to 1, ties count half; NaN without both labels.

    Args:
        scores: one a row; higher speaks for label 1.
        labels: 0 or 1.
        weights: rows × columns.
    """
    _, rank = np.unique(scores, return_inverse=True)
    order = np.argsort(rank, kind="stable")
    starts = np.flatnonzero(np.diff(rank[order], prepend=-1))
    areas = []
    for first in range(0, weights.shape[1], _AT_ONCE):
        some = weights[order, first : first + _AT_ONCE].astype(np.float64)
        ones = np.add.reduceat(some * labels[order, None], starts, axis=0)
        zeros = np.add.reduceat(some * (1 - labels[order, None]), starts, axis=0)
        below = np.cumsum(zeros, axis=0) - zeros / 2
        areas.append(ratio((ones * below).sum(axis=0), ones.sum(axis=0) * zeros.sum(axis=0)))
    return np.concatenate(areas)

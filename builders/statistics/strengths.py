"""How strongly each strategy is preferred over the others, from counts of which was taken in whose place.

The estimator is ours. It follows the preference bias of Kang et al. 2024 (arXiv 2402.13211), strengths of eight
strategies that sum to eight and their population standard deviation as the bias, but adds half a count everywhere, so
that the bias is finite for every table of counts. Numbers of the two are therefore not to be compared; the published
one stands in `recipes.metrics.bias`.
"""

import numpy as np

PRIOR = 0.5
"""Counts added to every cell."""
_SWEEPS = 50


def pair_strengths(wins: np.ndarray) -> np.ndarray:
    """Smoothed Bradley-Terry strengths, summing to the number of strategies.

    Args:
        wins: any number of tables (… × n × n): how often strategy *i* was chosen over *j*; the diagonal is unused.
    """
    size = wins.shape[-1]
    wins = (wins + PRIOR) * (1 - np.eye(size))
    games = wins + np.swapaxes(wins, -1, -2)
    won = wins.sum(axis=-1)
    strengths = np.ones(won.shape)
    for _ in range(_SWEEPS):
        # The minorise-maximise update: every sum has the prior in it, so nothing is ever divided by zero.
        sums = strengths[..., :, None] + strengths[..., None, :]
        strengths = won / (games / sums).sum(axis=-1)
        strengths *= size / strengths.sum(axis=-1, keepdims=True)
    return strengths


def bias_of(strengths: np.ndarray) -> np.ndarray:
    """The population standard deviation of strengths (… × n): 0 is unbiased, and none is above the root of n - 1."""
    return np.asarray(strengths.std(axis=-1))

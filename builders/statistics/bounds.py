"""One-sided 95 % bounds by which gates decide: of an AUC, of a share, and of a bootstrapped value.

A percentile interval over few dialogues is too narrow, and a model that was fitted on few pairs finds less than there
is to find. On 29 pairs of real replies with a true AUC of 0.63, the out-of-fold AUC is 0.53 on average. So:

* The standard error of an out-of-fold AUC is that of DeLong, DeLong & Clarke-Pearson 1988 summed over dialogues
  (Obuchowski 1997, clustered ROC data), not below that of Hanley & McNeil 1982 for as many single pairs, and times 1.5:
  the folds share what their models were fitted on, which Nadeau & Bengio 2003 correct by the root of 1 + k / (k - 1),
  1.5 for five folds. Measured over real and planted pairs, the plain error is too small by factors of 1.2 to 1.6.
* Quantiles are Student's, with one degree of freedom less than there are dialogues.
* The upper bound of an AUC is that of a model with many pairs (our own design). A linear rule over features that vary
  freely in `dimension` directions, fitted on m pairs, reaches z(m) = z² / sqrt(z² + dimension / m), where z is its
  limit for many pairs, both in probits of the AUC; we solve the bound on z(m) for z. An AUC below 0.5 counts as 0.5.
  The dimension is the participation ratio tr(S)² / tr(S²) of the features' covariance S, estimated without the labels,
  times 1.5: the factor at which no planted effect that we tried, sixty rare words among them, gave more than 5 % false
  passes at any size (`tests/measure_gates.py` makes the table).
* Bounds of a share are those of Clopper & Pearson 1934 with the effective number of Korn & Graubard 1998.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# Nadeau & Bengio's for five folds, see above.
_ERROR_FACTOR = 1.5
# Our own, calibrated, see above.
_DIMENSION_FACTOR = 1.5
# Probability that the true value is beyond a bound.
_TAIL = 0.05
FOLDS = 5
# Normal quantile of 80 %: the chance of a pass at the number of pairs that we name.
_POWER = 0.84
# Above so many pairs we name no number.
_MOST = 10_000_000
_MOST_TIMES = 10_000
# The dimension of words grows with about the fourth root of the pairs, measured on 25 to 2,600 pairs of real replies.
_GROWTH = 0.25


@dataclass(frozen=True)
class Bounds:
    """A value is above `low` and below `high`, each with 95 % confidence; None means that the data cannot tell."""

    low: float | None
    high: float | None


UNBOUNDED = Bounds(None, None)


def auc_error(scores: np.ndarray, dialogues: np.ndarray) -> float | None:
    """The standard error of the AUC of out-of-fold scores, corrected for the folds; None with fewer than two dialogues.

    Args:
        scores: of all chosen sides, then of the rejected ones in the same order.
        dialogues: the dialogue of each pair.
    """
    from scipy.stats import rankdata

    pairs = len(dialogues)
    unique, group = np.unique(dialogues, return_inverse=True)
    if len(unique) < 2:
        return None
    chosen, rejected = scores[:pairs], scores[pairs:]
    ranks = rankdata(scores)
    # The share of the other side's scores that each score beats, from ranks among all and among its own.
    beats = (ranks[:pairs] - rankdata(chosen)) / pairs
    beaten = 1 - (ranks[pairs:] - rankdata(rejected)) / pairs
    auc = float(beats.mean())
    of_dialogue = np.bincount(group, (beats + beaten - 2 * auc) / pairs)
    clustered = float((of_dialogue**2).sum()) * len(unique) / (len(unique) - 1)
    return _ERROR_FACTOR * float(np.sqrt(max(clustered, _hanley_mcneil(auc, pairs))))


# The variance of an AUC of independent pairs; half a pair on either side keeps it above zero.
def _hanley_mcneil(auc: float, pairs: int) -> float:
    area = (auc * pairs + 0.5) / (pairs + 1)
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    return (area * (1 - area) + (pairs - 1) * (one + two - 2 * area**2)) / pairs**2


def dimension_of(inputs: Any) -> float:
    """The number of directions in which features vary: tr(S)² / tr(S²) without bias; at least 1.

    Args:
        inputs: rows × features, dense or sparse; memory grows with the square of the rows.
    """
    rows = np.asarray(inputs.toarray() if hasattr(inputs, "toarray") else inputs, dtype=np.float64)
    if len(rows) < 3:
        return 1.0
    rows = rows - rows.mean(axis=0)
    squares = (rows @ rows.T) ** 2
    number = len(rows)
    trace = float((rows**2).sum()) / (number - 1)
    # Only products of different rows; subtracting the mean has made each of them smaller by trace / (n - 1).
    of_square = float(squares.sum() - np.trace(squares)) / (number * (number - 1)) - (trace / (number - 1)) ** 2
    return max(1.0, trace**2 / of_square) if of_square > 0 else float(number)


def auc_bounds(auc: float, error: float, dialogues: int, pairs: int, dimension: float) -> Bounds:
    """Bounds of the AUC that the features allow: low, out of fold; high, of a model that is fitted on many pairs.

    Args:
        auc: out of fold.
        error: from `auc_error`.
        dialogues: the number of dialogues of the pairs.
        pairs: their number.
        dimension: from `dimension_of`.
    """
    if dialogues < 2:
        return UNBOUNDED
    reach = student(dialogues - 1) * error
    folds = min(FOLDS, dialogues)
    return Bounds(max(0.0, auc - reach), _grown(max(auc, 0.5) + reach, pairs * (folds - 1) / folds, dimension))


# The limit, for many pairs, of a model that reaches `auc` when it is fitted on `fitted_on` pairs.
def _grown(auc: float, fitted_on: float, dimension: float) -> float:
    from scipy.special import ndtr, ndtri

    square = float(ndtri(min(max(auc, 0.5), 1 - 1e-9))) ** 2
    return float(
        ndtr(np.sqrt((square + np.sqrt(square**2 + 4 * square * _DIMENSION_FACTOR * dimension / fitted_on)) / 2))
    )


def pairs_for_a_pass(limit: float, error: float, dialogues: int, pairs: int, dimension: float) -> int | None:
    """About how many pairs pass four times in five if nothing separates the sides; None if no number does.

    The error falls with the root of the pairs, at a constant number of pairs a dialogue; the dimension grows as that of
    words.
    """
    number = float(pairs)
    while number < _MOST:
        times = number / pairs
        quantile = student(max(1.0, dialogues * times - 1)) + _POWER
        of_words = dimension if dimension < 2 else dimension * times**_GROWTH
        if _grown(0.5 + quantile * error / times**0.5, number * (FOLDS - 1) / FOLDS, of_words) <= limit:
            return rounded_up(number)
        number *= 1.05
    return None


def times_for_a_pass(passes: Callable[[float], bool]) -> float | None:
    """By what factor the data must grow to pass; None if no factor below 10,000 passes."""
    times = 1.0
    while times < _MOST_TIMES:
        if passes(times):
            return times
        times *= 1.05
    return None


def rounded_up(number: float) -> int:
    """The number rounded up to two digits."""
    digit = 10 ** max(0, len(str(int(number))) - 2)
    return int(-(-number // digit) * digit)


def share_bounds(share: float, low: float | None, high: float | None, n: int, dialogues: int) -> Bounds:
    """Bounds of a share of `n` items; those of one dialogue may be dependent.

    Args:
        share: as counted.
        low: the 2.5th percentile of its bootstrap over dialogues; None if there is none.
        high: the 97.5th.
        n: the number of items.
        dialogues: the number of their dialogues.
    """
    if n < 1 or dialogues < 2:
        return UNBOUNDED
    return clopper_pearson(share, effective_number(share, low, high, n, dialogues))


def effective_number(share: float, low: float | None, high: float | None, n: int, dialogues: int) -> float:
    """The number of independent items with as much information; if all items are alike, a dialogue counts once."""
    from scipy.special import stdtrit

    error = 0.0 if low is None or high is None else (high - low) / 3.92
    if error**2 <= 0 or not 0 < share < 1:  # squared, since the square of a tiny number is 0
        return float(min(n, dialogues))
    fewer = stdtrit(max(1, n - 1), 0.975) / stdtrit(dialogues - 1, 0.975)
    return float(min(n, share * (1 - share) / error**2 * fewer**2))


def clopper_pearson(share: float, number: float) -> Bounds:
    """Exact bounds of a share of independent items, whose number need not be whole."""
    from scipy.special import betaincinv

    found = share * number
    low = betaincinv(found, number - found + 1, _TAIL) if found > 0 else 0.0
    high = betaincinv(found + 1, number - found, 1 - _TAIL) if found < number else 1.0
    return Bounds(float(low), float(high))


def value_bounds(value: float, low: float | None, high: float | None, dialogues: int) -> Bounds:
    """Bounds of a bootstrapped value: Student's with the bootstrap's error, or its percentiles if these are wider."""
    if low is None or high is None or dialogues < 2:
        return UNBOUNDED
    reach = student(dialogues - 1) * (high - low) / 3.92
    return Bounds(min(low, value - reach), max(high, value + reach))


def student(freedom: float) -> float:
    """The 95 % quantile of Student's t."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 1 - _TAIL))


# How strongly each strategy is preferred over the others, from counts of which one replaced which.
#
# The estimator is ours. It follows the preference bias of Kang et al. 2024 (arXiv 2402.13211), strengths of eight
# strategies that sum to eight and their population standard deviation as the bias, but adds half a count everywhere, so
# that the bias is finite for every table of counts. Numbers of the two are therefore not to be compared; the published
# one stands in `recipes.metrics.strategies`.


PRIOR = 0.5
"""Counts added to every cell."""
# A fixed number of updates, so that all replicates of a bootstrap are treated alike.
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

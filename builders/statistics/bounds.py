"""One-sided 95 % bounds that gates decide by: of an AUC, of a share, and of a bootstrapped value.

A percentile interval over few dialogues is too narrow, and a model that was fitted on few pairs finds less than there
is to find. On 29 pairs of real replies with a true AUC of 0.63, the out-of-fold AUC is 0.53 on average. So:

* The standard error of an out-of-fold AUC is that of DeLong, DeLong & Clarke-Pearson 1988 summed over dialogues
  (Obuchowski 1997, clustered ROC data), not below that of Hanley & McNeil 1982 for as many single pairs, and times 1.5:
  the folds share what their models were fitted on, which Nadeau & Bengio 2003 correct by the root of 1 + k / (k - 1),
  1.5 for five folds. Measured over real and planted pairs, the plain error is too small by factors of 1.2 to 1.6.
* Quantiles are Student's, with a degree of freedom less than there are dialogues.
* The upper bound of an AUC is that of a model with many pairs (our own design). A linear rule over features with which
  `dimension` vary freely, fitted on m pairs, reaches z(m) = z² / sqrt(z² + dimension / m) where z is what it reaches
  in the end, both in probits of the AUC; the bound on z(m) is solved for z. Nothing below 0.5 is taken at its word.
  The dimension is the participation ratio tr(S)² / tr(S²) of the features' covariance S, estimated without the labels.
  It is taken 1.5 times: the factor at which no planted effect that we tried, sixty rare words among them, gave more
  than 5 % false passes at any size (`tests/measure_gates.py` makes the table).
* Bounds of a share are those of Clopper & Pearson 1934 with the effective number of Korn & Graubard 1998.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# See above: Nadeau & Bengio's for five folds.
_ERROR_FACTOR = 1.5
# See above: ours, calibrated.
_DIMENSION_FACTOR = 1.5
# Chance of an error on the side that a bound is about.
_TAIL = 0.05
FOLDS = 5
# Normal quantile of 80 %: the chance of a pass at the number of pairs that is named.
_POWER = 0.84
# Pairs beyond which no number is named.
_MOST = 10_000_000
_MOST_TIMES = 10_000
# How the dimension of words grows with the pairs: about their fourth root, from 25 to 2,600 pairs of real replies.
_GROWTH = 0.25


@dataclass(frozen=True)
class Bounds:
    """What a value lies between, with 5 % of error on either side; each bound is None where nothing can be said."""

    low: float | None
    high: float | None


UNBOUNDED = Bounds(None, None)


def auc_error(scores: np.ndarray, dialogues: np.ndarray) -> float | None:
    """The standard error of the AUC of out-of-fold scores, corrected for the folds; None with fewer than two dialogues.

    Args:
        scores: of all chosen sides, then of the rejected ones in the same order.
        dialogues: of the pairs.
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


# The variance of an AUC of that many independent pairs; half a pair on either side keeps it above zero.
def _hanley_mcneil(auc: float, pairs: int) -> float:
    area = (max(auc, 1 - auc) * pairs + 0.5) / (pairs + 1)
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    return (area * (1 - area) + (pairs - 1) * (one + two - 2 * area**2)) / pairs**2


def dimension_of(inputs: Any) -> float:
    """How many directions features vary in: tr(S)² / tr(S²) without bias; at least 1.

    Args:
        inputs: rows × features; the inner products of all rows are held in memory.
    """
    rows = np.asarray(inputs.toarray() if hasattr(inputs, "toarray") else inputs, dtype=np.float64)
    if len(rows) < 3:
        return 1.0
    rows = rows - rows.mean(axis=0)
    squares = (rows @ rows.T) ** 2
    number = len(rows)
    trace = float((rows**2).sum()) / (number - 1)
    # Products of different rows alone; taking the mean away makes each of them smaller by trace / (n - 1).
    of_square = float(squares.sum() - np.trace(squares)) / (number * (number - 1)) - (trace / (number - 1)) ** 2
    return max(1.0, trace**2 / of_square) if of_square > 0 else float(number)


def auc_bounds(auc: float, error: float, dialogues: int, pairs: int, dimension: float) -> Bounds:
    """The least that a model finds out of fold, and the most that one with many pairs would find.

    Args:
        auc: out of fold.
        error: as `auc_error` gives it.
        dialogues: that the pairs are of.
        pairs: how many there are.
        dimension: as `dimension_of` gives it.
    """
    if dialogues < 2:
        return UNBOUNDED
    reach = student(dialogues - 1) * error
    folds = min(FOLDS, dialogues)
    return Bounds(max(0.0, auc - reach), _grown(max(auc, 0.5) + reach, pairs * (folds - 1) / folds, dimension))


# What a model reaches in the end that reaches `auc` when it is fitted on so many pairs.
def _grown(auc: float, fitted_on: float, dimension: float) -> float:
    from scipy.special import ndtr, ndtri

    square = float(ndtri(min(max(auc, 0.5), 1 - 1e-9))) ** 2
    return float(
        ndtr(np.sqrt((square + np.sqrt(square**2 + 4 * square * _DIMENSION_FACTOR * dimension / fitted_on)) / 2))
    )


def pairs_for_a_pass(limit: float, error: float, dialogues: int, pairs: int, dimension: float) -> int | None:
    """About how many pairs pass four times in five where nothing tells the sides apart; None where none would.

    The error falls with the root of the pairs, which stay as many a dialogue; the dimension grows as it does for words.
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
    """How many times as much data passes; None where none does."""
    times = 1.0
    while times < _MOST_TIMES:
        if passes(times):
            return times
        times *= 1.05
    return None


def rounded_up(number: float) -> int:
    """Two digits of a number, and no fewer than there are."""
    digit = 10 ** max(0, len(str(int(number))) - 2)
    return int(-(-number // digit) * digit)


def share_bounds(share: float, low: float | None, high: float | None, n: int, dialogues: int) -> Bounds:
    """Bounds of a share of `n`, where those of one dialogue may be alike.

    Args:
        share: as counted.
        low: the 2.5th percentile of its bootstrap over dialogues; None where there is none.
        high: the 97.5th.
        n: what was counted.
        dialogues: that they are of.
    """
    if n < 1 or dialogues < 2:
        return UNBOUNDED
    return clopper_pearson(share, effective_number(share, low, high, n, dialogues))


def effective_number(share: float, low: float | None, high: float | None, n: int, dialogues: int) -> float:
    """As many independent ones as tell as much as these `n`; where all are alike, a dialogue counts once."""
    from scipy.special import stdtrit

    error = 0.0 if low is None or high is None else (high - low) / 3.92
    if error**2 <= 0 or not 0 < share < 1:  # the square of the least numbers is 0
        return float(min(n, dialogues))
    fewer = stdtrit(max(1, n - 1), 0.975) / stdtrit(dialogues - 1, 0.975)
    return float(min(n, share * (1 - share) / error**2 * fewer**2))


def clopper_pearson(share: float, number: float) -> Bounds:
    """Exact bounds of a share of independent ones, whose number need not be whole."""
    from scipy.special import betaincinv

    found = share * number
    low = betaincinv(found, number - found + 1, _TAIL) if found > 0 else 0.0
    high = betaincinv(found + 1, number - found, 1 - _TAIL) if found < number else 1.0
    return Bounds(float(low), float(high))


def value_bounds(value: float, low: float | None, high: float | None, dialogues: int) -> Bounds:
    """Bounds of a bootstrapped value: Student's with the bootstrap's error, or its percentiles where wider."""
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

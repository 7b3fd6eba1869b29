"""A difference is found where there is one, and its p-value is even where there is none."""

import numpy as np
import pytest
from support.answers import Row, named_sample

from ipm_prefdial.recipes.metrics.measured import MetricResult, difference_of, p_value, undefined
from ipm_prefdial.recipes.metrics.strategies import measure_strategies


def _accuracy(rows: list[Row], replicates: int = 500) -> MetricResult:
    return measure_strategies(named_sample(rows, dialogues=40, replicates=replicates))["accuracy"]


def test_a_clear_difference_has_the_smallest_p_that_there_is() -> None:
    better, worse = _accuracy([(0, 0)] * 200), _accuracy([(0, 0 if at % 3 else 1) for at in range(200)])
    assert p_value(better, worse) == pytest.approx(1 / 501)
    told = difference_of(better, worse)
    assert told.value == pytest.approx(67 / 200)
    assert told.low is not None
    assert told.low > 0
    assert difference_of(worse, better).value == pytest.approx(-67 / 200)


def test_equal_systems_do_not_differ() -> None:
    one = _accuracy([(0, at % 2) for at in range(80)])
    assert p_value(one, one) == 1
    assert difference_of(one, one).value == 0


def test_p_is_even_where_two_systems_are_equally_good() -> None:
    """Of a hundred comparisons of systems that guess, about one in twenty finds a difference at 0.05."""
    dice = np.random.default_rng(8)
    found = []
    for _ in range(100):
        one, other = (
            _accuracy([(0, int(guess)) for guess in dice.integers(0, 2, 120)], replicates=200) for _ in range(2)
        )
        found.append(p_value(one, other))
    assert 0.01 <= np.mean([p is not None and p <= 0.05 for p in found]) <= 0.12
    assert 0.4 <= np.mean([p for p in found if p is not None]) <= 0.6


def test_nothing_is_told_of_what_is_undefined() -> None:
    one, nothing = _accuracy([(0, 0), (1, 0)], replicates=20), undefined("it gives no replies", 20)
    assert p_value(one, nothing) is None
    assert difference_of(nothing, one).value is None


def test_no_p_value_where_a_figure_is_undefined_or_was_drawn_once() -> None:
    one, nothing = MetricResult(np.array([0.5, 0.4, 0.6]), 9), MetricResult(np.array([np.nan, 0.1, 0.2]), 9)
    drawn_once = MetricResult(np.array([0.5, 0.4, np.nan]), 9)
    assert p_value(one, nothing) is None
    assert p_value(one, drawn_once) is None
    assert p_value(one, MetricResult(np.array([0.1, 0.2, 0.3]), 9)) is not None

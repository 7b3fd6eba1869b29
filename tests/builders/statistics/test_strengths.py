"""Strengths and their bias are finite, sum to the number of strategies, and grow with what is preferred."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.statistics.bounds import bias_of, pair_strengths

_TABLES = st.lists(st.integers(0, 10**6), min_size=64, max_size=64).map(lambda cells: np.array(cells).reshape(8, 8))


@given(_TABLES)
def test_bias_is_finite_for_every_table(table: np.ndarray) -> None:
    strengths = pair_strengths(table)
    assert np.isfinite(strengths).all()
    assert strengths.sum() == pytest.approx(8)
    assert 0 <= bias_of(strengths) <= 7**0.5 + 1e-9


def test_bias_of_an_even_table_is_none() -> None:
    assert bias_of(pair_strengths(np.zeros((8, 8)))) == pytest.approx(0)
    assert bias_of(pair_strengths(np.full((8, 8), 500))) == pytest.approx(0)


def test_bias_grows_with_what_is_preferred() -> None:
    table = np.full((8, 8), 10)
    found = []
    for wins in (10, 20, 40, 400):
        table[0] = wins
        found.append(float(bias_of(pair_strengths(table))))
    assert found == sorted(found)
    assert found[-1] > found[0] + 0.5


def test_bias_of_many_tables_at_once_is_that_of_each() -> None:
    tables = np.random.default_rng(1).integers(0, 30, (5, 8, 8))
    assert np.allclose(bias_of(pair_strengths(tables)), [bias_of(pair_strengths(table)) for table in tables])

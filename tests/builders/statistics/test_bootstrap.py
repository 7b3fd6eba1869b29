"""Weights and intervals over dialogues hold for all input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.statistics.bootstrap import interval, ratio, sums_by_group, weights_of


def test_a_dialogue_has_the_same_weights_wherever_it_stands() -> None:
    both = weights_of(np.array([7, 9, 7], dtype=np.uint64))
    assert (both[0] == both[2]).all()
    assert (both[1] == weights_of(np.array([9], dtype=np.uint64))[0]).all()
    assert (both[:, 0] == 1).all()


def test_weights_are_poisson_draws_of_mean_one() -> None:
    weights = weights_of(np.arange(5_000, dtype=np.uint64))[:, 1:]
    assert weights.mean() == pytest.approx(1, abs=0.01)
    assert weights.var() == pytest.approx(1, abs=0.02)
    assert np.abs(np.corrcoef(weights[:, :20].T) - np.eye(20)).max() < 0.08


def test_interval_of_a_mean_is_as_wide_as_theory_says() -> None:
    values = np.random.default_rng(3).normal(5, 2, 4_000)
    weights = weights_of(np.arange(4_000, dtype=np.uint64)).astype(float)
    found = interval(ratio(weights.T @ values, weights.sum(axis=0)), 4_000)
    assert found.value == pytest.approx(values.mean(), abs=1e-5)
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 4_000**0.5, rel=0.15)  # type: ignore[operator]


def test_rows_of_one_dialogue_widen_the_interval() -> None:
    """A hundred copies of a row in its dialogue tell no more than the one."""
    values = np.random.default_rng(3).normal(size=50)
    dialogues = np.arange(50, dtype=np.uint64)
    widths = []
    for copies in (1, 100):
        weights = weights_of(np.repeat(dialogues, copies)).astype(float)
        found = interval(ratio(weights.T @ np.repeat(values, copies), weights.sum(axis=0)), 50 * copies)
        widths.append(found.high - found.low)  # type: ignore[operator]
    assert widths[0] == pytest.approx(widths[1], abs=1e-5)


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=3, max_size=50), st.integers(0, 5))
def test_intervals_are_ordered_or_null(values: list[float], n: int) -> None:
    found = interval(np.array(values), n)
    assert (found.low is None) == (found.high is None)
    if found.low is not None and found.high is not None:
        assert found.value is not None
        assert found.low <= found.high


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 3)), max_size=40))
def test_grouped_sums_are_those_of_a_loop(rows: list[tuple[int, int]]) -> None:
    weights = weights_of(np.array([dialogue for dialogue, _ in rows], dtype=np.uint64), replicates=5)
    groups = np.array([group for _, group in rows], dtype=np.int64)
    found = sums_by_group(weights, groups, 3)
    due = np.zeros((6, 3))
    for weight, group in zip(weights, groups, strict=True):
        if 0 <= group < 3:
            due[:, group] += weight
    assert np.allclose(found, due)

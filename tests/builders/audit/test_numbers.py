"""The arithmetic of the audit: weights, intervals, areas, strengths and samples hold for all input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from ipm_prefdial.builders.audit.bias import bias_of, keeping_strengths, pair_strengths, share_strengths
from ipm_prefdial.builders.audit.bootstrap import interval, mix, ratio, sums_by_group, weights_of
from ipm_prefdial.builders.audit.sample import DialogueSample
from ipm_prefdial.builders.audit.telling import weighted_auc

_TABLES = st.lists(st.integers(0, 10**6), min_size=64, max_size=64).map(lambda cells: np.array(cells).reshape(8, 8))
_ROOT_OF_SEVEN = 7**0.5


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


@given(st.lists(st.tuples(st.integers(-3, 3), st.booleans(), st.integers(0, 4)), min_size=1, max_size=40))
def test_weighted_auc_is_in_0_to_1_and_scikit_learns(rows: list[tuple[int, bool, int]]) -> None:
    scores, labels, weights = (np.array(column, dtype=float) for column in zip(*rows, strict=True))
    (found,) = weighted_auc(scores, labels.astype(int), weights[:, None])
    counted = weights > 0
    if len(set(labels[counted])) < 2:
        assert np.isnan(found)
        return
    assert 0 <= found <= 1
    assert found == pytest.approx(roc_auc_score(labels[counted], scores[counted], sample_weight=weights[counted]))


@given(_TABLES)
def test_bias_is_finite_for_every_table(table: np.ndarray) -> None:
    for strengths in (
        pair_strengths(table),
        share_strengths(table.sum(axis=1)),
        keeping_strengths(np.minimum(table[0], table[1]), table[1]),
    ):
        assert np.isfinite(strengths).all()
        assert strengths.sum() == pytest.approx(8)
        assert 0 <= bias_of(strengths) <= _ROOT_OF_SEVEN + 1e-9


def test_bias_of_an_even_table_is_none() -> None:
    assert bias_of(pair_strengths(np.zeros((8, 8)))) == pytest.approx(0)
    assert bias_of(pair_strengths(np.full((8, 8), 500))) == pytest.approx(0)
    assert bias_of(share_strengths(np.full(8, 12))) == pytest.approx(0)


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


@given(st.lists(st.integers(0, 30), max_size=80), st.integers(1, 40), st.randoms())
def test_sample_holds_whole_dialogues_whatever_the_order(dialogues: list[int], limit: int, dice: object) -> None:
    def sampled(order: list[int]) -> list[int]:
        sample = DialogueSample(limit)
        for start in range(0, len(order), 7):
            batch = np.array(order[start : start + 7], dtype=np.uint64)
            rows = sample.wanted(batch)
            sample.add(batch[rows], batch[rows])
        return sorted(sample.rows()[1].tolist()) if order else []

    found = sampled(dialogues)
    shuffled = dialogues.copy()
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sampled(shuffled) == found
    assert all(found.count(one) == dialogues.count(one) for one in set(found))
    lowest = sorted(set(dialogues), key=lambda one: int(mix(np.array([one], dtype=np.uint64), 20250517)[0]))
    assert set(found) == set(lowest[: len(set(found))])
    if len(dialogues) <= limit:
        assert found == sorted(dialogues)
    elif len(set(found)) > 1:
        assert len(found) <= limit

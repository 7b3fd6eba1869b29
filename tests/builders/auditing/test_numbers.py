"""The arithmetic of the audit: areas, strengths and samples hold for all input."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from ipm_prefdial.builders.auditing._measure import DialogueSample
from ipm_prefdial.builders.auditing._separability import weighted_auc
from ipm_prefdial.builders.auditing._strategies import keeping_strengths, share_strengths
from ipm_prefdial.builders.statistics.bootstrap import mix
from ipm_prefdial.builders.statistics.bounds import bias_of

_TABLES = st.lists(st.integers(0, 10**6), min_size=64, max_size=64).map(lambda cells: np.array(cells).reshape(8, 8))
_ROOT_OF_SEVEN = 7**0.5


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
        share_strengths(table.sum(axis=1)),
        keeping_strengths(np.minimum(table[0], table[1]), table[1]),
    ):
        assert np.isfinite(strengths).all()
        assert strengths.sum() == pytest.approx(8)
        assert 0 <= bias_of(strengths) <= _ROOT_OF_SEVEN + 1e-9


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


def test_bias_of_equal_shares_is_none() -> None:
    assert bias_of(share_strengths(np.full(8, 12))) == pytest.approx(0)

"""The statistics give the values of published examples, and those of another implementation."""

from itertools import starmap

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from ipm_prefdial.builders.statistics.bootstrap import (
    Resampling,
    alpha,
    coincidences_of,
    confusions_of,
    kappa,
    merged,
    same_share,
    share_of,
    weights_of,
)

FOUR_OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)
"""Krippendorff, "Computing Krippendorff's alpha-reliability" (2011), C: four observers, nominal, missing data."""

LABELS = st.integers(0, 3)


def units(rows: tuple[str, ...]) -> list[list[int]]:
    """The labels of every unit, from one line an observer."""
    letters = sorted({one for row in rows for one in row.split()} - {"."})
    return [
        [letters.index(one) for one in unit if one != "."] for unit in zip(*(row.split() for row in rows), strict=True)
    ]


def alpha_of(rows: tuple[str, ...]) -> float:
    """Alpha of one line an observer."""
    found = units(rows)
    return float(alpha(coincidences_of(found, 1 + max(label for unit in found for label in unit))))


def test_coincidences_are_the_published_ones() -> None:
    third = 1 / 3
    due = [
        [7, 4 * third, third, third, 0],
        [4 * third, 10, 4 * third, third, 0],
        [third, 4 * third, 8, third, 0],
        [third, third, third, 4, 0],
        [0, 0, 0, 0, 3],
    ]
    table = coincidences_of(units(FOUR_OBSERVERS), 5)
    assert table == pytest.approx(np.array(due))
    assert table.sum(axis=0) == pytest.approx([9, 13, 10, 5, 3])


@pytest.mark.parametrize(
    ("rows", "due"),
    [
        (FOUR_OBSERVERS, 0.743),
        (("0 1 0 0 0 0 0 0 1 0", "1 1 1 0 0 1 0 0 0 0"), 0.095),  # the same, A: binary, two observers
        (("a a b b d c c c e d d a", "b a b b b c c c e d d d"), 0.692),  # the same, B: nominal, two observers
    ],
)
def test_alpha_is_the_published_one(rows: tuple[str, ...], due: float) -> None:
    assert alpha_of(rows) == pytest.approx(due, abs=0.0005)


def test_alpha_by_hand() -> None:
    # Coincidences [[2, 1], [1, 2]]: n = 6, off the diagonal 2, expected 36 - 18; alpha = 1 - 2 · 5 / 18.
    assert alpha_of(("0 0 1", "0 1 1")) == pytest.approx(1 - 10 / 18)


def test_kappa_by_hand() -> None:
    # 20 yes and 15 no in common of 50; chance 0.5 · 0.6 + 0.5 · 0.4 = 0.5 (the usual textbook table).
    assert float(kappa(np.array([[20.0, 5.0], [10.0, 15.0]]))) == pytest.approx(0.4)
    assert float(same_share(np.array([[20.0, 5.0], [10.0, 15.0]]))) == pytest.approx(0.7)


@given(st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=40))
def test_kappa_is_that_of_scikit_learn(both: list[tuple[int, int]]) -> None:
    found = float(kappa(confusions_of(both, 4)))
    first, second = zip(*both, strict=True)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert np.isnan(found), "where one of them gave one label only, it is left undefined"
    else:
        assert found == pytest.approx(cohen_kappa_score(first, second))


@given(st.lists(st.lists(LABELS, max_size=5), max_size=20))
def test_alpha_is_never_above_one_and_never_fails(said: list[list[int]]) -> None:
    found = float(alpha(coincidences_of(said, 4)))
    pairable = [unit for unit in said if len(unit) > 1]
    if len({label for unit in pairable for label in unit}) < 2:
        assert np.isnan(found)
    else:
        assert found <= 1 + 1e-9
        assert (found == pytest.approx(1)) == all(len(set(unit)) == 1 for unit in pairable)


@given(st.lists(st.lists(LABELS, max_size=4), max_size=20), st.sampled_from([[0, 1, 1, 1], [0, 0, 1, 0], [0, 1, 2, 2]]))
def test_merging_tables_is_merging_labels(said: list[list[int]], groups: list[int]) -> None:
    again = [[groups[label] for label in unit] for unit in said]
    labels = max(groups) + 1
    assert merged(coincidences_of(said, 4), groups) == pytest.approx(coincidences_of(again, labels))
    both = [(unit[0], unit[1]) for unit in said if len(unit) > 1]
    merged_both = list(starmap(lambda one, other: (groups[one], groups[other]), both))
    assert merged(confusions_of(both, 4), groups) == pytest.approx(confusions_of(merged_both, labels))


def test_alpha_is_chance_where_labels_are_dice() -> None:
    dice = np.random.default_rng(7).integers(0, 3, size=(4000, 3)).tolist()
    assert abs(float(alpha(coincidences_of(dice, 3)))) < 0.03


def test_share_of_nothing_is_undefined() -> None:
    assert np.isnan(share_of(0)(np.zeros((1, 3)))).all()
    assert np.isnan(same_share(np.zeros((1, 3, 3)))).all()


def _resampled(dialogues: list[int], tables: np.ndarray) -> Resampling:
    keys = np.array(dialogues, dtype=np.uint64)
    assert len(keys) == len(tables)
    return Resampling(keys, weights_of(keys))


def test_interval_is_wider_where_pairs_come_from_few_dialogues() -> None:
    tables = np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]]] * 60)
    many = _resampled(list(range(120)), tables).interval(same_share, tables, 120)
    few = _resampled([number // 2 % 6 + 6 * (number % 2) for number in range(120)], tables).interval(
        same_share, tables, 120
    )
    assert many.value == few.value == 0.5
    assert many.low is not None and many.high is not None and few.low is not None and few.high is not None
    assert many.high - many.low < few.high - few.low


def test_one_dialogue_has_no_interval() -> None:
    tables = np.array([[[1.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 0.0]], [[0.0, 0.0], [0.0, 0.0]]])
    found = _resampled([5, 5, 6], tables).interval(same_share, tables, 2)
    assert (found.value, found.low, found.high) == (0.5, None, None)


@pytest.mark.parametrize("counts", [[[3, 2], [0, 0]], [[3, 0], [2, 0]]])
def test_kappa_is_undefined_where_one_of_the_two_gave_one_label_only(counts: list[list[int]]) -> None:
    assert np.isnan(kappa(np.array(counts)))

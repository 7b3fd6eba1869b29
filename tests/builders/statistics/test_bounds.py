"""Bounds hold what they promise, and are wider the fewer there are."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from measure_gates import alike, leaning, measure, rates, real, with_words

from ipm_prefdial.builders.statistics.bounds import (
    _hanley_mcneil,
    auc_bounds,
    auc_error,
    clopper_pearson,
    dimension_of,
    effective_number,
    pairs_for_a_pass,
    rounded_up,
    share_bounds,
    value_bounds,
)

_MOST_FALSE = 0.05


def test_clopper_and_pearson_as_printed() -> None:
    """3 of 20, one-sided 95 %: 0.0422 and 0.3437 (binomial tables); none of 20: the rule of three, to the digit."""
    found = clopper_pearson(3 / 20, 20)
    assert (found.low, found.high) == (pytest.approx(0.0422, abs=1e-4), pytest.approx(0.3437, abs=1e-4))
    nothing = clopper_pearson(0, 20)
    assert (nothing.low, nothing.high) == (0, pytest.approx(1 - 0.05 ** (1 / 20)))
    assert clopper_pearson(1, 20).high == 1


@given(st.floats(0, 1), st.integers(1, 500), st.integers(0, 200), st.floats(0, 0.5))
def test_bounds_of_a_share_hold_it(share: float, n: int, dialogues: int, width: float) -> None:
    found = share_bounds(share, max(0, share - width), min(1, share + width), n, dialogues)
    if dialogues < 2:
        assert (found.low, found.high) == (None, None)
    else:
        assert found.low is not None and found.high is not None
        assert 0 <= found.low <= share + 1e-9 and share - 1e-9 <= found.high <= 1


def test_a_share_of_nothing_has_no_bounds_and_one_that_never_varies_counts_dialogues() -> None:
    assert share_bounds(0.0, None, None, 0, 0).high is None
    assert effective_number(0.0, 0.0, 0.0, 300, 10) == 10
    assert share_bounds(0.0, 0.0, 0.0, 300, 10).high == pytest.approx(1 - 0.05 ** (1 / 10))


@given(st.floats(0, 1), st.floats(0.001, 0.3), st.integers(2, 2_000), st.integers(1, 6), st.floats(1, 500))
def test_bounds_of_an_auc_hold_it_and_narrow_with_the_pairs(
    auc: float, error: float, dialogues: int, a_dialogue: int, dimension: float
) -> None:
    some = auc_bounds(auc, error, dialogues, dialogues * a_dialogue, dimension)
    more = auc_bounds(auc, error / 2, dialogues * 4, dialogues * a_dialogue * 4, dimension)
    for found in (some, more):
        assert found.low is not None and found.high is not None
        assert 0 <= found.low <= auc <= found.high + 1e-9 <= 1 + 1e-8
        assert found.high >= 0.5
    assert more.high <= some.high + 1e-9  # type: ignore[operator]


def test_an_auc_of_one_dialogue_has_no_bounds() -> None:
    assert auc_error(np.array([1.0, 0.0]), np.array([3])) is None
    assert auc_bounds(0.5, 0.1, 1, 10, 1).high is None


def test_the_error_of_an_auc_is_that_of_new_pairs() -> None:
    """Of scores without fits it is 1.5 times what the AUC varies by, over dialogues of four pairs that are alike."""
    dice = np.random.default_rng(4)

    def draw() -> tuple[float, float]:
        moods = np.repeat(dice.normal(size=40), 4)
        scores = np.concatenate([0.4 + moods + dice.normal(size=160), dice.normal(size=160)])
        error = auc_error(scores, np.repeat(np.arange(40), 4))
        assert error is not None
        return float((scores[:160, None] > scores[None, 160:]).mean()), error

    values, errors = zip(*(draw() for _ in range(300)), strict=True)
    assert np.mean(errors) == pytest.approx(1.5 * np.std(values), rel=0.12)


def test_a_perfect_auc_of_few_pairs_is_not_certain() -> None:
    error = auc_error(np.array([2.0, 3, 4, 0, 1, 1]), np.array([1, 2, 3]))
    assert error is not None
    low = auc_bounds(1.0, error, 3, 3, 1).low
    assert low is not None and low < 0.6


def test_the_dimension_is_the_number_of_directions() -> None:
    dice = np.random.default_rng(5)
    assert dimension_of(dice.normal(size=(400, 30))) == pytest.approx(30, rel=0.1)
    line = dice.normal(size=(400, 1)) * np.ones(8)
    assert dimension_of(line) == pytest.approx(1, abs=0.05)
    assert dimension_of(np.ones((5, 3))) >= 1


def test_as_many_pairs_as_are_named_do_pass() -> None:
    """Four times in five; here most do, and with a fifth of them none."""
    pool = alike(3_000)
    few = pool[:200]
    texts = [pair[1] for pair in few]
    assert len(texts) == 200
    auc, high = measure(few, "length")
    assert high > 0.58 > auc
    needed = pairs_for_a_pass(0.62, 0.05, 50, 200, 1.0)
    assert needed is not None and needed < 400
    found = rates(pool, 0.62, (needed // 5, needed), 20, "length")
    assert found[0].passes <= 0.3 and found[1].passes >= 0.6
    assert pairs_for_a_pass(0.5, 0.05, 50, 200, 1.0) is None


@pytest.mark.parametrize(("number", "due"), [(7, 7), (99.2, 100), (101, 110), (1_834, 1_900)])
def test_numbers_of_pairs_have_two_digits(number: float, due: int) -> None:
    assert rounded_up(number) == due


def test_bootstrapped_values_of_few_dialogues_have_wider_bounds() -> None:
    few, many = value_bounds(0.1, 0.0, 0.2, 3), value_bounds(0.1, 0.0, 0.2, 300)
    assert few.high > many.high >= 0.2  # type: ignore[operator]
    assert value_bounds(0.1, None, None, 3).high is None


@pytest.mark.slow
@pytest.mark.parametrize("planted", ["a few words", "rare words", "leaning", "real replies"])
def test_at_most_one_in_twenty_passes_what_it_should_not(planted: str, request: pytest.FixtureRequest) -> None:
    """At every size: the limit lies just below the AUC of the whole pool, so that every pass is a false one."""
    if planted == "real replies":
        request.getfixturevalue("real_data")
    pool = {
        "a few words": lambda: with_words(2_500, 4, 0.3),
        "rare words": lambda: with_words(2_500, 60, 0.5),
        "leaning": lambda: leaning(2_500, 0.9),
        "real replies": real,
    }[planted]()
    auc, _ = measure(pool, "words")
    found = rates(pool, auc - 0.003, (25, 56, 108, 213, 400), 40)
    # Two of forty are one in twenty; a third may be chance.
    assert {one.pairs: one.passes for one in found if one.passes > 3 / 40} == {}
    assert sum(one.passes for one in found) / len(found) <= _MOST_FALSE
    assert max(one.by_value for one in found) > 0.5


@given(st.floats(0.0, 1.0), st.integers(2, 500))
def test_the_least_error_of_an_auc_is_the_same_on_either_side_of_a_half(auc: float, pairs: int) -> None:
    assert _hanley_mcneil(auc, pairs) == pytest.approx(_hanley_mcneil(1 - auc, pairs))


def test_the_variance_of_an_auc_is_that_of_hanley_and_mcneil() -> None:
    """Hanley and McNeil (1982), with half a pair on either side: the area is (0.9 x 100 + 0.5) / 101."""
    area = 90.5 / 101
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    due = (area * (1 - area) + 99 * (one + two - 2 * area**2)) / 100**2
    assert _hanley_mcneil(0.9, 100) == pytest.approx(due)

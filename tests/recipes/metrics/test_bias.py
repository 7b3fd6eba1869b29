"""The published bias is the published recurrence's, undefined where that is; the smoothed one is always there."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score
from support.answers import Row, named_sample, rows

from ipm_prefdial.builders.statistics.bounds import bias_of, pair_strengths
from ipm_prefdial.recipes.metrics.strategies import (
    GROWS,
    MOST_INVALID,
    confusion,
    measure_bias,
    measure_strategies,
    preference_counts,
    published_strengths,
    why_undefined,
)

_CELLS = st.one_of(st.just(0), st.integers(0, 30), st.integers(0, 10**5))
_TABLES = st.lists(_CELLS, min_size=64, max_size=64).map(lambda cells: np.array(cells).reshape(8, 8))
_FULL = st.lists(st.integers(1, 500), min_size=64, max_size=64).map(lambda cells: np.array(cells).reshape(8, 8))


def recurrence(wins: list[list[int]]) -> list[float] | None:
    """The recurrence as the paper words it, one number after the other; None where it divides by zero."""
    p = [1.0] * 8
    try:
        for _ in range(20):
            for i in range(8):
                above = sum(wins[i][j] * p[j] / (p[i] + p[j]) for j in range(8) if j != i)
                below = sum(wins[j][i] / (p[i] + p[j]) for j in range(8) if j != i)
                p[i] = above / below
            positive = [one for one in p if one > 0]
            product = 1.0
            for one in positive:
                product *= one
            p = [one / product ** (1 / len(positive)) for one in p]
        return [8 * one / sum(p) for one in p]
    except ZeroDivisionError:
        return None


@given(_TABLES)
def test_published_strengths_are_the_recurrences_where_it_is_defined(table: np.ndarray) -> None:
    due, found = recurrence(table.tolist()), published_strengths(table)
    if due is None:
        assert np.isnan(found).all()
        assert why_undefined(table).startswith("undefined: ")
    else:
        assert found == pytest.approx(due, abs=1e-9)
        assert bias_of(found) == pytest.approx(np.std(due), abs=1e-9)
        assert why_undefined(table) == ""


@given(_FULL)
def test_published_bias_of_a_full_table_is_defined(table: np.ndarray) -> None:
    due = recurrence(table.tolist())
    assert due is not None
    assert published_strengths(table) == pytest.approx(due, abs=1e-9)


def test_many_tables_at_once_are_as_each_alone() -> None:
    dice = np.random.default_rng(5)
    tables = dice.integers(0, 6, (60, 8, 8)) * (dice.random((60, 8, 8)) < 0.25)
    together = published_strengths(tables)
    assert np.isnan(together).any(), "the seed is to give tables of both kinds"
    assert np.isfinite(together).any(), "the seed is to give tables of both kinds"
    for one, table in zip(together, tables, strict=True):
        assert np.allclose(one, published_strengths(table), rtol=0, atol=1e-12, equal_nan=True)


def test_strengths_lie_with_what_is_named_in_place_of_others() -> None:
    table = np.full((8, 8), 5)
    table[2] = 50
    strengths = published_strengths(table)
    assert strengths.argmax() == 2
    assert strengths.sum() == pytest.approx(8)
    assert bias_of(published_strengths(np.full((8, 8), 5))) == pytest.approx(0)


def test_counts_are_named_by_gold() -> None:
    """Twice Others where the human asks a question: the table has it in the row of Others."""
    wins = preference_counts(confusion(named_sample([(0, 7), (0, 7), (3, None)])))[0]
    assert wins[7, 0] == 2
    assert wins.sum() == 2


_PERFECT: list[Row] = [(at % 8, at % 8) for at in range(80)]
_CONSTANT: list[Row] = [(at % 8, 0) for at in range(80)]
_MISSING: list[Row] = [(at % 7, (at + at // 7) % 7) for at in range(84)]


@pytest.mark.parametrize(
    ("answers", "why", "smoothed"),
    [
        (_PERFECT, "no strategy is ever named in another's place", (0, 1e-9)),
        (_CONSTANT, "nothing is ever named in the place of Question", (1.8, 2.65)),
        (_MISSING, "nothing is ever named in the place of Others", (0.0, 0.5)),
    ],
)
def test_degenerate_answers_have_no_published_bias_and_a_smoothed_one(
    answers: list[Row], why: str, smoothed: tuple[float, float]
) -> None:
    found = measure_bias(named_sample(answers))
    assert found["bias"].interval.value is None
    assert found["bias"].why == f"undefined: {why}"
    low, high = smoothed
    assert low <= found["bias_smoothed"].values[0] <= high
    assert np.isfinite(found["bias_smoothed"].values).all()


@given(rows)
def test_smoothed_bias_is_finite_and_the_audits_where_answers_are_valid(answers: list[Row]) -> None:
    sample = named_sample(answers)
    found = measure_bias(sample)["bias_smoothed"]
    if sample.valid.mean() < 1 - MOST_INVALID:
        assert found.interval.value is None
        assert "answers are valid" in found.why or "are valid, " in found.why
        return
    assert np.isfinite(found.values[0])
    assert found.values[0] == bias_of(pair_strengths(preference_counts(confusion(sample)[0])))


def test_little_bias_lies_within_its_own_interval() -> None:
    """Guesses at random have next to no bias, and every bootstrap sample of them has more."""
    dice = np.random.default_rng(3)
    guesses = [(int(gold), int(named)) for gold, named in dice.integers(0, 8, (1_500, 2))]
    found = measure_bias(named_sample(guesses, dialogues=100, replicates=300))
    for name in ("bias", "bias_smoothed"):
        told = found[name].interval
        assert told.value is not None
        assert told.low is not None
        assert told.high is not None
        assert 0 <= told.low < told.value < told.high < 0.4
        assert np.nanmean(found[name].values[1:]) == pytest.approx(told.value, abs=0.01)


@given(rows)
def test_proficiency_is_macro_f1_without_invalid_answers(answers: list[Row]) -> None:
    valid = [(gold, named) for gold, named in answers if named is not None]
    found = measure_bias(named_sample(answers))["proficiency"]
    if not valid:
        assert found.interval.value is None
        return
    gold, named = zip(*valid, strict=True)
    assert found.values[0] == pytest.approx(f1_score(gold, named, average="macro", zero_division=0))


def test_proficiency_is_macro_f1_where_all_is_valid() -> None:
    sample = named_sample([*_PERFECT, *_CONSTANT])
    assert measure_bias(sample)["proficiency"].values[0] == pytest.approx(
        measure_strategies(sample)["macro_f1"].values[0]
    )


def test_interval_says_of_how_many_samples_it_is() -> None:
    """Every strategy is mistaken for its neighbour in one dialogue: a sample without that dialogue defines nothing."""
    once: list[Row] = [(at, (at + 1) % 8) for at in range(8)]
    sample = named_sample([*once, *_PERFECT], dialogues=88, replicates=200)
    found = measure_bias(sample)["bias"]
    defined = int(np.isfinite(found.values[1:]).sum())
    assert np.isfinite(found.values[0])
    assert 0 < defined < 200
    assert found.why == f"its interval is of the {defined} in 200 bootstrap samples that define it"


def test_published_bias_grows_with_accuracy_at_few_turns_and_the_smoothed_one_does_not() -> None:
    """The figures that stand wherever B is shown; 30 dialogues of 10 turns, Bradley-Terry mistakes, true bias 0.450."""
    spread = np.linspace(-0.5136, 0.5136, 8)
    strengths = np.exp(spread) * 8 / np.exp(spread).sum()
    strengths = 1 + (strengths - 1) * 0.45 / strengths.std()
    one, other = np.triu_indices(8, 1)
    for accuracy, published, smoothed in ((0.25, 0.526, 0.455), (0.6, 0.601, 0.454), (0.8, 0.741, 0.433)):
        dice = np.random.default_rng(1)
        tables = np.zeros((2_000, 8, 8))
        for table in tables:
            met = dice.multinomial(dice.binomial(300, 1 - accuracy), np.full(28, 1 / 28))
            won = dice.binomial(met, strengths[one] / (strengths[one] + strengths[other]))
            table[one, other], table[other, one] = won, met - won
        assert np.nanmean(bias_of(published_strengths(tables))) == pytest.approx(published, abs=0.012)
        assert bias_of(pair_strengths(tables)).mean() == pytest.approx(smoothed, abs=0.012)
        assert f"{published:.3f} at " in GROWS
        assert f"{smoothed:.3f}" in GROWS


def test_few_valid_answers_are_told_and_not_compared() -> None:
    """A wrong answer that is made invalid raises Q, so that from a tenth of them on it is not tested."""
    wrong: list[Row] = [(at % 8, at % 8 if at % 8 < 3 else (at + 1) % 8) for at in range(80)]
    evaded: list[Row] = [(gold, named if gold == named else None) for gold, named in wrong]
    found = measure_bias(named_sample(evaded))
    assert found["proficiency"].values[0] > measure_bias(named_sample(wrong))["proficiency"].values[0]
    assert found["proficiency"].why == "of the 30 of 80 answers that are valid"
    assert not found["proficiency"].comparable
    assert found["bias_smoothed"].why == "undefined: too few answers are valid, 30 of 80"
    some: list[Row] = [*wrong[:75], *((at % 8, None) for at in range(5))]
    assert measure_bias(named_sample(some))["proficiency"].comparable


@pytest.mark.parametrize(("invalid", "defined"), [(1, True), (2, False)])
def test_a_bias_is_defined_up_to_the_limit_of_invalid_answers(invalid: int, defined: bool) -> None:
    size = round(1 / MOST_INVALID)
    answers: list[Row] = [(at % 8, None if at < invalid else at % 8) for at in range(size)]
    found = measure_bias(named_sample(answers))["bias_smoothed"]
    assert (found.n > 0) is defined, found.why

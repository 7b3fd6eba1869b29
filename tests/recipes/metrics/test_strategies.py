"""Scores of strategies are scikit-learn's, on the data and on every bootstrap sample, and no invalid answer is lost."""

import numpy as np
import pytest
from hypothesis import given
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score
from support.answers import Row, named_sample, rows

from ipm_prefdial.recipes.metrics.strategies import confusion, f1_by_strategy, measure_strategies


@given(rows)
def test_scores_are_scikit_learns_under_every_column_of_weights(answers: list[Row]) -> None:
    sample = named_sample(answers, replicates=3)
    found = measure_strategies(sample)
    several = len({one.dialogue for one in sample.answers}) > 1
    for column in range(4 if several else 1):
        weights = sample.weights[:, column]
        if not weights.sum() or not sample.valid.any():
            continue
        same = {"y_true": sample.gold, "y_pred": sample.named, "sample_weight": weights}
        assert found["accuracy"].values[column] == pytest.approx(accuracy_score(**same))
        for average in ("macro", "weighted"):
            due = f1_score(**same, labels=range(8), average=average, zero_division=0)
            assert found[f"{average}_f1"].values[column] == pytest.approx(due)


@given(rows)
def test_confusion_is_scikit_learns(answers: list[Row]) -> None:
    sample = named_sample(answers)
    due = confusion_matrix(sample.gold, sample.named, labels=range(9))[:8]
    assert (confusion(sample)[0] == due).all()


def test_scores_of_a_table_worked_out_by_hand() -> None:
    """Of Question: 3 of 4 hit, one Others named so; of Others: 1 of 2 hit, one Question named so."""
    sample = named_sample([(0, 0), (0, 0), (0, 0), (0, 7), (7, 7), (7, 0)])
    found = measure_strategies(sample)
    question, others = 2 * 3 / (4 + 4), 2 * 1 / (2 + 2)
    assert found["accuracy"].values[0] == pytest.approx(4 / 6)
    assert found["macro_f1"].values[0] == pytest.approx((question + others) / 8)
    assert found["weighted_f1"].values[0] == pytest.approx((4 * question + 2 * others) / 6)
    assert f1_by_strategy(confusion(sample))[0].tolist() == pytest.approx([question, 0, 0, 0, 0, 0, 0, others])


def test_invalid_answers_are_wrong_answers() -> None:
    valid: list[Row] = [(at % 8, at % 8) for at in range(320)]
    alone = measure_strategies(named_sample(valid))
    diluted = measure_strategies(named_sample([*valid, *((at % 8, None) for at in range(100))]))
    assert alone["accuracy"].values[0] == 1
    assert diluted["accuracy"].values[0] == pytest.approx(320 / 420)
    assert diluted["invalid"].values[0] == pytest.approx(100 / 420)
    assert diluted["macro_f1"].values[0] < alone["macro_f1"].values[0] == 1
    assert diluted["weighted_f1"].values[0] < 1


def test_system_that_never_names_a_strategy_has_no_score_but_that() -> None:
    found = measure_strategies(named_sample([(0, None), (3, None)]))
    assert found.pop("invalid").values[0] == 1
    assert {one.interval.value for one in found.values()} == {None}
    assert {one.why for one in found.values()} == {"undefined: 0 of 2 answers are valid"}


def test_a_dialogue_has_one_weight_in_every_system() -> None:
    one, other = named_sample([(0, 0)] * 9), named_sample([(0, 3)] * 9)
    assert (one.weights == other.weights).all()
    assert not np.array_equal(one.weights[0], one.weights[1])
    assert (one.weights[0] == one.weights[5]).all()

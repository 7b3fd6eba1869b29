"""The report says what scikit-learn and a pencil say, and gives intervals over dialogues."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, roc_auc_score

from ipm_prefdial.recipes.reward._baselines import (
    BASELINES,
    LabelledExamples,
    Scores,
    score_by_majority,
    score_by_words,
)
from ipm_prefdial.recipes.reward.report import MODEL, RewardReport, calibration_error, make_report, render_report
from ipm_prefdial.schemas.dialogue import Split

RANDOM = np.random.default_rng(7)


def _judged(number: int = 60, pairs: int = 40) -> LabelledExamples:
    """Steps whose second word gives them away, in dialogues of four rows."""
    labels = RANDOM.integers(0, 2, (number, 4))
    return LabelledExamples(
        [[f"step {'fine' if label else 'bad'} {at}" for label in line] for at, line in enumerate(labels)],
        labels,
        np.arange(number, dtype=np.uint64) // np.uint64(4),
        [f"a warm reply {at}" for at in range(pairs)],
        [f"a cold reply {at}" for at in range(pairs)],
        np.arange(pairs, dtype=np.uint64) // np.uint64(4),
    )


def _report(judged: LabelledExamples, said: Scores) -> RewardReport:
    return make_report(Split.TEST, judged, {MODEL: said})


def test_measures_are_scikit_learns() -> None:
    judged = _judged()
    said = Scores(RANDOM.random((60, 4)), RANDOM.random((40, 2)))
    every, *by_step = _report(judged, said).steps
    assert (every.step, every.steps, [one.step for one in by_step]) == (
        "all", 240, ["history", "emotion", "strategy", "reply"],
    )  # fmt: skip
    labels, flat = judged.labels.ravel(), said.steps.ravel()
    assert every.auc.value == pytest.approx(roc_auc_score(labels, flat), abs=1e-6)
    assert every.brier.value == pytest.approx(brier_score_loss(labels, flat), abs=1e-6)
    assert every.accuracy.value == pytest.approx(((flat > 0.5) == labels).mean(), abs=1e-6)
    assert by_step[2].auc.value == pytest.approx(roc_auc_score(judged.labels[:, 2], said.steps[:, 2]), abs=1e-6)
    for interval in (every.auc, every.brier, every.accuracy, every.ece):
        assert interval.low is not None
        assert interval.high is not None
        assert interval.low < interval.high


def test_perfect_scores() -> None:
    judged = _judged()
    report = _report(judged, Scores(judged.labels.astype(float), np.tile([1.0, 0.0], (40, 1))))
    assert report.results() == {
        "test_step_accuracy": 1,
        "test_step_auc": 1,
        "test_step_ece": 0,
        "test_step_brier": 0,
        "test_pair_accuracy": 1,
    }


def test_calibration_by_hand() -> None:
    labels, said = np.array([1, 1, 0, 0]), np.array([0.95, 0.95, 0.95, 0.15])
    (found,) = calibration_error(labels, said, np.ones((4, 1)))
    assert found == pytest.approx((3 * abs(0.95 - 2 / 3) + 0.15) / 4)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1), st.integers(0, 2)), min_size=1, max_size=30))
def test_calibration_is_in_0_to_1(rows: list[tuple[bool, float, int]]) -> None:
    labels, said, weights = (np.array(column) for column in zip(*rows, strict=True))
    (found,) = calibration_error(labels.astype(int), said, weights[:, None])
    assert (0 <= found <= 1 + 1e-9) if weights.sum() else np.isnan(found)


def test_ties_of_a_pair_count_half() -> None:
    judged = _judged()
    pairs = np.zeros((40, 2))
    pairs[:10, 0] = 1
    assert _report(judged, Scores(np.full((60, 4), 0.5), pairs)).pairs[0].accuracy.value == pytest.approx(
        10 / 40 + 0.375
    )


def test_baselines_learn_what_words_tell_and_nothing_of_nothing() -> None:
    training, judged = _judged(120), _judged()
    report = make_report(Split.TEST, judged, {name: score(training, judged) for name, score in BASELINES.items()})
    accuracy = {one.scorer: one.accuracy.value for one in report.steps if one.step == "all"}
    in_order = {one.scorer: one.accuracy.value for one in report.pairs}
    assert accuracy["TF-IDF, logistic regression"] == 1
    assert accuracy["length"] is not None
    assert accuracy["length"] > 0.9, "the words differ in their length"
    assert in_order == {
        "majority label of the step": 0.5, "length": 0.5, "TF-IDF, logistic regression": 1.0,
    }  # fmt: skip


def test_nothing_to_learn_from_and_nothing_to_score() -> None:
    empty = _judged(0, 0)
    judged = _judged(8, 4)
    one_label = LabelledExamples(
        judged.steps, np.ones_like(judged.labels), judged.step_dialogues, [], [], judged.pair_dialogues[:0]
    )
    assert (score_by_majority(empty, judged).steps == 0.5).all()
    assert (score_by_words(one_label, judged).steps == 1).all()
    assert (score_by_words(one_label, judged).pairs == 0).all()
    report = make_report(Split.TEST, empty, {name: score(judged, empty) for name, score in BASELINES.items()})
    assert report.results() == {}
    assert {one.accuracy.value for one in (*report.steps, *report.pairs)} == {None}
    assert "| – |" in render_report(report)


def test_page_has_a_line_a_scorer_and_step() -> None:
    judged = _judged()
    page = render_report(_report(judged, Scores(RANDOM.random((60, 4)), RANDOM.random((40, 2)))))
    tables = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    assert [len(table) for table in tables] == [2 + 5, 2 + 1]
    assert all({line.count("|") for line in table} == {table[1].count("|")} for table in tables)

"""Verdicts from hand-made figures: each of yes, no and cannot tell, and never more than the preconditions allow."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.validations import figure

from ipm_prefdial.recipes.catalogue import TrainingTask
from ipm_prefdial.recipes.study._verdicts import answer, exactly, nothing, range_of
from ipm_prefdial.recipes.study.questions import (
    COLLAPSE,
    KEEPS_LENGTH,
    LEAKAGE,
    LEARNS,
    LESS_BIASED,
    MORE_PROFICIENT,
    PLANNER,
    QUESTIONS,
    SIDES,
    SIDES_BY_WORDS,
    STRATEGIES,
    Found,
    Name,
    StudyQuestion,
    found,
)
from ipm_prefdial.schemas.measures import Interval
from ipm_prefdial.schemas.study import StudyOutcome

ALL: Found = {name: one for name in Name for one in found(name, True, "so it is").values()}
YES, NO, CANNOT = StudyOutcome.YES, StudyOutcome.NO, StudyOutcome.CANNOT_TELL


@pytest.mark.parametrize(
    ("question", "told", "verdict"),
    [
        (SIDES, exactly(0.0, 100), YES),
        (SIDES, figure(0.5, 0.47, 0.53), NO),
        (SIDES, figure(1.0, 1.0, 1.0), NO),
        (SIDES, figure(0.012, 0.004, 0.02), CANNOT),
        (SIDES_BY_WORDS, figure(-0.03, -0.04, -0.02), YES),
        (SIDES_BY_WORDS, figure(0.48, 0.46, 0.51), NO),
        (SIDES_BY_WORDS, figure(0.1, 0.02, 0.2), CANNOT),
        (LEAKAGE, exactly(0.0, 70), YES),
        (LEAKAGE, exactly(1.0, 70), NO),
        (STRATEGIES, figure(0.2, 0.17, 0.24), YES),
        (STRATEGIES, exactly(1.0, 900), NO),
        (LEARNS[TrainingTask.RESPONDER], figure(0.6, 0.55, 0.65), YES),
        (LEARNS[TrainingTask.RESPONDER], figure(0.4, 0.35, 0.45), NO),
        (LEARNS[TrainingTask.RESPONDER], figure(0.55, 0.49, 0.61), CANNOT),
        (PLANNER, figure(0.04, 0.01, 0.07), YES),
        (PLANNER, figure(-0.04, -0.07, -0.01), NO),
        (PLANNER, exactly(0.0, 300), CANNOT),
        (LESS_BIASED, figure(-0.3, -0.5, -0.1), YES),
        (LESS_BIASED, figure(0.3, 0.1, 0.5), NO),
        (MORE_PROFICIENT, figure(0.1, 0.02, 0.2), YES),
        (MORE_PROFICIENT, figure(-0.1, -0.2, -0.02), NO),
        (KEEPS_LENGTH, figure(0.0, -0.05, 0.05), YES),
        (KEEPS_LENGTH, figure(0.4, 0.2, 0.6), NO),
        (KEEPS_LENGTH, figure(-0.4, -0.6, -0.2), CANNOT),
        (COLLAPSE, figure(0.3, 0.25, 0.4), YES),
        (COLLAPSE, figure(0.95, 0.9, 1.0), NO),
    ],
)
def test_the_whole_interval_decides(question: StudyQuestion, told: Interval, verdict: StudyOutcome) -> None:
    answered = answer(question, told, ALL)
    assert answered.verdict is verdict
    assert f"{told.value:.3g}" in answered.why


def test_without_a_figure_nothing_is_told_but_why() -> None:
    answered = answer(PLANNER, nothing(), ALL, "nobody answered")
    assert (answered.verdict, answered.why) == (CANNOT, "nobody answered")
    one_dialogue = Interval(value=0.3, low=None, high=None, n=5)
    assert answer(PLANNER, one_dialogue, ALL).verdict is CANNOT
    assert "too few dialogues" in answer(PLANNER, one_dialogue, ALL).why


@pytest.mark.parametrize(("p", "verdict"), [(None, YES), (0.05, YES), (0.0501, CANNOT)])
def test_a_comparative_answer_needs_an_adjusted_p(p: float | None, verdict: StudyOutcome) -> None:
    answered = answer(PLANNER, figure(0.04, 0.01, 0.07), ALL, p=p)
    assert (answered.verdict, answered.p) == (verdict, p)
    assert ("Holm" in answered.why) is (verdict is CANNOT)


@pytest.mark.parametrize(
    ("question", "value", "where"),
    [
        (PLANNER, 0.1, PLANNER.yes),
        (PLANNER, -0.1, PLANNER.no),
        (PLANNER, 0.0, (inf, -inf)),
        (PLANNER, None, (inf, -inf)),
        (KEEPS_LENGTH, 0.05, KEEPS_LENGTH.yes),
        (KEEPS_LENGTH, -0.5, (inf, -inf)),
    ],
)
def test_a_value_speaks_for_one_range_at_most(
    question: StudyQuestion, value: float | None, where: tuple[float, float]
) -> None:
    assert range_of(question, figure(value)) == where


def test_a_precondition_of_a_no_alone_leaves_a_yes() -> None:
    random = {**ALL, **found(Name.PRETRAINED, False, "random weights")}
    learns = LEARNS[TrainingTask.PLANNER]
    assert answer(learns, figure(0.6, 0.55, 0.65), random).verdict is YES
    refused = answer(learns, figure(0.4, 0.35, 0.45), random)
    assert (refused.verdict, refused.why) == (CANNOT, "pretrained: random weights")


def test_what_nobody_looked_at_does_not_hold() -> None:
    answered = answer(LESS_BIASED, figure(-0.3, -0.5, -0.1), {})
    assert answered.verdict is CANNOT
    assert {one.told for one in answered.preconditions} == {"not looked at"}


_EDGES = st.tuples(*[st.floats(-2, 2, allow_nan=False)] * 3).map(sorted)


@given(st.sampled_from(QUESTIONS), _EDGES, st.sets(st.sampled_from(list(Name))))
def test_no_answer_outlives_a_precondition_that_fails(
    question: StudyQuestion, edges: list[float], failing: set[Name]
) -> None:
    """Never yes or no where something that the answer needs does not hold, whatever the figure."""
    low, value, high = edges
    conditions = {name: one for name in Name for one in found(name, name not in failing, "so").values()}
    answered = answer(question, figure(value, low, high), conditions)
    if not all(one.holds for one in answered.preconditions) or failing & set(question.needs):
        assert answered.verdict is CANNOT
    if answered.verdict is NO:
        assert not failing & {*question.needs, *question.needs_for_no}
    if answered.verdict is not CANNOT:
        where = question.yes if answered.verdict is YES else question.no
        assert where[0] < low <= high < where[1]


def test_no_figure_is_both_a_yes_and_a_no() -> None:
    for question in QUESTIONS:
        (yes_low, yes_high), (no_low, no_high) = question.yes, question.no
        assert max(yes_low, no_low) >= min(yes_high, no_high), question.id
        assert -inf in (yes_low, no_low) or inf in (yes_high, no_high), question.id


def test_ids_are_unique() -> None:
    assert len({question.id for question in QUESTIONS}) == len(QUESTIONS)

"""Figures out of an evaluation: differences the right way round, changes as parts, and sameness of words."""

import pytest
from support.predictions import many
from support.validations import figure

from ipm_prefdial.recipes.evaluate.options import EvaluateOptions
from ipm_prefdial.recipes.evaluate.predictions import predictions_text
from ipm_prefdial.recipes.evaluate.run import evaluate
from ipm_prefdial.recipes.validation.figures import (
    change,
    difference,
    errors_difference,
    hundredth,
    main_figures,
    score,
)
from ipm_prefdial.recipes.validation.variety import largest, largest_share
from ipm_prefdial.schemas.evaluation import Evaluation


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Two systems, one of which always says the same."""
    folder = tmp_path_factory.mktemp("predictions")
    said = many("varied").predictions
    same = [one.model_copy(update={"reply": "I am here for you, always."}) for one in said]
    files = {"varied": said, "same": same}
    for name, rows in files.items():
        (folder / name).write_text(predictions_text([one.model_copy(update={"system": name}) for one in rows]))
    named = tuple(f"{name}={folder / name}" for name in files)
    return evaluate(EvaluateOptions(predictions=named, replicates=50))


def test_a_difference_is_turned_where_it_is_asked_the_other_way(evaluation: Evaluation) -> None:
    one, other = (difference(evaluation, "words", *names) for names in (("varied", "same"), ("same", "varied")))
    assert one.value == pytest.approx(-other.value)  # type: ignore[operator]
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))  # type: ignore[operator]
    assert difference(evaluation, "words", "varied", "nobody").value is None


def test_a_change_is_a_part_of_what_was(evaluation: Evaluation) -> None:
    before, after = (score(evaluation, name, "words").value for name in ("varied", "same"))
    assert change(evaluation, "words", "same", "varied").value == pytest.approx(after / before - 1, abs=1e-4)  # type: ignore[operator]
    assert change(evaluation, "words", "same", "nobody").value is None


def test_replies_that_are_all_alike_are_near_one(evaluation: Evaluation) -> None:
    assert hundredth(score(evaluation, "same", "self_bleu")).value == pytest.approx(1.0, abs=0.01)


def test_without_a_judge_there_are_no_errors_to_compare(evaluation: Evaluation) -> None:
    assert errors_difference(evaluation, "varied", "same").value is None


def test_the_main_table_has_every_system(evaluation: Evaluation) -> None:
    assert [one.name for one in main_figures(evaluation)] == [one.name for one in evaluation.systems]


def test_the_largest_share_is_that_of_the_most_frequent() -> None:
    assert largest_share(["a", "a", "b", "c"], ["x", "x", "x", "y"]).value == 0.75
    assert largest_share([], []).value is None
    assert largest([figure(0.2), figure(0.7), figure(0.5)]).value == 0.7
    assert largest([]).value is None

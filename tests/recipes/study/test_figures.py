"""Figures over seeds: differences the right way round, changes as parts, and sameness of words."""

import pytest
from support.predictions import many
from support.validations import figure

from ipm_prefdial.recipes.evaluate.options import EvaluateOptions
from ipm_prefdial.recipes.evaluate.predictions import Prediction, predictions_text
from ipm_prefdial.recipes.evaluate.run import evaluate
from ipm_prefdial.recipes.evaluate.score import Samples
from ipm_prefdial.recipes.study._release_answers import largest, largest_answer, largest_share
from ipm_prefdial.recipes.study._systems import SeedResults
from ipm_prefdial.recipes.study.figures import change, difference, errors_difference, hundredth, main_figures, score

VARIED = many("varied").predictions


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[SeedResults, ...]:
    """Two seeds of two systems, one of which always says the same, and says more with the second seed."""
    found = []
    for more in ("", " At any hour of the day."):
        folder = tmp_path_factory.mktemp("predictions")
        same = [one.model_copy(update={"reply": f"I am here for you, always.{more}"}) for one in VARIED]
        for name, rows in {"varied": VARIED, "same": same}.items():
            (folder / name).write_text(predictions_text([one.model_copy(update={"system": name}) for one in rows]))
        named = tuple(f"{name}={folder / name}" for name in ("varied", "same"))
        samples = Samples()
        evaluation = evaluate(EvaluateOptions(predictions=named, replicates=50), samples=samples)
        found.append(SeedResults((), evaluation, samples))
    return tuple(found)


@pytest.fixture(scope="module")
def seeds(results: tuple[SeedResults, ...]) -> list[Samples]:
    """Their samples."""
    return [one.samples for one in results]


def test_a_difference_is_turned_where_it_is_asked_the_other_way(seeds: list[Samples]) -> None:
    one, other = (difference(seeds, "words", *names).interval for names in (("varied", "same"), ("same", "varied")))
    assert one.value == pytest.approx(-other.value)  # type: ignore[operator]
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))  # type: ignore[operator]
    assert difference(seeds, "words", "varied", "nobody").interval.value is None


def test_a_change_is_a_part_of_what_was_and_a_mean_over_seeds(seeds: list[Samples]) -> None:
    before = score(seeds, "varied", "words").interval.value
    after = [score([one], "same", "words").interval.value for one in seeds]
    due = sum(value / before - 1 for value in after) / 2  # type: ignore[operator]
    assert change(seeds, "words", "same", "varied").interval.value == pytest.approx(due, abs=1e-4)
    assert change(seeds, "words", "same", "nobody").interval.value is None


def test_replies_that_are_all_alike_are_near_one(seeds: list[Samples]) -> None:
    assert hundredth(score(seeds, "same", "self_bleu").interval).value == pytest.approx(1.0, abs=0.01)


def test_without_a_judge_there_are_no_errors_to_compare(seeds: list[Samples]) -> None:
    assert errors_difference(seeds, "varied", "same").interval.value is None


def test_the_main_table_has_every_system_over_all_seeds(results: tuple[SeedResults, ...]) -> None:
    table = main_figures(results)
    assert [one.name for one in table] == [one.name for one in results[0].evaluation.systems]
    words = {one.name: one.figures["words"].value for one in table if "words" in one.figures}
    assert words["same"] == pytest.approx((6 + 12) / 2)


def _said(*named: str | None) -> list[Prediction]:
    """Predictions with these words, of which the first are strategies."""
    return [
        one.model_copy(update={"strategy_raw": word, "strategy": one.strategy if word == "valid" else None})
        for one, word in zip(VARIED, named, strict=False)
    ]


def test_a_planner_that_says_one_invalid_thing_varies_nothing() -> None:
    silent = [one.model_copy(update={"reply": None}) for one in _said("valid", "hm", "hm", "hm")]
    assert largest_answer(silent).value == 0.75
    assert largest_answer(_said("hm", "hm")).value is None, "what is never valid has shown nothing"
    assert largest_answer([]).value is None


def test_the_largest_share_is_that_of_the_most_frequent() -> None:
    assert largest_share(["a", "a", "b", "c"], ["x", "x", "x", "y"]).value == 0.75
    assert largest_share([], []).value is None
    assert largest([figure(0.2), figure(0.7), figure(0.5)]).value == 0.7
    assert largest([]).value is None

"""Systems side by side: the same turns for all, the human as a yardstick, and tests of what lies between them."""

import pytest
from support.predictions import EVERY, many, prediction, system

from ipm_prefdial.recipes.evaluate.baselines import MAJORITY, majority_of
from ipm_prefdial.recipes.evaluate.predictions import align
from ipm_prefdial.recipes.evaluate.score import METRICS, NEARER, Options, score_systems
from ipm_prefdial.recipes.metrics.diversity import DIVERSITY_METRICS, REPETITION_METRICS
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.evaluation import Evaluated, Evaluation, SystemScores
from ipm_prefdial.schemas.strategy import Strategy

ON = Evaluated(name="files", version=None, sha256="", split="", turns=0, dialogues=0)
QUICK = Options(replicates=100)


def _scored(*systems: object) -> Evaluation:
    return score_systems(systems, ON, QUICK)  # type: ignore[arg-type]


def _value(scores: SystemScores, metric: str) -> float | None:
    return next(one.value.value for one in scores.scores if one.metric == metric)


def test_every_system_has_every_metric_and_the_human_those_of_words() -> None:
    found = _scored(many("mine"), many("yours", right=3), majority_of([many("mine")]))
    mine, yours, majority, human = found.systems
    assert [one.kind for one in found.systems] == ["system", "system", "baseline", "human"]
    assert [score.metric for score in mine.scores] == [one for one in METRICS if one != "likeness"]
    of_words = [*DIVERSITY_METRICS, *REPETITION_METRICS]
    assert [score.metric for score in human.scores] == [one for one in of_words if one != "replied"]
    assert _value(mine, "accuracy") == 0.5
    assert _value(yours, "accuracy") == pytest.approx(1 / 3, abs=1e-6)
    assert _value(majority, "accuracy") == pytest.approx(1 / 8)
    assert found.on.turns == 48
    assert found.on.dialogues == 6
    assert (mine.strengths, human.strengths) != (None, None)


def test_equal_answers_give_an_equal_evaluation() -> None:
    assert _scored(many("mine"), many("yours", right=3)) == _scored(many("mine"), many("yours", right=3))


def test_systems_are_scored_on_the_turns_that_all_of_them_have() -> None:
    longer = many("longer", turns=48)
    found = _scored(longer, many("shorter", turns=40))
    assert [one.turns for one in found.systems] == [40, 40, 40]
    assert [one.left_out for one in found.systems] == [8, 0, 0]
    alone = _scored(many("longer", turns=40))
    assert found.systems[0].scores == alone.systems[0].scores


def test_differences_are_tested_between_all_but_two_baselines() -> None:
    baselines = [many(name, right=4) for name in ("majority", "other")]
    baselines = [system(one.name, one.predictions, "baseline") for one in baselines]
    found = _scored(many("mine", right=1), many("yours", right=3), *baselines)
    pairs = {(one.one, one.other) for one in found.comparisons}
    assert pairs == {(one, other) for one in ("mine", "yours") for other in ("majority", "other")} | {("mine", "yours")}
    accuracy = next(
        one for one in found.comparisons if (one.one, one.other, one.metric) == ("mine", "yours", "accuracy")
    )
    assert accuracy.difference.value == pytest.approx(2 / 3, abs=1e-6)
    assert accuracy.p == pytest.approx(1 / 101)
    assert not any(one.metric == "bias" and "mine" in (one.one, one.other) for one in found.comparisons)


def test_perfect_system_has_no_published_bias_and_says_why() -> None:
    scores = _scored(many("mine", right=1)).systems[0]
    bias = next(one for one in scores.scores if one.metric == "bias")
    assert bias.value.value is None
    assert bias.why == "undefined: no strategy is ever named in another's place"
    assert scores.strengths is not None
    assert scores.strengths.published is None
    assert set(scores.strengths.smoothed.values()) == {1.0}


def test_invalid_answers_are_counted_by_what_was_said() -> None:
    said = [prediction(at, named=None, raw=raw) for at, raw in enumerate(["Comfort", "Comfort", None, "x" * 500])]
    scores = _scored(system("mine", [*said, prediction(9)])).systems[0]
    assert scores.invalid == {"Comfort": 2, "": 1, "x" * 80: 1}
    assert _value(scores, "invalid") == pytest.approx(0.8)
    assert scores.confusion[0] == (1, 0, 0, 0, 0, 0, 0, 0, 4)


def test_win_rate_counts_turns_by_hand() -> None:
    golds = ["the hail fell", "the tram left", "the kiln broke", "a bridge"]
    ours = [prediction(at, gold_reply=gold, reply=gold) for at, gold in enumerate(golds)]
    theirs = [
        one.model_copy(update={"reply": reply})
        for one, reply in zip(ours, ["the hail fell", "no", None, "a bridge"], strict=True)
    ]
    (won,) = _scored(system("mine", ours), system("yours", theirs)).wins
    assert (won.by, won.one, won.other) == (NEARER, "mine", "yours")
    assert won.wins.value == 0.5
    assert (won.ties, won.losses, won.wins.n) == (2, 0, 4)


def test_majority_of_files_is_the_most_frequent_gold() -> None:
    said = [prediction(at, gold=EVERY[0 if at < 3 else 4]) for at in range(5)]
    majority = majority_of([system("mine", said)])
    assert majority.name == MAJORITY
    assert {one.strategy for one in majority.predictions} == {Strategy.QUESTION}
    assert {one.reply for one in majority.predictions} == {None}


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (many("mine"), "'mine' is taken"),
        (many("human"), "'human' is taken"),
        (system("yours", [prediction(7, dialogue="elsewhere")]), "no turn that all of mine, yours answered"),
        (system("yours", [prediction(0, gold=Strategy.OTHERS)]), "differ in what the human did at turn 0 of d0"),
        (many("yours", word="tram"), "differ in what the human did"),
    ],
)
def test_systems_that_do_not_go_together_are_refused(other: object, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        align([many("mine"), other])  # type: ignore[list-item]


def test_no_system_is_no_evaluation() -> None:
    with pytest.raises(UsageError, match="no system to score"):
        score_systems([], ON)

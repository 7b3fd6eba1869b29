"""What every measure and view says of nothing, of one, and of all alike: a table, a line a case.

The rule is one: of nothing nothing is told, with the reason; of one dialogue a value without an interval, and no test.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from support.answers import answer
from support.command import ipm_prefdial
from support.predictions import many, prediction, system, written
from support.releases import shared_release

from ipm_prefdial.recipes.evaluate.pictures import pictures_of
from ipm_prefdial.recipes.evaluate.score import Options, measure, score_systems
from ipm_prefdial.recipes.evaluate.tables import latex, markdown, scores_csv
from ipm_prefdial.recipes.metrics.measured import MetricResult, p_value
from ipm_prefdial.recipes.metrics.sample import AnswerSample, TurnAnswer
from ipm_prefdial.recipes.reward._baselines import LabelledExamples, Scores
from ipm_prefdial.recipes.reward.report import MODEL, make_report, render_report
from ipm_prefdial.recipes.runs.arguments import parse
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.evaluation import Evaluated, Evaluation
from ipm_prefdial.schemas.trace import Step

INVALID, SILENT, ALONE, WORDLESS = "0 of 4 answers are valid", "gives no replies", "only one dialogue", "has 2 words"
NOTHING_BEFORE, NO_HUMAN, FEW = "no reply has one before it", "no human replies", "fewer than two replies"
NO_TRACES, NEVER, TOO_FEW = "no reasoning traces that can be read", "ever named in", "too few answers are valid, 1 of 4"


def _answers(
    *,
    named: Sequence[int | None] = (0, 1, 2, 1),
    replies: Sequence[str | None] = ("It hailed on you.", "Was it loud then?", "You ran home.", "It hailed on them."),
    human: str | None = "How loud was the hail?",
    dialogues: int = 2,
) -> list[TurnAnswer]:
    """Four turns."""
    return [
        answer(at % 3, named[at], dialogue=f"d{at % dialogues}", turn=at, reply=replies[at], reference=human)
        for at in range(4)
    ]


NO_ANSWER = [None] * 4
SAME = ["I am here."] * 4
CASES: tuple[tuple[str, list[TurnAnswer], str, float | str], ...] = (
    # what was answered, its answers, a metric, and its value or the reason why there is none
    ("all invalid", _answers(named=NO_ANSWER), "accuracy", INVALID),
    ("all invalid", _answers(named=NO_ANSWER), "macro_f1", INVALID),
    ("all invalid", _answers(named=NO_ANSWER), "weighted_f1", INVALID),
    ("all invalid", _answers(named=NO_ANSWER), "bias", INVALID),
    ("all invalid", _answers(named=NO_ANSWER), "bias_smoothed", INVALID),
    ("all invalid", _answers(named=NO_ANSWER), "proficiency", INVALID),
    ("all invalid", _answers(named=NO_ANSWER), "invalid", 1.0),
    ("one valid", _answers(named=[0, None, None, None]), "accuracy", 0.25),
    ("one valid", _answers(named=[0, None, None, None]), "bias_smoothed", TOO_FEW),
    ("one label", _answers(named=[0] * 4), "bias", NEVER),
    ("all right", _answers(named=[0, 1, 2, 0]), "bias", NEVER),
    ("all right", _answers(named=[0, 1, 2, 0]), "bias_smoothed", 0.0),
    ("no reply", _answers(replies=NO_ANSWER), "bleu_2", SILENT),
    ("no reply", _answers(replies=NO_ANSWER), "rouge_l", SILENT),
    ("no reply", _answers(replies=NO_ANSWER), "distinct_2", SILENT),
    ("no reply", _answers(replies=NO_ANSWER), "self_bleu", SILENT),
    ("no reply", _answers(replies=NO_ANSWER), "words", SILENT),
    ("no reply", _answers(replies=NO_ANSWER), "repeats_itself", SILENT),
    ("no reply", _answers(replies=NO_ANSWER), "replied", 0.0),
    ("replies of blanks", _answers(replies=["", " ", "\n", "\t"]), "distinct_1", SILENT),
    ("one reply", _answers(replies=["Hail.", None, None, None]), "self_bleu", FEW),
    ("one reply", _answers(replies=["Hail.", None, None, None]), "repeats_itself", NOTHING_BEFORE),
    ("one reply", _answers(replies=["Hail.", None, None, None]), "repeats_supporter", NOTHING_BEFORE),
    ("one reply", _answers(replies=["Hail.", None, None, None]), "repeats_elsewhere", ALONE),
    ("replies of one word", _answers(replies=["Hail."] * 4), "distinct_2", WORDLESS),
    ("one reply always", _answers(replies=SAME), "self_bleu", 100.0),
    ("one reply always", _answers(replies=SAME), "repeats_itself", 1.0),
    ("one reply always", _answers(replies=SAME), "repeats_elsewhere", 1.0),
    ("no human reply", _answers(human=None), "bleu_2", NO_HUMAN),
    ("empty human replies", _answers(human=" "), "unigram_f1", NO_HUMAN),
    ("no human reply", _answers(human=None), "repeats_supporter", NO_HUMAN),
    ("one dialogue", _answers(dialogues=1), "repeats_elsewhere", ALONE),
    ("no trace", _answers(), "whole_traces", NO_TRACES),
    ("no trace", _answers(), "emotion_accuracy", NO_TRACES),
)


@pytest.mark.parametrize(("what", "answers", "metric", "due"), CASES, ids=[f"{one[0]}-{one[2]}" for one in CASES])
def test_a_metric(what: str, answers: list[TurnAnswer], metric: str, due: float | str) -> None:
    assert what
    found = measure(AnswerSample.of(answers, 50))[metric]
    if isinstance(due, str):
        assert found.interval.value is None
        assert (found.interval.low, found.interval.high) == (None, None)
        assert due in found.why
        assert p_value(found, MetricResult(np.zeros(51), 4)) is None
    else:
        assert found.interval.value == pytest.approx(due, abs=1e-4)


def test_one_dialogue_has_values_and_neither_intervals_nor_tests() -> None:
    one, other = (measure(AnswerSample.of(_answers(dialogues=1, named=named), 50)) for named in ([0, 1, 2, 0], [1] * 4))
    for name, found in one.items():
        told = found.interval
        assert (told.low, told.high) == (None, None), name
        assert p_value(found, other[name]) is None, name
    assert one["accuracy"].interval.value == 1


ON = Evaluated(name="files", version=None, sha256="", split="", turns=0, dialogues=0)
UNDEFINED = ("accuracy", "macro_f1", "weighted_f1", "bias", "bias_smoothed", "proficiency")


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """A planner without one valid answer, beside one that has them."""
    said = [
        one.model_copy(update={"strategy": None, "strategy_raw": "hm", "reply": None}) for one in many("x").predictions
    ]
    return score_systems([system("none", said), many("some")], ON, Options(replicates=50))


def test_a_planner_without_a_valid_answer_has_no_figure_no_test_and_a_reason(evaluation: Evaluation) -> None:
    none = evaluation.systems[0]
    scores = {one.metric: one for one in none.scores}
    assert {scores[name].value.value for name in UNDEFINED} == {None}
    assert {scores[name].why for name in UNDEFINED} == {"undefined: 0 of 48 answers are valid"}
    assert none.strengths is None
    assert {one.metric for one in evaluation.comparisons if "none" in (one.one, one.other)} == {"invalid", "replied"}
    assert evaluation.wins == ()


def test_views_of_it_show_dashes(evaluation: Evaluation) -> None:
    page = markdown(evaluation)
    assert "| none | – | – | – | 1.000 [1.000, 1.000] | – | – |" in page
    assert "| none | – | – | – | – | – | – | – | – |" in page, "it prefers nothing"
    assert "undefined: 0 of 48 answers are valid" in page
    assert "nan" not in page + latex(evaluation) + scores_csv(evaluation)
    assert pictures_of(evaluation).keys() == {"confusion.png", "preference.png"}


def test_a_table_with_one_system_has_no_differences() -> None:
    alone = score_systems([many("mine")], ON, Options(replicates=20))
    assert (alone.comparisons, alone.wins) == ((), ())
    assert "## Differences" not in markdown(alone)


def test_nothing_but_invalid_answers_has_no_picture_of_preferences() -> None:
    said = [prediction(at, named=None, raw="hm", reply=None, dialogue=f"d{at}") for at in range(3)]
    found = score_systems([system("none", said)], ON, Options(replicates=20))
    assert pictures_of(found).keys() == {"confusion.png"}


FILES: Mapping[str, tuple[str, str]] = {
    # a file of predictions, and what is said of it
    "empty": ("", "no predictions in it"),
    "blank": ("\n \n", "no predictions in it"),
    "empty list": ("[]", "no predictions in it"),
    "an empty object": ("{}\n", "its columns are none"),
    "no JSON": ("hail", "not JSON"),
}


@pytest.mark.parametrize(("text", "told"), FILES.values(), ids=FILES.keys())
def test_a_file_of_predictions_with_nothing_in_it(text: str, told: str, tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    path.write_text(text)
    done = ipm_prefdial("evaluate", "--predictions", path)
    assert (done.code, len(done.err.splitlines())) == (2, 1)
    assert told in done.err
    assert done.out == ""


COMMANDS: Mapping[str, tuple[Sequence[str], int, str]] = {
    # words of the command, its exit code, and what it says
    "no system": (("evaluate",), 2, "there is nothing to evaluate"),
    "a judge and no system": (("evaluate", "release", "--judge", "corpus"), 2, "there is nothing to evaluate"),
    "no release": (("recipe", "run", "tiny/planner/sft"), 2, "--data"),
    "no such release": (("recipe", "run", "tiny/planner/sft", "--data", "nowhere"), 2, "nowhere"),
    "no scale": (("recipe", "run", "validate-release", "--data", "nowhere"), 2, "name a --scale"),
    "validation of nothing": (
        ("recipe", "run", "validate-release", "--data", "nowhere", "--scale", "tiny"), 2, "nowhere",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("words", "code", "told"), COMMANDS.values(), ids=COMMANDS.keys())
def test_a_command_about_nothing(words: Sequence[str], code: int, told: str) -> None:
    done = ipm_prefdial(*words)
    assert done.code == code
    assert told in done.err
    assert "Traceback" not in done.err


def test_one_turn_alone_is_scored_without_intervals(tmp_path: Path) -> None:
    row = {"dialogue_id": "d", "turn": 0, "gold_strategy": "Question", "strategy": "Question"}
    done = ipm_prefdial("evaluate", "--predictions", written(tmp_path / "said.jsonl", [row]))
    assert done.code == 0
    assert "| said | 1.000 | 0.125 | 1.000 | 0.000 | 0.000 | 1.000 |" in done.out


def _report(traces: int, pairs: int) -> str:
    """A reward report over so many traces and pairs, all of one dialogue."""
    judged = LabelledExamples(
        [["step"] * 4] * traces,
        np.ones((traces, 4), dtype=np.int64),
        np.zeros(traces, dtype=np.uint64),
        ["one"] * pairs,
        ["other"] * pairs,
        np.zeros(pairs, dtype=np.uint64),
    )
    scores = Scores(np.full((traces, len(Step)), 0.5), np.zeros((pairs, 2)))
    return render_report(make_report(Split.TEST, judged, {MODEL: scores}))


REPORTS: Mapping[str, tuple[int, int, str]] = {
    # traces, pairs, and a line of the page
    "nothing": (0, 0, f"| {MODEL} | all | 0 | – | – | – | – | – |"),
    "no pairs": (2, 0, f"| {MODEL} | 0 | – |"),
    "one label, one dialogue": (2, 0, f"| {MODEL} | all | 8 | 1.000 | 0.000 | – | 0.500 | 0.250 |"),
    "scores all alike": (0, 3, f"| {MODEL} | 3 | 0.500 |"),
}


@pytest.mark.parametrize(("traces", "pairs", "line"), REPORTS.values(), ids=REPORTS.keys())
def test_a_reward_report(traces: int, pairs: int, line: str) -> None:
    assert line in _report(traces, pairs)


SETTINGS: Mapping[str, tuple[Sequence[str], str]] = {
    # what a GRPO recipe is set, and what is said of it
    "nothing rewarded": (("--process", "0", "--outcome", "0"), "nothing is rewarded"),
    "no floor": (("--redundancy_floor", "0"), "is not above 0 and at most 1"),
    "no such credit": (("--process_credit", "sum"), "is none of mean, min, per_step"),
    "less than nothing": (("--redundancy", "-1"), "is not 0 or more"),
}


@pytest.mark.train
@pytest.mark.parametrize(("words", "told"), SETTINGS.values(), ids=SETTINGS.keys())
def test_a_reward_of_nothing(words: Sequence[str], told: str) -> None:
    pytest.importorskip("trl", reason="needs the [train] extra")
    with pytest.raises(UsageError, match=told):
        parse(["--config", "tiny/reasoner/grpo", "--data", str(shared_release().root), *words])


def test_every_case_stands_in_the_table_once() -> None:
    cases: list[tuple[str, str]] = [(what, metric) for what, _, metric, _ in CASES]
    assert len(set(cases)) == len(cases)
    check: Callable[[str], bool] = measure(AnswerSample.of(_answers(), 5)).__contains__
    assert all(check(metric) for _, metric in cases)

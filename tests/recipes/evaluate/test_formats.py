"""Tables and pictures say what the evaluation says, in a form that its readers can read."""

import csv
import io
import struct

import pytest
from support.predictions import many, prediction, system

from ipm_prefdial.recipes.evaluate.baselines import majority_of
from ipm_prefdial.recipes.evaluate.pictures import pictures_of
from ipm_prefdial.recipes.evaluate.score import Options, score_systems
from ipm_prefdial.recipes.evaluate.tables import comparisons_csv, format_value, latex, markdown, scores_csv, tables_of
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.evaluation import ErrorShare, Evaluated, Evaluation, Grade, JudgeFigures
from ipm_prefdial.schemas.measures import Interval

_ODD = "100 % $mine_1 | {a}"


def _judged() -> JudgeFigures:
    share = Interval(value=0.25, low=0.1, high=0.4, n=40)
    mean = Interval(value=3.456, low=3.2, high=3.7, n=45)
    about = {"system": "yours", "protocol": "beside_human", "asked": 46, "turns": 48}
    return JudgeFigures(
        judge="a-judge#r1",
        prompts={},
        grades=(Grade(grade="empathy", mean=mean, **about),),  # type: ignore[arg-type]
        errors=(ErrorShare(flagged=share, errors={ErrorType.TEMPLATE_RESPONSE: 7}, **about),),  # type: ignore[arg-type]
        comparisons=(),
        notes=("a-judge is lenient",),
    )


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    """Two systems, one with a name that no format likes, and a baseline; a judge with one grade."""
    mine = many(_ODD, right=3)
    spoilt = [*mine.predictions[:-1], mine.predictions[-1].model_copy(update={"strategy": None, "strategy_raw": "a|b"})]
    systems = [system(_ODD, spoilt), many("yours"), majority_of([mine])]
    on = Evaluated(name="a-release", version="1.0.0", sha256="0" * 64, split="test", turns=0, dialogues=0)
    return score_systems(systems, on, Options(replicates=50)).model_copy(update={"judged": (_judged(),)})


def test_markdown_has_a_well_formed_table_of_each_kind(evaluation: Evaluation) -> None:
    page = markdown(evaluation)
    for title in ("Strategies", "Replies beside the human's", "Variety and length", "Differences", "Wins"):
        assert f"## {title}\n" in page
    for block in page.split("\n\n"):
        lines = [line for line in block.splitlines() if line.startswith("| ")]
        assert len({line.replace("\\|", "").count("|") for line in lines}) <= 1, block


def test_markdown_tells_baselines_invalid_answers_and_undefined_values(evaluation: Evaluation) -> None:
    page = markdown(evaluation)
    assert "| majority (baseline) | 0.125" in page
    assert "| 100 % $mine_1 \\| {a} | a\\|b | 1 |" in page
    assert "majority, bias B: undefined: nothing is ever named in the place of Question." in page
    assert "(Riezler and Maxwell 2005" in page
    assert "version 1.0.0, split test, 48 supporter turns of 6 dialogues" in page
    assert "likeness" not in page


def test_markdown_has_coverage_beside_every_judged_mean(evaluation: Evaluation) -> None:
    page = markdown(evaluation)
    assert "| yours | the human's reply, too | empathy | 3.46 [3.20, 3.70] | 45 of 46 replies, 48 turns |" in page
    assert (
        "| yours | the human's reply, too | 0.250 [0.100, 0.400] | 0 | 0 | 7 | 0 | 0 | 40 of 46 replies, 48 turns |"
        in page
    )
    assert "- a-judge is lenient." in page


def test_csv_holds_every_score(evaluation: Evaluation) -> None:
    rows = list(csv.DictReader(io.StringIO(scores_csv(evaluation))))
    scores = {(row["system"], row["metric"]): row for row in rows}
    for one in evaluation.systems:
        for score in one.scores:
            row = scores[one.name, score.metric]
            assert row["value"] == ("" if score.value.value is None else str(score.value.value))
            assert int(row["n"]) == score.value.n
    assert scores["yours", "empathy, beside_human, by a-judge#r1"]["low"] == "3.2"
    compared = list(csv.DictReader(io.StringIO(comparisons_csv(evaluation))))
    assert len(compared) == len(evaluation.comparisons)
    assert {row["p"] for row in compared} == {str(one.p) for one in evaluation.comparisons}


def test_latex_escapes_what_would_be_a_command(evaluation: Evaluation) -> None:
    text = latex(evaluation)
    assert r"100 \% \$mine\_1 | \{a\}" in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == len(tables_of(evaluation))
    body = text.replace(r"\&", "").replace(r"\%", "")
    assert "%" not in body.partition("\n")[2]
    for table in text.split(r"\begin{tabular}")[1:]:
        lines = [line.replace(r"\&", "") for line in table.splitlines() if line.endswith(r"\\")]
        assert len({line.count("&") for line in lines}) == 1


def test_pictures_are_pngs_of_some_size(evaluation: Evaluation) -> None:
    pictures = pictures_of(evaluation)
    assert sorted(pictures) == ["confusion.png", "preference.png", "wins.png"]
    for data in pictures.values():
        assert data.startswith(b"\x89PNG")
        width, height = struct.unpack(">II", data[16:24])
        assert width > 400
        assert height > 100
    assert pictures == pictures_of(evaluation)


def test_planner_alone_has_no_table_of_replies() -> None:
    said = [prediction(at, dialogue=f"d{at % 3}", reply=None, gold_reply=None) for at in range(9)]
    on = Evaluated(name="files", version=None, sha256="", split="", turns=0, dialogues=0)
    evaluation = score_systems([system("planner", said)], on, Options(replicates=20))
    titles = [table.title for table in tables_of(evaluation)]
    assert "Strategies" in titles
    assert not {"Replies beside the human's", "Variety and length", "Wins"} & set(titles)
    assert "wins.png" not in pictures_of(evaluation)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Interval(value=None, low=None, high=None, n=0), "–"),
        (Interval(value=0.5, low=None, high=None, n=1), "0.500"),
        (Interval(value=12.345, low=11, high=13.99, n=9), "12.3 [11.0, 14.0]"),
        (None, "–"),
    ],
)
def test_values_are_told_with_their_intervals(value: Interval | None, text: str) -> None:
    assert format_value(value) == text

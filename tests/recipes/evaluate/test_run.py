"""Whole evaluations: over a release with the embedded models and with served ones, stopped and gone on with."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from servers.chat_server import ChatServer, RawAnswer
from support.persona import play_role
from support.predictions import many, their_rows, written
from support.releases import shared_release

from ipm_prefdial.recipes.evaluate._judging import GRADES
from ipm_prefdial.recipes.evaluate.baselines import BASELINES
from ipm_prefdial.recipes.evaluate.options import EvaluateOptions, SystemOptions
from ipm_prefdial.recipes.evaluate.predictions import predictions_text, read_systems
from ipm_prefdial.recipes.evaluate.run import evaluate
from ipm_prefdial.recipes.evaluate.tables import tables_of
from ipm_prefdial.schemas.errors import EndpointError, OutputExistsError, UsageError
from ipm_prefdial.schemas.evaluation import Evaluation

GOLDEN = Path(__file__).parents[2] / "golden"
FILES = {
    "comparisons.csv",
    "confusion.png",
    "evaluation.json",
    "evaluation.md",
    "preference.png",
    "scores.csv",
    "tables.tex",
    "wins.png",
}


def _says(body: dict[str, object]) -> str:
    """A mock that plays every role, and grades what it is asked to."""
    messages = body["messages"]
    assert isinstance(messages, list)
    if messages[0]["content"].startswith("You grade"):
        grades = dict.fromkeys(GRADES, len(messages[1]["content"]) % 6)
        return json.dumps(grades | {"rationale": "It is graded."})
    return play_role(body)


def _options(out: Path, **models: object) -> EvaluateOptions:
    return EvaluateOptions(
        out=out,
        place=str(shared_release().root),
        models=SystemOptions(**models),  # type: ignore[arg-type]
        replicates=50,
    )


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """A server that behaves."""
    with ChatServer(_says, models=("mock", "other")) as running:
        yield running


def test_embedded_models_over_a_release_give_every_file(tmp_path: Path) -> None:
    options = _options(tmp_path / "out", planner="corpus", responder="corpus", joint="corpus", judges=("corpus",))
    found = evaluate(options)
    assert [one.name for one in found.systems] == ["decoupled", "joint", *BASELINES, "human"]
    there = {path.name for path in (tmp_path / "out").iterdir() if path.is_file()}
    assert there - {"records.sqlite", "records.sqlite.lock"} == FILES
    assert Evaluation.model_validate_json((tmp_path / "out" / "evaluation.json").read_bytes()) == found
    (again,) = read_systems(str(tmp_path / "out" / "predictions" / "joint.jsonl"))
    assert len(again.predictions) == found.on.turns
    assert found.on.split == "test"
    assert found.on.version == "1.0.0"
    assert found.judged[0].judge.startswith("corpus#")
    assert evaluate(options) == found


def test_served_models_are_asked_once_and_judged(tmp_path: Path, server: ChatServer) -> None:
    mock = f"mock@{server.url}"
    options = _options(tmp_path / "out", planner=mock, responder=mock, joint=mock, judges=(f"other@{server.url}",))
    found = evaluate(options)
    turns = found.on.turns
    assert set(server.asked.values()) == {1}
    assert server.asked.total() <= 3 * turns + 4 * 2 * turns + 2 * turns
    grades = {(one.system, one.protocol, one.grade) for one in found.judged[0].grades}
    assert len(grades) == 5 * 2 * 2 + 5
    assert all(one.mean.n == one.asked for one in found.judged[0].grades)
    assert "mean of five grades" in found.wins[-1].by
    before = server.asked.total()
    assert evaluate(options) == found
    assert server.asked.total() == before


def test_reasoning_decoupled_and_joint_systems_stand_side_by_side(tmp_path: Path, server: ChatServer) -> None:
    mock = f"mock@{server.url}"
    models = SystemOptions(planner=mock, responder=mock, joint=mock, reasoner=mock, judges=(f"other@{server.url}",))
    options = EvaluateOptions(out=tmp_path / "out", place=str(GOLDEN / "2.1.0"), models=models, replicates=20)
    table = tables_of(evaluate(options))[0]
    assert table.columns == (
        "system", "strategy accuracy ↑", "emotion accuracy ↑", "steps right ↑", "empathy ↑", "human likeness ↑",
        "Distinct-2 ↑", "self-BLEU ↓", "repeats the supporter ↓", "repeats itself ↓", "repeats across dialogues ↓",
    )  # fmt: skip
    rows = {row[0]: dict(zip(table.columns, row, strict=True)) for row in table.rows}
    assert list(rows)[:3] == ["decoupled", "joint", "reasoning"]
    assert "–" not in rows["reasoning"].values(), "it is measured in everything"
    for name in ("decoupled", "joint"):
        assert [title for title, cell in rows[name].items() if cell == "–"] == ["emotion accuracy ↑", "steps right ↑"]
    assert (rows["human"]["strategy accuracy ↑"], rows["human"]["steps right ↑"]) == ("–", "–")
    assert rows["human"]["human likeness ↑"] != "–"
    assert "## Side by side\n" in (tmp_path / "out" / "evaluation.md").read_text()


def test_what_was_stopped_goes_on_and_asks_nothing_twice(tmp_path: Path, server: ChatServer) -> None:
    calls = iter(range(10**6))
    refused = RawAnswer(401, {"error": {"message": "This key has ended."}})
    with ChatServer(_says, raw=lambda body: refused if next(calls) >= 10 else None) as ending:
        mock = f"mock@{ending.url}"
        options = _options(tmp_path / "out", planner=mock, responder=mock, concurrency=1)
        with pytest.raises(EndpointError, match="This key has ended"):
            evaluate(options)
    assert not (tmp_path / "out" / "evaluation.json").exists()
    found = evaluate(_options(tmp_path / "out", planner=f"mock@{server.url}", responder=f"mock@{server.url}"))
    whole = evaluate(_options(tmp_path / "whole", planner=f"mock@{server.url}", responder=f"mock@{server.url}"))
    assert found == whole
    assert sum(times == 2 for times in server.asked.values()) == len(server.asked) - 10
    assert max(server.asked.values()) == 2


def test_files_stand_beside_models_of_the_same_release(tmp_path: Path) -> None:
    own = evaluate(_options(tmp_path / "one", planner="corpus", responder="corpus"))
    path = tmp_path / "one" / "predictions" / "decoupled.jsonl"
    options = EvaluateOptions(
        out=tmp_path / "two",
        place=str(shared_release().root),
        models=SystemOptions(joint="corpus"),
        predictions=(f"earlier={path}",),
        replicates=50,
    )
    found = evaluate(options)
    assert [one.name for one in found.systems] == ["joint", "earlier", *BASELINES, "human"]
    assert found.systems[1].scores == own.systems[0].scores


def test_files_alone_are_scored_beside_their_majority(tmp_path: Path) -> None:
    theirs = written(tmp_path / "theirs.json", their_rows(12), lines=False)
    ours = tmp_path / "ours.jsonl"
    (read,) = read_systems(f"ours={theirs}")
    ours.write_text(predictions_text(read.predictions))
    found = evaluate(EvaluateOptions(predictions=(str(theirs), str(ours)), replicates=50))
    assert [one.name for one in found.systems] == ["theirs", "ours", "majority", "human"]
    assert found.systems[0].scores == found.systems[1].scores
    assert found.on.name == "theirs.json, ours.jsonl"
    assert found.on.version is None
    assert {one.difference.value for one in found.comparisons if one.other == "ours"} == {0}


def test_folder_that_is_no_evaluation_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    path = tmp_path / "said.jsonl"
    path.write_text(predictions_text(many("mine").predictions))
    with pytest.raises(OutputExistsError, match="is not an evaluation"):
        evaluate(EvaluateOptions(out=tmp_path, predictions=(str(path),), replicates=20))
    assert sorted(one.name for one in tmp_path.iterdir()) == ["mine.txt", "said.jsonl"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (EvaluateOptions(), "nothing to evaluate"),
        (EvaluateOptions(place="release"), "nothing to evaluate"),
        (EvaluateOptions(models=SystemOptions(planner="corpus"), out=Path("out")), "asked over a release"),
        (EvaluateOptions(models=SystemOptions(planner="corpus"), place="release"), "with --out"),
        (EvaluateOptions(models=SystemOptions(judges=("corpus",)), place="release"), "nothing to evaluate"),
        (EvaluateOptions(predictions=("a.jsonl",), similarity_model=Path("nowhere")), "nowhere: no such folder"),
        (EvaluateOptions(place="org/name", models=SystemOptions(joint="corpus"), out=Path("out")), "--revision"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    options: EvaluateOptions, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=told):
        evaluate(options)
    assert list(tmp_path.iterdir()) == []


def test_name_that_is_taken_is_told_before_a_model_is_asked(tmp_path: Path, server: ChatServer) -> None:
    path = tmp_path / "joint.jsonl"
    path.write_text(predictions_text(many("joint").predictions))
    options = EvaluateOptions(
        out=tmp_path / "out",
        place=str(shared_release().root),
        models=SystemOptions(joint=f"mock@{server.url}"),
        predictions=(str(path),),
    )
    with pytest.raises(UsageError, match="'joint' is taken"):
        evaluate(options)
    assert server.asked.total() == 0

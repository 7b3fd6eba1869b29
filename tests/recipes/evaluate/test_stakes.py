"""A judge that has a stake in a system is named, is not tested, and carries no verdict."""

from types import SimpleNamespace
from typing import Any

import pytest
from support.loops import a_run

from ipm_prefdial.recipes.catalogue import TrainingStage, TrainingTask
from ipm_prefdial.recipes.evaluate._judging import ANY_ERROR
from ipm_prefdial.recipes.evaluate.score import score_systems
from ipm_prefdial.recipes.evaluate.stakes import SystemModel, stake, with_stakes
from ipm_prefdial.recipes.evaluate.tables import markdown
from ipm_prefdial.recipes.runs.record import StartRecord, TrainingRecord
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.evaluation import Evaluated, Grade, JudgeFigures, SystemComparison
from ipm_prefdial.schemas.inference import ModelRef, Role
from ipm_prefdial.schemas.measures import Interval

QWEN = "Qwen/Qwen2.5-7B-Instruct"
JUDGE = "gpt-4.1-mini"


def _release(*judges: str) -> Any:
    models = {Role.JUDGE: tuple(SimpleNamespace(ref=ModelRef(name=name)) for name in judges)}
    return SimpleNamespace(sha256="1" * 64, manifest=SimpleNamespace(models=models))


def _part(
    config: Config = Config.RESPONSE, *, sha256: str = "1" * 64, rewarded: str = "", base: str = QWEN
) -> SystemModel:
    run = a_run(TrainingTask.RESPONDER, TrainingStage.DPO, config, base_model=base, manifest_sha256=sha256)
    reward = StartRecord(name="tiny/reward/reward", run_sha256=rewarded, data=run.data) if rewarded else None
    run = TrainingRecord.model_validate({**run.model_dump(), "reward": reward and reward.model_dump()})
    return SystemModel(ModelRef(name="tiny/responder/dpo"), run)


@pytest.mark.parametrize(
    ("judge", "part", "why"),
    [
        (JUDGE, _part(), "made the judgements that tiny/responder/dpo was trained on"),
        (f"openai/{JUDGE}#2025-04", _part(), "made the judgements"),
        (JUDGE, _part(Config.RESPONSE_SFT), ""),
        (JUDGE, _part(sha256="2" * 64), ""),
        ("qwen2.5-7b-instruct", _part(), "is the model that tiny/responder/dpo is, or was made from"),
        (QWEN, SystemModel(ModelRef(name=QWEN, revision="main")), "is the model that"),
        ("reward:mine#abcdefabcdef", _part(rewarded="abcdefabcdef" + "0" * 52), "rewarded tiny/responder/dpo"),
        ("reward:mine#abcdefabcdef", _part(rewarded="0" * 64), ""),
        ("a-judge#abcdefabcdef", _part(rewarded="abcdefabcdef" + "0" * 52), ""),
        ("corpus", SystemModel(ModelRef(name="corpus")), ""),
        ("another-judge", _part(), ""),
    ],
)
def test_what_gives_a_judge_a_stake(judge: str, part: SystemModel, why: str) -> None:
    name, _, revision = judge.partition("#")
    found = stake(ModelRef(name=name, revision=revision or None), [part], _release(JUDGE, "corpus"))
    assert found.startswith(why)
    assert bool(found) is bool(why)


def _judged() -> JudgeFigures:
    figure = Interval(value=0.5, low=0.4, high=0.6, n=9)
    grades = [Grade(system=name, protocol="alone", grade="empathy", mean=figure, asked=9, turns=9) for name in "ab"]
    pairs = [("a", "b"), ("b", "c")]
    compared = [
        SystemComparison(metric=f"{ANY_ERROR}, alone", one=one, other=other, difference=figure, p=0.01)
        for one, other in pairs
    ]
    return JudgeFigures(
        judge=JUDGE, prompts={}, grades=tuple(grades), errors=(), comparisons=tuple(compared), notes=("It judges.",)
    )


def test_a_stake_is_named_in_tables_and_takes_the_test_away() -> None:
    from support.predictions import many

    told = with_stakes(_judged(), {"a": "is the model that a is"}, ["c"])
    assert [one.p for one in told.comparisons] == [None, 0.01]
    assert told.notes == (
        "It judges.",
        f"{JUDGE} is not independent of a: it is the model that a is",
        f"whether {JUDGE} has a stake in c cannot be told: files do not say what models wrote them",
    )
    on = Evaluated(name="files", version=None, sha256="", split="", turns=0, dialogues=0)
    page = markdown(score_systems([many("a"), many("b")], on).model_copy(update={"judged": (told,)}))
    assert "| a (judge not independent) | the reply alone | empathy |" in page
    assert "| b | the reply alone | empathy |" in page
    side_by_side = page[page.index("## Side by side") : page.index("## Strategies")]
    assert [line.split(" | ")[2] for line in side_by_side.splitlines() if line.startswith(("| a |", "| b |"))] == [
        "–",
        "0.500",
    ]
    assert f"- {JUDGE} is not independent of a: it is the model that a is." in page

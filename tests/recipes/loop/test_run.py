"""The whole loop with stages that are played: resumed wherever it was stopped, and told in a report."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("trl", reason="needs the [train] extra")
pytest.importorskip("sacrebleu", reason="needs the [evaluate] extra")

from support.loops import PlayedStages
from support.releases import build_scripted, copy_release, shared_release

from ipm_prefdial.recipes.evaluate.options import EvaluateOptions, SystemOptions
from ipm_prefdial.recipes.evaluate.run import evaluate
from ipm_prefdial.recipes.loop._stages import LoopStage
from ipm_prefdial.recipes.loop.plan import MineOptions
from ipm_prefdial.recipes.loop.run import mine
from ipm_prefdial.recipes.serving.serve import Server
from ipm_prefdial.schemas.errors import DataError, OutputExistsError, UsageError

DATA = str(shared_release().root)


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `evaluation.json` of the embedded planner."""
    out = tmp_path_factory.mktemp("evaluation") / "out"
    evaluate(EvaluateOptions(out=out, place=DATA, models=SystemOptions(planner="corpus"), replicates=20))
    return out / "evaluation.json"


def _options(out: Path, **given: object) -> MineOptions:
    return MineOptions(**{"out": out, "data": DATA, "server": Server.TRANSFORMERS, **given})  # type: ignore[arg-type]


def test_whole_loop_is_told(tmp_path: Path, evaluation: Path) -> None:
    told: list[str] = []
    played = PlayedStages(evaluation)
    report = mine(_options(tmp_path / "out", rounds=2), told.append, played)
    assert played.made == ["check/recipes", "check/build", *(stage.name for stage in report.stages)]
    text = (tmp_path / "out" / "mine.json").read_text()
    assert json.loads(text) == report.model_dump(mode="json")
    assert str(tmp_path) not in text
    assert str(Path(DATA).parent) not in text
    stages = {stage.name: stage for stage in report.stages}
    assert stages["mined-2/fold-1"].models["planner"] == "planner-dpo-1-without-fold-1"
    assert stages["mined-1/fold-1"].rows["strategy"]["train"] > 0
    assert stages["dpo-1/joint"].rows == {"joint": {"train": 9}}
    assert len(stages["sft/planner"].digests["weights"]) == 16
    assert report.out_of_fold
    assert {one.name for one in report.systems} >= {"planner", "majority", "human"}
    assert report.systems[0].scores["accuracy"].value is not None
    page = (tmp_path / "out" / "mine.md").read_text()
    assert "Out of fold: each of 2 folds" in page
    assert "this shows that everything runs, and nothing else" in page
    assert all(f"| {name} |" in page for name in stages)
    assert sum("stage" in line and "log:" in line for line in told) == len(report.stages)


def test_without_folds_it_is_said(tmp_path: Path, evaluation: Path) -> None:
    told: list[str] = []
    report = mine(_options(tmp_path / "out", folds=1), told.append, PlayedStages(evaluation))
    assert not report.out_of_fold
    assert any("TRAINED ON" in line for line in told)
    assert "**Not out of fold**" in (tmp_path / "out" / "mine.md").read_text()
    names = [stage.name for stage in report.stages]
    assert names[:4] == ["sft/planner", "sft/responder", "sft/joint", "mined-1/fold-1"]


def _stop_at_every_stage(seen: set[str]) -> Callable[[LoopStage], None]:
    """Ctrl-C at every stage, once."""

    def stop(stage: LoopStage) -> None:
        if stage.lasting and stage.name not in seen:
            seen.add(stage.name)
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize("when", ["on_start", "on_end"])
def test_stopped_at_every_stage_no_stage_is_done_twice(when: str, tmp_path: Path, evaluation: Path) -> None:
    """Also where it was killed between the end of a stage and its note."""
    played = PlayedStages(evaluation)
    setattr(played, when, _stop_at_every_stage(set()))
    stops = 0
    while True:
        try:
            report = mine(_options(tmp_path / "out"), lambda line: None, played)
            break
        except KeyboardInterrupt:
            stops += 1
    names = [stage.name for stage in report.stages]
    assert stops == len(names) == 17
    assert [name for name in played.made if not name.startswith("check/")] == names
    seconds = {stage.seconds for stage in report.stages}
    assert seconds == ({1.0} if when == "on_start" else {None}), "what was not noted is not made up"
    again = mine(_options(tmp_path / "out"), lambda line: None, PlayedStages(evaluation, on_start=_fail))
    assert again == report


def _fail(stage: LoopStage) -> None:
    pytest.fail(f"{stage.name} is done already")


def test_another_loop_is_never_run_over_one(tmp_path: Path, evaluation: Path) -> None:
    def stop(stage: LoopStage) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        mine(_options(tmp_path / "out"), lambda line: None, PlayedStages(evaluation, on_start=stop))
    with pytest.raises(OutputExistsError, match="holds another loop: judges, rounds differ"):
        mine(_options(tmp_path / "out", rounds=2, judges=("a", "b")), lambda line: None, PlayedStages(evaluation))


def test_what_is_wrong_is_told_before_anything_is_written(tmp_path: Path, evaluation: Path, tiny: Path) -> None:
    played = PlayedStages(evaluation, on_start=_fail)
    benchmark = tmp_path / "benchmark.txt"
    benchmark.write_text("A benchmark of a few words that nobody in this corpus ever says to anybody at all.\n")
    apart = build_scripted(tmp_path / "apart", release="2.0.0", limit=6, benchmarks=(str(benchmark),))
    for given, kind, match in (
        ({"model": "huge"}, UsageError, "no recipes of 'huge'"),
        ({"data": str(tmp_path / "nowhere")}, UsageError, "no such folder"),
        ({"data": "acme/prefs"}, UsageError, "name the tag to train on"),
        ({"data": str(apart.root)}, UsageError, r"kept apart from .*--decontaminate"),
        ({"launch": "tpu"}, UsageError, "there is no 'tpu'"),
    ):
        with pytest.raises(kind, match=match):
            mine(_options(tmp_path / "out", **given), lambda line: None, played)
    assert not (tmp_path / "out").exists()


def test_release_without_a_config_that_a_recipe_needs(tmp_path: Path, evaluation: Path) -> None:
    release = copy_release(tmp_path / "release")
    path = release.root / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"] = {name: one for name, one in manifest["files"].items() if "/joint_sft/" not in name}
    path.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="has no config joint_sft"):
        mine(_options(tmp_path / "out", data=str(release.root)), lambda line: None, PlayedStages(evaluation))

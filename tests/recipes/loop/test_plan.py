"""The stages of a loop: nobody mines what he was trained on, and each finds what it needs."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.releases import shared_release

from ipm_prefdial.recipes.catalogue import TrainingStage as Training
from ipm_prefdial.recipes.data.release import open_release
from ipm_prefdial.recipes.loop._folds import FoldFiles, write_folds
from ipm_prefdial.recipes.loop._stages import LoopStage, StageKind
from ipm_prefdial.recipes.loop.plan import LoopPlan, MineOptions
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Dialogue
from ipm_prefdial.schemas.errors import UsageError


def _plan(out: Path, **options: object) -> LoopPlan:
    return LoopPlan(MineOptions(out, "RELEASE", **options), "1.0.0", "/RELEASE", 4)  # type: ignore[arg-type]


def _after(stage: LoopStage, name: str) -> list[str]:
    """The words of an option, up to the next one."""
    words = list(stage.words)
    if name not in words:
        return []
    rest = words[words.index(name) + 1 :]
    return rest[: next((at for at, word in enumerate(rest) if word.startswith("--")), len(rest))]


def _learnt(name: str, stages: dict[str, LoopStage], out: Path, everything: set[str]) -> set[str]:
    """The dialogues that whatever is in a folder was trained on, by way of all that it starts from."""
    stage = stages[name]
    if not _after(stage, "--sft_checkpoint"):
        chosen = _after(stage, "--dialogues")
        return set((out / chosen[0]).read_text().split()) if chosen else everything
    (start,) = _after(stage, "--sft_checkpoint")
    mined = set().union(*(_mined(stages[build], out) for build in _after(stage, "--data")))
    return mined | _learnt(start, stages, out, everything)


def _mined(stage: LoopStage, out: Path) -> set[str]:
    (source,) = _after(stage, "--source")
    lines = (out / source.removeprefix("dialogue:")).read_text().splitlines()
    return {Dialogue.model_validate_json(line).dialogue_id for line in lines}


def _pairs(plan: LoopPlan, out: Path) -> Iterator[tuple[str, set[str], set[str]]]:
    """Every miner of every build, with what it mines and what it was trained on."""
    stages = {stage.name: stage for stage in plan.stages()}
    everything = set().union(*(_mined(one, out) for one in stages.values() if one.words[0] == "build"))
    for stage in stages.values():
        for miner in stage.asks.values() if stage.words[0] == "build" else ():
            yield miner.name, _mined(stage, out), _learnt(miner.folder, stages, out, everything)


@pytest.mark.parametrize(("rounds", "folds"), [(1, 2), (1, 3), (2, 2), (3, 2), (2, 3)])
def test_no_miner_was_trained_on_a_dialogue_that_it_mines(rounds: int, folds: int, tmp_path: Path) -> None:
    release = open_release(str(shared_release().root), None, Config.DIALOGUES)
    write_folds(release, tmp_path, folds)
    pairs = list(_pairs(_plan(tmp_path, rounds=rounds, folds=folds), tmp_path))
    assert len(pairs) == 3 * rounds * folds
    for name, mined, learnt in pairs:
        assert mined and learnt, name
        assert not mined & learnt, name


def test_without_folds_the_miners_were_trained_on_everything(tmp_path: Path) -> None:
    write_folds(open_release(str(shared_release().root), None, Config.DIALOGUES), tmp_path, 1)
    pairs = list(_pairs(_plan(tmp_path, folds=1), tmp_path))
    assert len(pairs) == 3
    assert all(mined <= learnt for _, mined, learnt in pairs)


@pytest.mark.parametrize("rounds", [1, 2, 3])
@pytest.mark.parametrize("folds", [1, 2])
def test_every_stage_finds_what_it_needs(rounds: int, folds: int, tmp_path: Path) -> None:
    made: set[str] = set()
    for stage in _plan(tmp_path, rounds=rounds, folds=folds).stages():
        needed = {one.folder for one in stage.asks.values()} | set(_after(stage, "--sft_checkpoint"))
        needed |= {place for place in _after(stage, "--data") if place != "/RELEASE"}
        assert needed <= made, stage.name
        assert stage.name not in made
        made.add(stage.name)
    assert len({name.replace("/", "-") for name in made}) == len(made), "every stage has a log of its own"


def test_second_round_mines_with_the_models_of_the_first_and_goes_on_from_them(tmp_path: Path) -> None:
    stages = {stage.name: stage for stage in _plan(tmp_path, rounds=2, folds=1).stages()}
    assert {one.folder for one in stages["mined-2/fold-1"].asks.values()} == {
        "dpo-1/planner",
        "dpo-1/responder",
        "dpo-1/joint",
    }
    assert _after(stages["dpo-2/joint"], "--sft_checkpoint") == ["dpo-1/joint"]
    assert _after(stages["dpo-2/joint"], "--data") == ["mined-2/fold-1"]


def test_settings_go_to_their_stage_and_judges_to_builds_and_the_comparison(tmp_path: Path) -> None:
    settings = {Training.SFT: {"max_steps": 3}, Training.DPO: {"max_steps": 2, "beta": 0.2}}
    judges = ("corpus", "judge@http://localhost:1/v1")
    plan = _plan(tmp_path, settings=settings, judges=judges, limit=5, revision="v1.0.0")
    for stage in plan.stages():
        if stage.kind is StageKind.TRAIN:
            is_dpo = stage.name.startswith("dpo")
            assert _after(stage, "--max_steps") == ["2" if is_dpo else "3"]
            assert _after(stage, "--beta") == (["0.2"] if is_dpo else [])
            assert _after(stage, "--revision") == ([] if is_dpo else ["v1.0.0"])
        else:
            judged = [word for word in stage.words if word in judges]
            assert judged == ([] if stage.asks and stage.words[0] == "evaluate" else list(judges))
            assert _after(stage, "--limit") == ([] if stage.words[0] == "build" else ["5"])


def test_files_of_a_fold_are_named_by_it() -> None:
    assert FoldFiles(2).dialogues == "folds/fold-2.jsonl"
    assert FoldFiles(2).others == "folds/without-2.txt"


def test_model_without_recipes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no recipes of 'huge'; there are llama"):
        MineOptions(tmp_path, "RELEASE", model="huge").check()


def test_command_to_be_read_names_no_place(tmp_path: Path) -> None:
    plan = _plan(tmp_path, judges=("judge#3@http://secret.example:8000/v1",))
    commands = [stage.command for stage in plan.stages()]
    assert any("--judge judge#3 --concurrency 4 --planner planner-sft-without-fold-1 " in one for one in commands)
    assert any("--config tiny/planner/sft --data RELEASE --output_dir sft/planner" in one for one in commands)
    assert not [one for one in commands if "secret" in one or " /" in one]


def test_files_are_found_from_the_folder_of_the_loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bench.txt").write_text("")
    plan = _plan(
        tmp_path / "out", benchmarks=("bench.txt", "acme/bench"), settings={Training.SFT: {"eval_strategy": "no"}}
    )
    build = next(stage for stage in plan.stages() if stage.words[0] == "build")
    assert [word for word in build.words if "bench" in word] == [str(tmp_path / "bench.txt"), "acme/bench"]


@pytest.mark.parametrize("judge", ["a judge", "judge@localhost:8000/v1", ""])
def test_misspelt_judge(judge: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a model is written|needs http"):
        MineOptions(tmp_path, "RELEASE", judges=(judge,)).check()

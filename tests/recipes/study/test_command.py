"""`recipe run validate-release` as a user runs it: files, verdicts, going on, and wrong use in one line."""

import json
from math import isfinite
from pathlib import Path

import pytest
from support.command import Done, ipm_prefdial
from support.plants import swap_sides
from support.releases import change_rows, copy_release, refresh_hashes
from support.training import small_release
from support.validations import quick_words

from ipm_prefdial.recipes.study._release_answers import open_whole
from ipm_prefdial.recipes.study.questions import QUESTIONS
from ipm_prefdial.schemas.errors import DataError
from ipm_prefdial.schemas.study import StudyOutcome, Validation

pytest.importorskip("trl", reason="needs the [train] extra")
pytestmark = pytest.mark.train

FILES = {"validation.json", "validation.md", "questions.csv", "systems.csv", "rewards.png", "systems.png", "audit.json"}


def read(out: Path) -> Validation:
    """What the command wrote."""
    return Validation.model_validate_json((out / "validation.json").read_bytes())


@pytest.mark.slow
def test_everything_is_trained_asked_answered_and_written(validated: tuple[Path, Done]) -> None:
    out, done = validated
    assert done.code == 0, done.err
    assert {path.name for path in out.iterdir() if path.is_file()} >= FILES
    found = read(out)
    assert [one.id for one in found.questions] == [question.id for question in QUESTIONS]
    assert {one.verdict for one in found.questions if one.group == "release"} <= {
        StudyOutcome.YES,
        StudyOutcome.CANNOT_TELL,
    }
    assert {one.verdict for one in found.questions if one.group == "training"} == {StudyOutcome.CANNOT_TELL}
    assert len(found.models) == 12
    assert sorted({one.seed for one in found.models}) == [42, 43]
    by_seed = {(one.recipe, one.seed): one.run_sha256 for one in found.models}
    assert len(set(by_seed.values())) == 12
    assert {one.base_model for one in found.models} == {"random weights"}
    assert all(stage.seconds > 0 for stage in found.stages)
    figures = [one for system in found.systems for one in system.figures.values()]
    assert all(isfinite(one.value) for one in figures if one.value is not None)
    names = [one.name for one in found.systems]
    assert names[:4] == ["decoupled after SFT", "joint after SFT", "decoupled after DPO", "joint after DPO"]
    assert "? cannot tell at this scale" in done.out
    assert str(out.parent) not in (out / "validation.json").read_text()


@pytest.mark.slow
def test_the_same_command_does_nothing_again(validated: tuple[Path, Done]) -> None:
    out, _ = validated
    before = read(out)
    again = ipm_prefdial(*quick_words(small_release().root, out))
    assert again.code == 0, again.err
    assert again.err.count("is finished already") == 12
    assert read(out).questions == before.questions


@pytest.mark.slow
def test_another_setting_wants_another_folder(validated: tuple[Path, Done]) -> None:
    done = ipm_prefdial(*quick_words(small_release().root, validated[0], "--set=seed=7"))
    assert done.code == 2
    assert "holds another validation: settings differs" in done.err


@pytest.mark.slow
def test_what_cannot_be_told_is_no_pass_where_it_is_required(validated: tuple[Path, Done]) -> None:
    out, done = validated
    assert done.code == 0, "at tiny scale the tables alone are required to answer"
    required = ipm_prefdial(*quick_words(small_release().root, out, "--require", "dpo_learns_planner"))
    assert required.code == 1
    assert "exit code 1: cannot tell dpo_learns_planner: not a yes" in required.err


def test_an_unsound_release_is_refused_and_nothing_is_trained(tmp_path: Path) -> None:
    planted = swap_sides(copy_release(tmp_path / "release", small_release()), 1.0)
    done = ipm_prefdial(*quick_words(planted.root, tmp_path / "out"))
    assert done.code == 1, done.err
    found = read(tmp_path / "out")
    assert [one.id for one in found.refused] == ["sides_in_order", "sides_in_order_by_words"]
    assert found.models == ()
    assert not (tmp_path / "out" / "models").exists()
    assert all(one.verdict is StudyOutcome.CANNOT_TELL for one in found.questions if one.group == "training")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--scale", "tiny", "--set=beta.beta=1"), "before the setting may stand a task and a stage"),
        (("--scale", "tiny", "--set=sft.beta=1"), "there is no setting 'beta'"),
        (("--scale", "small"), "needs a GPU"),
        (("--scale", "tiny", "--launch", "fsdp"), "--launch: validate-release runs in this process"),
        (("--scale", "tiny", "--dialogues", "0"), "--dialogues: a whole number above 0"),
        (("--scale", "tiny", "--seeds", "0"), "--seeds: a whole number above 0"),
        (("--scale", "tiny", "--judge", "reward:run"), "--judge: a reward model scores reasoning traces"),
        (("--scale", "tiny", "--require", "dpo"), "--require: there is no question 'dpo'"),
        (("--scale", "tiny", "--set=seed=soon"), "--set: seed: 'soon' is not a whole number"),
        ((), "name a --scale: tiny, small, full"),
    ],
)
def test_wrong_use_is_one_line(words: tuple[str, ...], told: str, tmp_path: Path) -> None:
    import torch

    if "small" in words and torch.accelerator.is_available():
        pytest.skip("there is a GPU here")
    done = ipm_prefdial(
        "recipe", "run", "validate-release", "--data", small_release().root, "--out", tmp_path / "out", *words
    )
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert told in line
    assert not (tmp_path / "out").exists()


def test_an_option_of_the_workflow_means_nothing_to_a_recipe() -> None:
    done = ipm_prefdial("recipe", "run", "tiny/planner/sft", "--data", "nowhere", "--scale", "tiny")
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert "--scale is an option of `recipe run validate-release`, not of tiny/planner/sft" in line


def test_a_release_that_lacks_rows_is_named(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", small_release())
    manifest = json.loads((release.root / "manifest.json").read_text())
    manifest["files"] = {name: one for name, one in manifest["files"].items() if "data/joint/" not in name}
    (release.root / "manifest.json").write_text(json.dumps(manifest))
    done = ipm_prefdial(*quick_words(release.root, tmp_path / "out"))
    assert done.code == 1
    assert "has no config joint, which is needed here" in done.err


def test_a_split_without_rows_is_named(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release", small_release())
    change_rows(release, "data/joint/test-00000-of-00001.parquet", list.clear)
    refresh_hashes(release.root)
    with pytest.raises(DataError, match="config joint has no rows in split test, which is needed here"):
        open_whole(str(release.root), None)


def test_the_list_names_the_workflow() -> None:
    assert "validate-release: trains planner" in ipm_prefdial("recipe", "list").out

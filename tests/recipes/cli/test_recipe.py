"""`ipm-prefdial recipe list|show|run`, as a user runs it."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from support.command import Done, clean_environ, command_line, ipm_prefdial
from support.training import QUICK, SMALLEST, small_release, words

from ipm_prefdial.recipes.catalogue import TrainingStage, find_recipe, recipe_names
from ipm_prefdial.recipes.cli.recipe import WORKFLOWS

_SCRIPT = "ipm_prefdial.recipes.train.run"
SETS = [f"--set={name}={json.dumps(value)}" for name, value in (QUICK | SMALLEST).items()]


def run(name: str, out: Path, *words: str) -> Done:
    return ipm_prefdial("recipe", "run", name, "--data", small_release().root, "--out", out, *SETS, *words)


def test_list_names_every_recipe_and_its_machine() -> None:
    done = ipm_prefdial("recipe", "list")
    assert done.code == 0
    for name in recipe_names():
        assert name in done.out
    told = {one["name"]: one for one in json.loads(ipm_prefdial("recipe", "list", "--json").out)}
    assert told.keys() == {*recipe_names(), *(workflow.NAME for workflow in WORKFLOWS)}
    assert told["llama-3.1-8b-instruct-lora/joint/dpo"] == {
        "name": "llama-3.1-8b-instruct-lora/joint/dpo",
        "model": "meta-llama/Llama-3.1-8B-Instruct",
        "trains": "LoRA",
        "needs": "one GPU of 40 GB",
    }


def test_show_prints_the_file() -> None:
    done = ipm_prefdial("recipe", "show", "tiny/joint/sft")
    assert (done.code, done.out) == (0, find_recipe("tiny/joint/sft").text)
    settings = json.loads(ipm_prefdial("recipe", "show", "tiny/joint/sft", "--json").out)
    assert settings == {"name": "tiny/joint/sft", **yaml.safe_load(done.out)}


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("show", "tiny/joint/stf"), "did you mean tiny/joint/sft"),
        (("run", "tiny/joint/sft", "--data", "nowhere"), "nowhere: no such folder"),
        (("run", "tiny/joint/sft", "--data", "nowhere", "--set", "beta"), "'beta' is not of the form NAME=VALUE"),
        (("run", "tiny/joint/sft", "--data", "nowhere", "--set", "seed={"), "seed: '{' is not a value"),
        (("run", "tiny/joint/sft", "--data", "nowhere", "--launch", "tpu"), "there is no 'tpu'; there are fsdp"),
    ],
)
def test_wrong_use_is_one_line(given: tuple[str, ...], told: str) -> None:
    pytest.importorskip("trl", reason="needs the [train] extra")
    done = ipm_prefdial("recipe", *given)
    assert done.code == 2
    (line,) = done.err.splitlines()
    assert told in line


@pytest.mark.train
def test_run_trains_and_tells(tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="needs the [train] extra")
    done = run("tiny/planner/sft", tmp_path / "out")
    assert done.code == 0, done.err
    assert "tiny/planner/sft, 2 steps, train_loss" in done.out
    lines = done.err.splitlines()
    assert all(line.startswith("ipm-prefdial: ") for line in lines), "no bars and no warnings in a log"
    assert any("train: 69 rows" in line for line in lines)
    assert any("step 2 of 2, loss" in line for line in lines)


@pytest.mark.train
@pytest.mark.slow
def test_killed_run_goes_on_with_the_same_command(tmp_path: Path) -> None:
    """SIGTERM ends it with 130, SIGKILL at once; each time the same command goes on, and at last it is done."""
    pytest.importorskip("trl", reason="needs the [train] extra")
    saving = ("--set=max_steps=40", "--set=save_strategy=steps", "--set=save_steps=4", "--set=save_total_limit=1")
    words = ("recipe", "run", "tiny/planner/sft", "--data", small_release().root, "--out", tmp_path / "out", *SETS)
    for number, code in ((signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
        with _started(*words, *saving) as process:
            _wait_for_new_checkpoint(tmp_path / "out", process)
            process.send_signal(number)
            assert process.wait() == code
        assert json.loads((tmp_path / "out" / "run.json").read_text())["state"] == "running"
    done = run("tiny/planner/sft", tmp_path / "out", *saving)
    assert done.code == 0, done.err
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (record["state"], record["steps"]) == ("done", 40)
    assert record["resumed_from"] >= 8
    steps = [json.loads(line)["step"] for line in (tmp_path / "out" / "curves.jsonl").read_text().splitlines()]
    assert steps[:40] == list(range(1, 41)), "no step is told twice and none is missing"


def _started(*words: str | Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command_line(*words), env=clean_environ(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def _wait_for_new_checkpoint(out: Path, process: "subprocess.Popen[bytes]") -> None:
    before = set(out.glob("checkpoint-*/trainer_state.json"))
    while process.poll() is None:
        if set(out.glob("checkpoint-*/trainer_state.json")) - before:
            return
    raise AssertionError("the run came to its end before it could be stopped")


@pytest.mark.train
@pytest.mark.slow
def test_run_is_launched_by_accelerate(tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="needs the [train] extra")
    config = tmp_path / "cpu.yaml"
    config.write_text(
        "compute_environment: LOCAL_MACHINE\ndistributed_type: 'NO'\nmixed_precision: 'no'\nnum_machines: 1\n"
        "num_processes: 1\nmachine_rank: 0\nuse_cpu: true\nmain_training_function: main\n"
    )
    done = run("tiny/planner/sft", tmp_path / "out", "--launch", str(config))
    assert done.code == 0, done.err
    assert json.loads((tmp_path / "out" / "run.json").read_text())["state"] == "done"


@pytest.mark.train
@pytest.mark.slow
@pytest.mark.parametrize("stage", [TrainingStage.SFT, TrainingStage.DPO])
def test_processes_train_together(stage: TrainingStage, tmp_path: Path) -> None:
    """Two processes as a launcher starts them: one record, one set of curves, and every process at its end."""
    pytest.importorskip("trl", reason="needs the [train] extra")
    if stage is TrainingStage.DPO:
        assert run("tiny/planner/sft", tmp_path / "sft").code == 0
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2", "-m"]
    done = subprocess.run(
        [*launcher, _SCRIPT, *words(f"tiny/planner/{stage}", small_release().root, tmp_path / stage)],
        env=clean_environ({"OMP_NUM_THREADS": "1"}),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / stage / "run.json").read_text())
    assert (record["state"], record["steps"], record["environment"]["processes"]) == ("done", 2, 2)
    assert done.stderr.count("ipm-prefdial: training") == 1, "only the first process tells"
    curves = (tmp_path / stage / "curves.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in curves if '"loss"' in line] == [1, 2]


@pytest.mark.train
@pytest.mark.slow
def test_script_runs_without_the_command(tmp_path: Path) -> None:
    pytest.importorskip("trl", reason="needs the [train] extra")
    command = [sys.executable, "-m", _SCRIPT, "--config", "tiny/planner/sft", "--output_dir", str(tmp_path / "out")]
    done = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, check=False)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert "name a release to train on" in done.stderr

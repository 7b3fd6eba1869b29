"""The whole loop at tiny scale: real trainings, real servers over HTTP, real builds; killed once on its way."""

import hashlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("trl", reason="needs the [train] extra")
pytest.importorskip("sacrebleu", reason="needs the [evaluate] extra")
pytest.importorskip("fastapi", reason="needs the [serve] extra")

import pyarrow.parquet as pq
from support.command import clean_environ, command_line, ipm_prefdial
from support.releases import shared_release

pytestmark = [pytest.mark.train, pytest.mark.slow]

SETTINGS = {
    "eval_strategy": '"no"',
    "save_strategy": '"no"',
    "sft.random_width": "32",
    "sft.random_layers": "1",
    "sft.max_steps": "120",  # fewer, and the planner does not name strategies yet
    "sft.learning_rate": "1.0e-2",
    "dpo.max_steps": "2",
}


def _words(out: Path) -> list[str | Path]:
    sets = [f"--set={name}={value}" for name, value in SETTINGS.items()]
    return ["recipe", "run", "mine", "--data", shared_release().root, "--out", out, "--limit", "4", *sets]


def _dialogues(release: Path) -> set[str]:
    tables = release.glob("data/dialogues/*.parquet")
    return {one for table in tables for one in pq.read_table(table, columns=["dialogue_id"])["dialogue_id"].to_pylist()}


def _kill_while_it_mines(out: Path) -> None:
    """Runs the loop, kills it while a build asks the served models, and sees that everything it started ends."""
    with subprocess.Popen(
        command_line(*_words(out)), env=clean_environ(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        log = out / "logs" / "mined-1-fold-1.log"
        try:
            while "asking models" not in (log.read_text() if log.is_file() else ""):
                assert process.poll() is None, "the loop came to its end before it could be killed"
                time.sleep(0.5)
        finally:
            process.kill()
    until = time.monotonic() + 30
    while (left := _running_in(out)) and time.monotonic() < until:
        time.sleep(0.5)
    assert left == []


def _running_in(out: Path) -> list[str]:
    """The processes that run in the folder of the loop, or below it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").resolve(strict=True).is_relative_to(out.resolve()):
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


def test_whole_loop_goes_on_after_a_kill_and_nobody_mines_what_they_were_trained_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    _kill_while_it_mines(out)
    trained = {path: path.stat().st_mtime_ns for path in out.glob("sft/*/model.safetensors")}
    assert len(trained) == 9
    done = ipm_prefdial(*_words(out), timeout_s=3000)
    assert done.code == 0, done.err
    assert {path: path.stat().st_mtime_ns for path in trained} == trained, "what was done is not done again"
    report = _json(out / "mine.json")
    assert [stage["name"] for stage in report["stages"]][9:11] == ["mined-1/fold-1", "mined-1/fold-2"]
    for stage in report["stages"][9:11]:
        fold = int(stage["name"][-1])
        mined = _dialogues(out / stage["name"])
        learnt = (out / "folds" / f"without-{fold}.txt").read_text()
        assert mined and not mined & set(learnt.split())
        for task in ("planner", "responder", "joint"):
            run = _json(out / "sft" / f"{task}-without-fold-{fold}" / "run.json")
            assert run["data"]["dialogues_sha256"] == hashlib.sha256(learnt.encode()).hexdigest()
            assert stage["models"][task].startswith(f"{task}-sft-without-fold-{fold}#")
            assert sum(stage["rows"][config]["train"] for config in stage["rows"]) > 0
    dpo = _json(out / "dpo-1" / "planner" / "run.json")
    assert (dpo["data"]["name"], dpo["start"]["name"]) == ("fold-1 + fold-2", "tiny/planner/sft")
    names = [system["name"] for system in report["systems"]]
    assert names[:4] == ["sft-decoupled", "sft-joint", "dpo-1-decoupled", "dpo-1-joint"]
    assert all(system["scores"]["accuracy"]["value"] is not None for system in report["systems"][:4])
    assert _running_in(out) == []
    again = ipm_prefdial(*_words(out))
    assert (again.code, again.err.count("done before")) == (0, 17)

"""One stage: what its command's end means."""

import sys
from pathlib import Path

import pytest

from ipm_prefdial.recipes.catalogue import TrainingTask
from ipm_prefdial.recipes.loop._stages import LoopCheckpoint, LoopStage, StageKind, run_stage
from ipm_prefdial.recipes.serving.serve import ServeOptions, Server
from ipm_prefdial.schemas.errors import DataError, EndpointError, UsageError


def _run(stage: LoopStage, out: Path, before: tuple[str, ...] = ()) -> None:
    run_stage(stage, out, ServeOptions(out / "served", Server.TRANSFORMERS, on_cpu=True), before)


def _ending(code: str, out: Path) -> None:
    """Runs a stage whose command is a line of Python: a launcher that does not care for what it launches."""
    assert sys.executable
    _run(LoopStage("made", StageKind.TRAIN, ("--word",)), out, ("-c", code))


@pytest.mark.parametrize(
    ("code", "kind"),
    [(1, DataError), (2, UsageError), (3, EndpointError)],
)
def test_documented_exit_code_is_the_same_kind_of_error_in_one_line(
    code: int, kind: type[Exception], tmp_path: Path
) -> None:
    line = f"import sys; print('step 1'); print('ipm-prefdial: it is so'); sys.exit({code})"
    with pytest.raises(kind, match=r"^made: it is so$"):
        _ending(line, tmp_path)


def test_interrupted_command_interrupts(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        _ending("import sys; sys.exit(130)", tmp_path)


def test_command_that_was_killed_or_broke(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"made: ended with exit code 137; it was killed, as happens where memory is f"):
        _ending("import os; os.kill(os.getpid(), 9)", tmp_path)
    with pytest.raises(DataError, match=r"made: ended with exit code 134.*made\.log"):
        _ending("import os; os.abort()", tmp_path)


def test_command_that_ends_well_and_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="ended well and made nothing"):
        _ending("print('done')", tmp_path)


def test_stage_that_makes_nothing_to_keep(tmp_path: Path) -> None:
    record = run_stage(
        LoopStage("check", StageKind.COMMAND, ("releases",), lasting=False), tmp_path, ServeOptions(tmp_path / "served")
    )
    assert record.command == "ipm-prefdial releases"
    assert "1.0.0" in (tmp_path / "logs" / "check.log").read_text()


def test_wrong_use_of_a_command_is_told(tmp_path: Path) -> None:
    words = ("build", "--out", "made", "--release", "9.9.9", "--dry-run")
    with pytest.raises(UsageError, match=r"^made: there is no release 9\.9\.9"):
        _run(LoopStage("made", StageKind.COMMAND, words), tmp_path)


def test_checkpoint_that_is_none_starts_nothing(tmp_path: Path) -> None:
    stage = LoopStage(
        "made", StageKind.COMMAND, ("build",), {TrainingTask.PLANNER: LoopCheckpoint(TrainingTask.PLANNER, "sft")}
    )
    with pytest.raises(UsageError, match="no such folder; a checkpoint is served from one"):
        _run(stage, tmp_path)
    assert not (tmp_path / "logs").exists()


@pytest.mark.train
def test_recipe_that_needs_a_gpu_is_refused_before_anything_is_trained(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="needs the [train] extra")
    if torch.accelerator.is_available():
        pytest.skip("there is one")
    (tmp_path / "check.json").write_text('[["--config", "qwen2.5-0.5b-instruct/planner/sft", "--data", "release"]]')
    with pytest.raises(UsageError, match="needs a GPU, and torch sees none here"):
        _run(LoopStage("check", StageKind.CHECK, ("check.json",), lasting=False), tmp_path)

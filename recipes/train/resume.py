"""Finds where an interrupted run can go on."""

import re
import shutil
from pathlib import Path

_STATE = "trainer_state.json"
_STEP = re.compile(r"^checkpoint-(\d+)$")


def last_checkpoint(folder: Path) -> Path | None:
    """The last whole checkpoint in a run's folder, or None.

    The trainer's state is the last file of a checkpoint that is written: without it, the run was stopped while saving.
    """
    whole = [path for path in _checkpoints(folder) if (path / _STATE).is_file()]
    return max(whole, key=step_of, default=None)


def remove_broken(folder: Path) -> None:
    """Removes checkpoints that were not written to their end, which the trainer would take for the newest."""
    for path in _checkpoints(folder):
        if not (path / _STATE).is_file():
            shutil.rmtree(path)


def step_of(checkpoint: Path) -> int:
    """The step that a checkpoint was saved after."""
    found = _STEP.match(checkpoint.name)
    return int(found[1]) if found else 0


def _checkpoints(folder: Path) -> list[Path]:
    return [path for path in folder.glob("checkpoint-*") if path.is_dir() and _STEP.match(path.name)]

"""What is logged while a model trains: as JSON Lines, a picture, and lines or a bar to look at."""

import json
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...schemas.documents import parse_json
from ...schemas.errors import UsageError
from ...schemas.plain_files import read_inside
from ...schemas.writing import write_whole

if TYPE_CHECKING:
    from transformers import TrainerCallback

FILE_NAME = "curves.jsonl"
_LINE_EVERY_S = 15.0

Log = Mapping[str, Any]
"""The figures of one step: `step`, `epoch`, and what the trainer logged."""


def write_curves(folder: Path, history: Sequence[Log]) -> None:
    """Writes every step's figures, a line each, in order; an interrupted run's belong to it as far as it goes on."""
    write_whole(folder / FILE_NAME, "".join(json.dumps(log) + "\n" for log in history))


def read_curves(folder: Path) -> list[dict[str, Any]]:
    """Every step's figures, in order; none where nothing was logged yet."""
    path = folder / FILE_NAME
    try:
        lines = (read_inside(folder, FILE_NAME) or b"").decode().splitlines() if folder.is_dir() else []
        return [parse_json(line, any_numbers=True) for line in lines]
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read: {error}; remove it, and repeat the command") from error


def last_values(history: Sequence[Log]) -> dict[str, float]:
    """The last finite value of everything that was logged."""
    found: dict[str, float] = {}
    for log in history:
        found |= {name: float(one) for name, one in log.items() if isinstance(one, int | float) and isfinite(one)}
    return {name: value for name, value in sorted(found.items()) if name not in ("step", "epoch", "total_flos")}


def curve_callback(folder: Path, tell: Callable[[str], None] | None) -> "TrainerCallback":
    """Writes the curves as they grow, and tells of them in a line now and then.

    Args:
        folder: of the run.
        tell: takes a line; None where a bar shows the same.
    """
    from transformers import TrainerCallback

    class Curves(TrainerCallback):  # type: ignore[misc]  # Transformers has no types of its own
        """Only the first process writes and tells."""

        def __init__(self) -> None:
            self._began = self._told = time.monotonic()
            self._first_step = self._told_step = 0

        def on_train_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            """Remembers where this part of the run begins."""
            self._began, self._first_step = time.monotonic(), state.global_step

        def on_log(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
            """Writes all that was logged so far."""
            if not state.is_world_process_zero:
                return
            write_curves(folder, state.log_history)
            due = time.monotonic() - self._told > _LINE_EVERY_S or state.global_step == state.max_steps
            if tell is not None and due and state.global_step != self._told_step:
                self._told, self._told_step = time.monotonic(), state.global_step
                tell(_line(state, time.monotonic() - self._began, state.global_step - self._first_step))

    return Curves()


def _line(state: Any, seconds: float, steps: int) -> str:
    left = seconds / steps * (state.max_steps - state.global_step) if steps else 0.0
    loss = next((log["loss"] for log in reversed(state.log_history) if "loss" in log), None)
    told = "" if loss is None else f", loss {loss:.4g}"
    return f"step {state.global_step} of {state.max_steps}{told}, {left / 60:.1f} min left"


def on_terminal() -> bool:
    """Whether somebody looks at standard error, so that bars make sense there."""
    return sys.stderr.isatty()

"""Runs one stage: serves the checkpoints that it asks, and its command beside them."""

import sys
import time
from pathlib import Path

from ...schemas.errors import DataError, EndpointError, PrefDialError, UsageError
from ..serving.child import last_lines, started
from ..serving.serve import ServeOptions, serve
from .stages import Stage
from .state import StageRecord

_INTERRUPTED = 130
_KILLED = 137
_PREFIX = "ipm-prefdial: "
_ERRORS: dict[int, type[PrefDialError]] = {1: DataError, 2: UsageError, 3: EndpointError}


def run_stage(stage: Stage, out: Path, serving: ServeOptions, before: tuple[str, ...] = ()) -> StageRecord:
    """Runs a stage to its end; all that it started has ended when this returns, or raises.

    Args:
        stage: that is not done.
        out: the folder of the loop.
        serving: how checkpoints are served.
        before: words that stand before the module in the command, such as those of a launcher.

    Raises:
        DataError: the data, a gate or a budget said no.
        UsageError: a setting is wrong, or the machine is not what the recipe needs.
        EndpointError: a server or a judge's endpoint failed.
        KeyboardInterrupt: the command was interrupted.
    """
    began = time.monotonic()
    checkpoints = {one.name: out / one.folder for one in stage.asks.values()}
    with serve(checkpoints, serving) as served:
        named = {task: served[one.name] for task, one in stage.asks.items()}
        models = [word for task, one in named.items() for word in (f"--{task}", str(one))]
        start = [sys.executable, "-P", *(before or ("-m",)), stage.kind.value]
        with started([*start, *stage.words, *models], out / stage.log, folder=out, keeps=serving.keeps) as child:
            code = child.wait()
    if code:
        raise _failure(stage, code, out / stage.log)
    if stage.lasting and not stage.is_done(out):
        raise DataError(f"{stage.name}: its command ended well and made nothing: see {out / stage.log}")
    return StageRecord(
        command=stage.command,
        models={task.value: f"{one.name}#{one.revision}" for task, one in named.items()},
        seconds=round(time.monotonic() - began, 1),
    )


def _failure(stage: Stage, code: int, log: Path) -> BaseException:
    """What the end of a command means, told by its last line."""
    if code == _INTERRUPTED:
        return KeyboardInterrupt()
    last = " ".join(last_lines(log, 1)).removeprefix(_PREFIX) or "it said nothing"
    if code in _ERRORS and not last.startswith(("Traceback", "File ")):
        return _ERRORS[code](f"{stage.name}: {last}")
    killed = "; it was killed, as happens where memory is full" if code == _KILLED else ""
    return DataError(f"{stage.name}: ended with exit code {code}{killed}: {last[:300]} (all of it: {log})")

"""A stage of the loop: one command, the checkpoints that it asks, and how to see that it is done."""

import fcntl
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pydantic import Field, JsonValue, ValidationError

from ...schemas.base import Frozen
from ...schemas.documents import DocumentError, read_json
from ...schemas.errors import INTERRUPTED, DataError, EndpointError, OutputExistsError, PrefDialError, UsageError
from ...schemas.files import write_whole
from ..catalogue import TrainingTask
from ..runs.record import json_text
from ..serving.child import last_lines, started
from ..serving.serve import ServeOptions, serve

# Where a model is served, which decides nothing of what it answers.
_URL = re.compile(r"@https?://\S+")


class StageKind(StrEnum):
    """The kind of a stage; the value is the module that runs it."""

    TRAIN = "ipm_prefdial.recipes.train.run"
    COMMAND = "ipm_prefdial.builders.cli.main"
    """`build` and `evaluate`, as a user types them: recipes import no builders."""
    CHECK = "ipm_prefdial.recipes.loop.check"


@dataclass(frozen=True)
class LoopCheckpoint:
    """A checkpoint that a training stage makes."""

    task: TrainingTask
    generation: str
    """`sft`, `dpo-1`, `dpo-2` …"""
    fold: int | None = None
    """The fold whose dialogues it was not trained on; None of all that there are."""

    @property
    def folder(self) -> str:
        """Where it is, in the folder of the loop."""
        return f"{self.generation}/{self.task}{self._fold}"

    @property
    def name(self) -> str:
        """Its name at endpoints and in rows."""
        return f"{self.task}-{self.generation}{self._fold}"

    @property
    def _fold(self) -> str:
        return "" if self.fold is None else f"-without-fold-{self.fold}"


@dataclass(frozen=True)
class LoopStage:
    """One command; all paths are those in the folder of the loop, where it runs."""

    name: str
    """Also the folder of what it makes."""
    kind: StageKind
    words: tuple[str, ...]
    """The arguments of the command, without the served models."""
    asks: Mapping[TrainingTask, LoopCheckpoint] = field(default_factory=dict)
    """The checkpoints that are served while it runs, by task; they are arguments of the command."""
    lasting: bool = True
    """Whether it makes a folder."""

    @property
    def log(self) -> str:
        return f"logs/{self.name.replace('/', '-')}.log"

    @property
    def command(self) -> str:
        """The command for people to read; models and files elsewhere appear by name."""
        start = "ipm-prefdial" if self.kind is StageKind.COMMAND else f"python -m {self.kind}"
        asked = [f"--{task} {checkpoint.name}" for task, checkpoint in self.asks.items()]
        words = (Path(word).name if Path(word).is_absolute() else _URL.sub("", word) for word in self.words)
        return " ".join([start, *words, *asked])

    def is_done(self, out: Path) -> bool:
        """Whether what it makes is there, whole: each command writes the file that says so last."""
        folder = out / self.name
        if self.kind is StageKind.COMMAND:
            return any((folder / name).is_file() for name in ("manifest.json", "evaluation.json"))
        try:
            return bool(read_json(folder / "run.json", folder)["state"] == "done")
        except (OSError, ValueError, KeyError, TypeError):
            return False


# What is remembered of a loop between two runs of its command: which loop it is, and what its stages took.
#
# Whether a stage is done is seen from what it makes, which is there whole or not at all; so a run that is killed
# between the end of a stage and its note here loses the note alone.


FILE_NAME = "state.json"
_LOCK = "mine.lock"
_PAUSE_S = 0.5


class StageRecord(Frozen):
    """The record of a finished stage."""

    command: str
    """The command, with paths in the folder of the loop."""
    models: dict[str, str] = Field(default_factory=dict)
    """By task, the name and revision of the checkpoint that was served for it."""
    seconds: float | None = None
    """From start to end, servers included, of the run in which it ended; null where that run was killed just then."""


class State(Frozen):
    """The contents of the file."""

    wanted: dict[str, JsonValue]
    """Everything that decides the loop."""
    stages: dict[str, StageRecord] = Field(default_factory=dict)
    """The stages that are done, by name."""


def open_state(out: Path, wanted: dict[str, JsonValue]) -> State:
    """The state of the loop in a folder; a new one where the folder is new or empty.

    Raises:
        OutputExistsError: the folder holds another loop, or something else.
        UsageError: it cannot be written, or its state file is damaged.
    """
    path = out / FILE_NAME
    try:
        if not path.exists():
            if out.exists() and (not out.is_dir() or any(out.iterdir())):
                raise OutputExistsError(f"{out}: exists already and is not a mining loop; choose another --out")
            out.mkdir(parents=True, exist_ok=True)
            state = State(wanted=wanted)
            write_state(out, state)
            return state
        state = State.model_validate(read_json(path, out))
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise UsageError(f"{path}: damaged: {first['msg']}; remove the folder to begin anew") from error
    except DocumentError as error:
        raise UsageError(f"{path}: damaged: {error}; remove the folder to begin anew") from error
    except OSError as error:
        raise UsageError(f"{out}: cannot be written: {error.strerror}; choose another --out") from error
    if changed := sorted(name for name in state.wanted.keys() | wanted if state.wanted.get(name) != wanted.get(name)):
        raise OutputExistsError(
            f"{out}: holds another loop: {', '.join(changed)} differ{'s' if len(changed) == 1 else ''}; choose another "
            "--out, or remove it"
        )
    return state


def write_state(out: Path, state: State) -> None:
    """Writes the state, whole or not at all."""
    write_whole(out / FILE_NAME, json_text(state.model_dump(mode="json")))


@contextmanager
def locked(out: Path, wait_s: float) -> Iterator[int]:
    """Holds the folder's lock while the context lasts; gives the open file, for children to hold it as well.

    The children of a run that was killed end soon afterwards, and hold its lock until then.

    Args:
        out: the folder of the loop.
        wait_s: seconds that the lock is waited for.

    Raises:
        UsageError: another process still holds it then.
    """
    until = time.monotonic() + wait_s
    with (out / _LOCK).open("ab") as handle:
        while True:
            try:
                # The system releases this lock when the last holder ends, so a killed run leaves no stale lock file.
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > until:
                    raise UsageError(
                        f"{out}: another process is at work there: wait until it ends, or choose another --out"
                    ) from None
                time.sleep(_PAUSE_S)
        yield handle.fileno()


# Runs one stage: serves the checkpoints that it asks, and its command beside them.


# The shell's exit code for a killed command: 128 + SIGKILL.
_KILLED = 137
_PREFIX = "ipm-prefdial: "
_ERRORS: dict[int, type[PrefDialError]] = {1: DataError, 2: UsageError, 3: EndpointError}


def run_stage(stage: LoopStage, out: Path, serving: ServeOptions, before: tuple[str, ...] = ()) -> StageRecord:
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
        # -P keeps the current folder off the module path: a file there could shadow a library.
        start = [sys.executable, "-P", *(before or ("-m",)), stage.kind.value]
        with started([*start, *stage.words, *models], out / stage.log, folder=out, keeps=serving.keeps) as child:
            code = child.wait()
    if code:
        raise _failure(stage, code, out / stage.log)
    # An exit code of 0 is what the command says; only the files say what it did.
    if stage.lasting and not stage.is_done(out):
        raise DataError(f"{stage.name}: its command ended well and made nothing: see {out / stage.log}")
    return StageRecord(
        command=stage.command,
        models={task.value: f"{one.name}#{one.revision}" for task, one in named.items()},
        seconds=round(time.monotonic() - began, 1),
    )


# The error that the exit code and the last line of a command mean.
def _failure(stage: LoopStage, code: int, log: Path) -> BaseException:
    if code == INTERRUPTED:
        return KeyboardInterrupt()
    last = " ".join(last_lines(log, 1)).removeprefix(_PREFIX) or "it said nothing"
    # The commands' own exit codes say which kind of error it was; a traceback means that the code means nothing.
    if code in _ERRORS and not last.startswith(("Traceback", "File ")):
        return _ERRORS[code](f"{stage.name}: {last}")
    killed = "; it was killed, as happens where memory is full" if code == _KILLED else ""
    return DataError(f"{stage.name}: ended with exit code {code}{killed}: {last[:300]} (all of it: {log})")

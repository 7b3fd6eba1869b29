"""What is remembered of a loop between two runs of its command: which loop it is, and what its stages took.

Whether a stage is done is seen from what it makes, which is there whole or not at all; so a run that is killed between
the end of a stage and its note here loses the note alone.
"""

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import Field, JsonValue, ValidationError

from ...schemas.base import Frozen
from ...schemas.documents import DocumentError, read_json
from ...schemas.errors import OutputExistsError, UsageError
from ...schemas.writing import write_whole
from ..train.record import json_text

FILE_NAME = "state.json"
_LOCK = "mine.lock"
_PAUSE_S = 0.5


class StageRecord(Frozen):
    """What a stage took."""

    command: str
    """The command, with paths in the folder of the loop."""
    models: dict[str, str] = Field(default_factory=dict)
    """By task, the name and revision of the checkpoint that was served for it."""
    seconds: float | None = None
    """From start to end, servers included, of the run in which it ended; null where that run was killed just then."""


class State(Frozen):
    """The contents of the file."""

    wanted: dict[str, JsonValue]
    """What decides the loop."""
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
                raise OutputExistsError(f"{out}: exists already and is no mining loop; choose another --out")
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
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > until:
                    raise UsageError(
                        f"{out}: another process is at work there: wait until it ends, or choose another --out"
                    ) from None
                time.sleep(_PAUSE_S)
        yield handle.fileno()

"""A command in the background: its output goes to a log, and it ends with the process that started it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from ...schemas.errors import UsageError
from .guard import GRACE_S

_GUARD = "ipm_prefdial.recipes.serving.guard"
_TAIL = 64 << 10


@dataclass(frozen=True)
class Child:
    """A command that was started."""

    process: "subprocess.Popen[bytes]"
    """Its guard; see `guard`."""
    log: Path
    """What the command writes to standard output and error."""

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self.process.poll()

    def wait(self) -> int:
        """The exit code, once the command has ended."""
        return self.process.wait()

    def stop(self) -> None:
        """Ends the command if it still runs, and returns when it has ended."""
        assert self.process.stdin is not None, "it was started with a pipe"
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(GRACE_S + 5)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextmanager
def started(
    command: Sequence[str],
    log: Path,
    *,
    folder: Path,
    environ: Mapping[str, str] | None = None,
    keeps: Sequence[int] = (),
) -> Iterator[Child]:
    """Runs a command while the context lasts.

    Args:
        command: and its arguments.
        log: is begun anew.
        folder: that the command runs in.
        environ: variables besides those of this process.
        keeps: open files that stay open until the command has ended, such as one that holds a lock.

    Raises:
        UsageError: the log cannot be written.
    """
    guard = [sys.executable, "-P", "-m", _GUARD, *command]
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        file = log.open("wb")
    except OSError as error:
        raise UsageError(f"{log}: cannot be written: {error.strerror}") from error
    with file:
        process = subprocess.Popen(
            guard,
            cwd=folder,
            env={**os.environ, **(environ or {})},
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=subprocess.STDOUT,
            # A group of its own, so that what the command starts in turn can be ended with it.
            start_new_session=True,
            pass_fds=tuple(keeps),
        )
    child = Child(process, log)
    try:
        yield child
    finally:
        child.stop()


def last_lines(log: Path, most: int) -> list[str]:
    """The last lines of a log that are not blank; none where there is no log."""
    try:
        with log.open("rb") as file:
            # A server's log may be long, and only its end is shown.
            file.seek(max(0, log.stat().st_size - _TAIL))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()][-most:]

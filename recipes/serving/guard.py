"""Runs a command that ends with the process that started it: `python -m ipm_prefdial.recipes.serving.guard COMMAND …`.

It is started as the head of a process group of its own, and its standard input is a pipe that its parent holds open.
When the pipe closes, because the parent closes it or is gone, the command and all that it started in the group is asked
to end, and killed if it does not. What remains: nothing ends the command where the guard itself is killed first, or
where the command moves its own children into another group.
"""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from types import FrameType

GRACE_S = 10.0
"""Seconds from the request to end to the kill."""


def main(command: Sequence[str] | None = None) -> int:
    """Runs the command to its end, and gives its exit code; 128 and more where a signal ended it."""
    # A handler, and not SIG_IGN, which the command would inherit; the guard outlives what it sends to its group.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stay)
    child = subprocess.Popen(sys.argv[1:] if command is None else command, stdin=subprocess.DEVNULL)
    alone = threading.Event()
    threading.Thread(target=_end_with_parent, args=(alone,), daemon=True).start()
    code = child.wait()
    # What the command left behind; where no process waits for an exit code, it and the guard are killed together.
    os.killpg(0, signal.SIGKILL if alone.is_set() else signal.SIGTERM)
    return code if code >= 0 else 128 - code


def _stay(number: int, frame: FrameType | None) -> None:
    """Ignores signals that are meant for the command, so that they do not end the guard."""


def _end_with_parent(alone: threading.Event) -> None:
    # Past Python's buffer, whose lock would be held when the process ends.
    while os.read(0, 1):
        pass
    alone.set()
    os.killpg(0, signal.SIGTERM)
    threading.Event().wait(GRACE_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())

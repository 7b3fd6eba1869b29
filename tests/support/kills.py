"""Kills a process at a call that it makes to a server, as nothing else could time it."""

import os
import signal
from collections.abc import Callable


def kill_at(
    name: str, number: int, pid_of: Callable[[], int], by: signal.Signals = signal.SIGKILL
) -> Callable[[str], None]:
    """What a server is to be told its calls by: at the `number`th call of this name, the process gets the signal."""
    left = number

    def look(called: str) -> None:
        nonlocal left
        if called == name:
            left -= 1
            if not left:
                os.kill(pid_of(), by)

    return look

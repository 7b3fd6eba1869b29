"""An event loop whose clock jumps to the next timer: minutes pass in no time, and always the same way."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

_TICK_S = 1e-6


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: what it would have waited is added to `now`."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready: list[tuple[selectors.SelectorKey, int]] = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("everybody waits for something that no timer will bring")
            # Real clocks move on between two looks at them; code that asks twice relies on it.
            self.now += max(timeout, _TICK_S)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time; for code that waits for timers only, not for threads or sockets."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Seconds since the loop was made, as the timers count."""
        return self._jumping.now


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns, run to its end in virtual time."""
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        loop.close()

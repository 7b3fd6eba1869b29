"""Standard output that may be closed before the command is done, as `| head` does: what comes after goes nowhere.

The verb does its work to the end all the same, and its exit code says what it found. To stop there instead, as most
filters do, would let a `diff` or a `validate` end without an answer, or with one that nobody gave.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any


class Output:
    """Text goes to `inner` as long as somebody reads there."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._is_closed = inner is None

    def write(self, text: str) -> int:
        """Writes the text, or lets it go where there is no reader."""
        with self._unless_closed():
            self._inner.write(text)
        return len(text)

    def flush(self) -> None:
        """Sends what was written."""
        with self._unless_closed():
            self._inner.flush()

    @contextmanager
    def _unless_closed(self) -> Iterator[None]:
        if self._is_closed:
            with suppress(Exception):
                yield
            return
        try:
            yield
        except BrokenPipeError:
            self._is_closed = True
            # What is left in its buffer would break the pipe again when the interpreter ends.
            with suppress(OSError, ValueError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, self._inner.fileno())
                os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


@contextmanager
def output() -> Iterator[Output]:
    """Standard output as such, as long as the block lasts."""
    before = sys.stdout
    found = Output(before)
    sys.stdout = found
    try:
        yield found
    finally:
        found.flush()
        sys.stdout = before

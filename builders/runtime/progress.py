"""Progress of long commands: one protocol, one silent implementation, one display for all commands."""

import time
from typing import Any, Protocol, Self

from ...schemas.escape import visible

# Without a terminal, a line now and then shows that the command is alive without filling the log.
_LINE_EVERY_S = 15.0


class Progress(Protocol):
    """Follows the stages of a command: a terminal shows them, a test counts them."""

    def stage(self, name: str, total: int | None) -> None:
        """A new stage begins, of `total` steps where that is known."""
        ...

    def advance(self, note: str = "", steps: int = 1) -> None:
        """So many steps of the stage are done; `note` says what the models did so far."""
        ...


class NoProgress:
    """Shows nothing."""

    def stage(self, name: str, total: int | None) -> None: ...

    def advance(self, note: str = "", steps: int = 1) -> None: ...


class ProgressDisplay:
    """Shows the stages on standard error: a bar on a terminal, plain lines now and then elsewhere.

    Args:
        quiet: show nothing, as with `--json`.
    """

    def __init__(self, *, quiet: bool) -> None:
        from rich.console import Console  # slow to import, and a library call shows no progress

        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
        self._bar = None if quiet or not self._console.is_terminal else _bar(self._console)
        self._task: Any = None
        self._name, self._total, self._done, self._printed_at = "", 0, 0, 0.0

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def stage(self, name: str, total: int | None) -> None:
        """Begins a stage: a new bar, or a line with its name."""
        self._name, self._total, self._done, self._printed_at = name, total or 0, 0, time.monotonic()
        if self._bar is not None:
            if self._task is not None:
                self._bar.update(self._task, visible=False)
            self._task = self._bar.add_task(name, total=total, note="")
        elif not self._quiet:
            self._console.print(f"{name}{'' if total is None else f' ({total})'} …")

    def advance(self, note: str = "", steps: int = 1) -> None:
        """Moves the bar, with `note` behind it; without a terminal prints a line every quarter of a minute."""
        self._done += steps
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=steps, note=visible(note))
        elif not self._quiet and time.monotonic() - self._printed_at > _LINE_EVERY_S:
            self._printed_at = time.monotonic()
            self._console.print(f"{self._name}: {self._done} of {self._total}{f', {visible(note)}' if note else ''}")


def _bar(console: Any) -> Any:
    from rich import progress

    return progress.Progress(
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(),
        progress.TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
    )

"""Shows the stages of an evaluation: a bar on a terminal, a line a stage elsewhere."""

from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)


class StageProgress:
    """The stages, on standard error; nothing where `quiet`."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
        self._live = None if quiet or not self._console.is_terminal else _bar(self._console)
        self._task: TaskID | None = None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def stage(self, name: str, total: int | None) -> None:
        """A new stage begins."""
        if self._live is not None:
            if self._task is not None:
                self._live.update(self._task, visible=False)
            self._task = self._live.add_task(name, total=total, note="")
        elif not self._quiet:
            self._console.print(f"{name}{'' if total is None else f' ({total})'} …")

    def advance(self, note: str = "") -> None:
        """One step is done; `note` stands behind the bar."""
        if self._live is not None and self._task is not None:
            self._live.update(self._task, advance=1, note=note)


def _bar(console: Console) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=console,
        transient=True,
    )

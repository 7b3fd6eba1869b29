"""What the command prints: tables and bars on a terminal, plain lines elsewhere, JSON for machines.

Everything that is printed goes through here, so that no control byte of a source, a file name or an error body reaches
the terminal.
"""

import json
import logging
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

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
from rich.table import Table

from ...schemas.escape import visible, visible_json
from ...schemas.measures import Interval

_WIDTH_OF_FILES = 140
_LINE_EVERY_S = 15.0

console = Console(highlight=False, soft_wrap=True)
if not console.is_terminal:
    console.width = _WIDTH_OF_FILES  # a log or a pipe has no edge to wrap at
_errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def say(text: str = "") -> None:
    """A line of plain text."""
    console.print(visible(text), markup=False)


def say_json(value: Any) -> None:
    """A value as JSON on standard output, for machines."""
    sys.stdout.write(visible_json(json.dumps(value, indent=1, ensure_ascii=False)) + "\n")


class LogFormatter(logging.Formatter):
    """Writes log records without control bytes."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one text."""
        return visible(super().format(record))


def say_error(text: str, *, as_json: bool, exit_code: int) -> None:
    """Why the command failed, on standard error; as JSON on standard output where that was asked for."""
    if as_json:
        say_json({"error": text, "exit_code": exit_code})
    _errors.print(f"ipm-prefdial: {visible(text)}")


def say_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table; every column but the first is aligned to the right where it holds numbers."""
    table = Table(title=title, title_justify="left", title_style="bold")
    lines = [[visible(str(cell)) for cell in row] for row in rows]
    for number, name in enumerate(columns):
        numeric = all(line[number].replace(".", "").strip("–").isdigit() or line[number] == "–" for line in lines)
        table.add_column(name, justify="right" if number and lines and numeric else "left", overflow="fold")
    for line in lines:
        table.add_row(*line)
    console.print(table)


def told_interval(interval: Interval) -> str:
    """A measured value with its interval and what it is made of, short enough for a line."""
    if interval.value is None:
        return "–"
    span = "" if interval.low is None else f" [{interval.low:.2f}, {interval.high:.2f}]"
    return f"{interval.value:.2f}{span} n={interval.n}"


class Bars:
    """Shows a build's stages: bars with what the models did on a terminal, a line now and then elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._live = None if quiet or not _errors.is_terminal else _bars()
        self._task: TaskID | None = None
        self._name, self._total, self._done, self._said = "", 0, 0, 0.0

    def __enter__(self) -> "Bars":
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def stage(self, name: str, total: int | None) -> None:
        """A new stage begins."""
        self._name, self._total, self._done, self._said = name, total or 0, 0, time.monotonic()
        if self._live is not None:
            if self._task is not None:
                self._live.update(self._task, visible=False)
            self._task = self._live.add_task(name, total=total, note="")
        elif not self._quiet:
            _errors.print(f"{name}{'' if total is None else f' ({total})'} …")

    def advance(self, note: str = "", steps: int = 1) -> None:
        """So many steps are done; `note` stands behind the bar."""
        self._done += steps
        if self._live is not None and self._task is not None:
            self._live.update(self._task, advance=steps, note=visible(note))
        elif not self._quiet and time.monotonic() - self._said > _LINE_EVERY_S:
            self._said = time.monotonic()
            _errors.print(f"{self._name}: {self._done} of {self._total}{f', {visible(note)}' if note else ''}")


def _bars() -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=_errors,
        transient=True,
    )

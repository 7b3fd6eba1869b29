"""The output of commands: tables on a terminal, plain lines elsewhere, JSON for machines.

Everything that is printed goes through here, so that no control byte of a source, a file name or an error body reaches
the terminal.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from ...schemas.errors import UsageError
from ...schemas.escape import visible, visible_json
from ...schemas.measures import Interval
from ..release.read import local_release
from ..sources.hub import HUB_ID, download

_WIDTH_OF_FILES = 140

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


def format_interval(interval: Interval) -> str:
    """A measured value with its interval and what it is made of, short enough for a line."""
    if interval.value is None:
        return "–"
    span = "" if interval.low is None else f" [{interval.low:.2f}, {interval.high:.2f}]"
    return f"{interval.value:.2f}{span} n={interval.n}"


# Where a release is, a folder or a repo of the Hub at a revision, and where work on it is done.


def add_place(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """Adds the argument that names a release, and `--json`."""
    count = "?" if optional else None
    parser.add_argument(
        "place", metavar="DIR_OR_REPO[@REV]", nargs=count, help="a release folder, or ORG/NAME@TAG on the Hub"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for machines")


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Adds the argument that says where a release is read and measured."""
    parser.add_argument(
        "--engine",
        metavar="local|ray[:ADDRESS]",
        default="local",
        help="where the work is done: here, or in parts on a Ray cluster (the extra `ray`) whose nodes see the folder",
    )


def local_folder(place: str | None) -> Path:
    """The folder of a release; one on the Hub is downloaded to the Hub client's cache.

    Raises:
        UsageError: nothing is named, or it is neither a folder nor a release on the Hub that one may read.
        EndpointError: the Hub cannot be reached.
    """
    if not place:
        raise UsageError("name a release: a folder, or ORG/NAME@TAG on the Hub")
    quieten_hub()
    return local_release(place)


def dataset_folder(place: str) -> Path:
    """The same for any dataset, release or not: all of it is downloaded.

    Raises:
        SourceError: there is no such dataset that one may read.
        EndpointError: the Hub cannot be reached.
    """
    if Path(place).exists() or not HUB_ID.match(place):
        return Path(place)
    quieten_hub()
    return download(place).folder


def quieten_hub(*, always: bool = False) -> None:
    """The Hub's client draws its bars on a terminal only, and there not either where `always` is said."""
    # Set before the client is imported, which is slow and needed for names on the Hub alone.
    if always or not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

"""`ipm-prefdial diff OLD NEW`: what differs between two releases, and does the new version's number say so?"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from ...schemas.diff import ConfigDiff, Diff, Presence, RowChange, RowDiff
from ...schemas.escape import visible_json
from ..cluster.engine import parse_engine
from ..cluster.parts import apart_on
from ..release.read import Release
from .places import add_engine, local_folder
from .show import say, say_table

MOST = 50

_Lines = Iterable[tuple[object, ...]]


def add_to(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("diff", help="tell the rows that differ between two releases, and the version they need")
    for name, what in (("old", "earlier"), ("new", "later")):
        parser.add_argument(
            name, metavar=name.upper(), help=f"the {what} release: a folder, or ORG/NAME@TAG on the Hub"
        )
    parser.add_argument("--rows", action="store_true", help="list the rows that differ, those that break most first")
    parser.add_argument(
        "--most", type=_positive, default=MOST, metavar="N", help=f"rows that --rows lists, at most ({MOST})"
    )
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    add_engine(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Compares; 1 where the new version's number does not fit."""
    from ..release.diff.run import diff_releases  # numpy is slow to import

    engine = parse_engine(options.engine)
    old, new = (Release(engine.place(local_folder(place))) for place in (options.old, options.new))
    with apart_on(engine, (old.root, new.root)) as apart:
        found = diff_releases(old, new, most=options.most if options.rows else 0, apart=apart)
    if options.json:
        sys.stdout.write(visible_json(found.model_dump_json(indent=1)) + "\n")
    else:
        _show(found)
    return 0 if found.fits else 1


def _positive(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows from 1")
    return number


def _show(diff: Diff) -> None:
    """Tables of what differs, then why that needs which version."""
    for title, columns, lines in _tables(diff):
        if told := list(lines):
            say_table(title, columns, told)
    same = [one.config for one in diff.configs if not one.differs]
    if same:
        say(f"No row differs in {', '.join(same)}.")
    if diff.rows_left_out:
        say(f"{diff.rows_left_out} more rows differ: raise --most to see them.")
    for reason in diff.reasons:
        say(str(reason))
    say(diff.verdict)


def _tables(diff: Diff) -> Iterator[tuple[str, tuple[str, ...], _Lines]]:
    differing = [one for one in diff.configs if one.differs]
    columns = ("config", "split", "old", "new", "added", "gone", "changed", "moved in", "moved out")
    yield f"Rows, {diff.old} → {diff.new}", columns, _count_lines(differing)
    yield "Changed cells", ("config", "split", "column", "rows"), _cell_lines(differing)
    yield "Columns", ("config", "column", "old", "new"), _column_lines(differing)
    yield "Rows that differ", ("config", "split", "row", "what", "columns"), map(_row_line, diff.rows)


def _count_lines(configs: Iterable[ConfigDiff]) -> Iterator[tuple[object, ...]]:
    for config in configs:
        for one in config.splits:
            if one.differs or one.presence is not Presence.BOTH:
                counts = (one.added, one.gone, one.changed, one.moved_in, one.moved_out)
                yield config.config, one.split, one.old, one.new, *(count or "–" for count in counts)


def _cell_lines(configs: Iterable[ConfigDiff]) -> Iterator[tuple[object, ...]]:
    for config in configs:
        for split in config.splits:
            yield from ((config.config, split.split, column, rows) for column, rows in split.columns.items())


def _column_lines(configs: Iterable[ConfigDiff]) -> Iterator[tuple[object, ...]]:
    for config in configs:
        yield from ((config.config, one.column, one.old or "–", one.new or "–") for one in config.columns)


def _row_line(row: RowDiff) -> tuple[object, ...]:
    what = f"moved from {row.moved_from}" if row.what is RowChange.MOVED else row.what
    return row.config, row.split, row.row_id or "–", what, ", ".join(row.columns) or "–"

"""`ipm-prefdial card DIR`: the views of a release again, from its files."""

import argparse
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from ...cards.tables import loadable
from ...schemas.diff import ConfigDiff, Diff, Presence, RowChange, RowDiff
from ...schemas.escape import visible_json
from ...schemas.study import STUDY_FILE as VALIDATION
from ..building.rebuild import verify_release
from ..distributed.connection import parallel_map_on
from ..release.changelog import changelog_of, changelog_text
from ..release.diff.run import diff_releases
from ..release.findings import RULES
from ..release.layout import CARD, CHANGELOG
from ..release.parts import validation_text
from ..release.read import Release
from ..release.refresh import refresh_views
from ..release.validate import MOST_FINDINGS, validate_release
from ..release.write import check_writable, disk_errors
from ..runtime.environment import parse_engine
from ..sources.hub import HUB_ID
from .show import add_engine, add_place, local_folder, say, say_json, say_table


def add_card(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("card", help="regenerate README.md and the other views from the files")
    parser.add_argument("folder", metavar="DIR", type=Path, help="a release folder")
    parser.add_argument(
        "--repo", metavar="ORG/NAME", type=_repo, help="the repo it will be published in, for the loading examples"
    )
    parser.add_argument(
        "--since",
        metavar="DIR_OR_REPO[@REV]",
        help=f"the version before: {CHANGELOG} goes on from there, and tells what differs",
    )
    parser.add_argument(
        "--validation",
        metavar="FILE",
        type=Path,
        help="the validation.json of `recipe run validate-release` over this release: it goes into it, onto the card",
    )
    parser.set_defaults(run=_run_card)


# Writes the views, and the manifest that knows their new digests.
def _run_card(options: argparse.Namespace) -> int:
    release = Release(options.folder)
    check_writable(release.root)
    with disk_errors(options.folder):
        refresh_views(release.root, _texts(release, options), repo=options.repo)
    say(f"wrote {options.folder / CARD}")
    return 0


# What the command brings into the release.
def _texts(release: Release, options: argparse.Namespace) -> dict[str, str]:
    texts = {}
    if options.since is not None:
        texts[CHANGELOG] = _changelog(release, Release(local_folder(options.since)))
    if options.validation is not None:
        texts[VALIDATION] = validation_text(release, options.validation)
    return texts


# The changelog of the version before, with an entry for this one on top.
def _changelog(release: Release, earlier: Release) -> str:
    told = changelog_text(earlier.root, earlier.manifest)
    return changelog_of(release.manifest, diff_releases(earlier, release), told)


def _repo(text: str) -> str:
    if not HUB_ID.match(text) or "@" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is not a name of a dataset on the Hub: give ORG/NAME")
    return text


# `ipm-prefdial diff OLD NEW`: what differs between two releases, and does the new version's number say so?


_MOST_ROWS = 50

_Lines = Iterable[tuple[object, ...]]


def add_diff(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser(
        "diff", help="list the rows that differ between two releases, and the version number that this requires"
    )
    for name, what in (("old", "earlier"), ("new", "later")):
        parser.add_argument(
            name, metavar=name.upper(), help=f"the {what} release: a folder, or ORG/NAME@TAG on the Hub"
        )
    parser.add_argument("--rows", action="store_true", help="list the rows that differ, those that break most first")
    parser.add_argument(
        "--most",
        type=_positive,
        default=_MOST_ROWS,
        metavar="N",
        help=f"rows that --rows lists, at most ({_MOST_ROWS})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON for machines")
    add_engine(parser)
    parser.set_defaults(run=_run_diff)


# Compares; 1 where the new version's number does not fit.
def _run_diff(options: argparse.Namespace) -> int:
    from ..release.diff.run import diff_releases  # numpy is slow to import

    engine = parse_engine(options.engine)
    old, new = (Release(engine.place(local_folder(place))) for place in (options.old, options.new))
    with parallel_map_on(engine, (old.root, new.root)) as parallel:
        found = diff_releases(old, new, most=options.most if options.rows else 0, parallel=parallel)
    if options.json:
        sys.stdout.write(visible_json(found.model_dump_json(indent=1)) + "\n")
    else:
        _show(found)
    return 0 if found.fits else 1


def _positive(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of rows from 1")
    return number


# Tables of what differs, then why that needs which version.
def _show(diff: Diff) -> None:
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


# `ipm-prefdial validate DIR_OR_REPO[@REV]`: does the release keep its promises?


def add_validate(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("validate", help="check every row of every config, and every guarantee of a release")
    add_place(parser, optional=True)
    parser.add_argument("--rules", action="store_true", help="explain each rule, and exit")
    add_engine(parser)
    parser.set_defaults(run=_run_validate)


# Validates; 1 where a promise is broken.
def _run_validate(options: argparse.Namespace) -> int:
    if options.rules:
        say_table("Rules", ("rule", "what holds"), RULES.items())
        return 0
    engine = parse_engine(options.engine)
    release = Release(engine.place(local_folder(options.place)))
    with parallel_map_on(engine, (release.root,)) as parallel:
        findings = list(islice(validate_release(release, parallel), MOST_FINDINGS + 1))
    rows = sum(record.rows or 0 for record in release.manifest.files.values())
    filled = loadable(release.manifest)
    empty = [config.value for config in release.configs if config not in filled]
    if options.json:
        say_json(
            {
                "clean": not findings,
                "rows": rows,
                "findings": [one.model_dump() for one in findings[:MOST_FINDINGS]],
                "configs_without_rows": empty,
            }
        )
        return 1 if findings else 0
    for one in findings[:MOST_FINDINGS]:
        say(str(one))
    more = f"{MOST_FINDINGS} and more" if len(findings) > MOST_FINDINGS else str(len(findings))
    say(f"{more} findings in {rows} rows" if findings else f"valid: {rows} rows keep {len(RULES)} rules")
    if empty:
        # The promises hold, which says nothing of whether there is anything to train on.
        say(f"without a row, so that `load_dataset` refuses them: {', '.join(empty)}")
    return 1 if findings else 0


# `ipm-prefdial verify DIR`: is the release what its own records give?


_MOST_DIFFERENCES = 50


def add_verify(verbs: Any) -> None:
    """Adds the verb to the command."""
    parser = verbs.add_parser("verify", help="rebuild offline from the recorded completions, and compare every byte")
    add_place(parser)
    parser.set_defaults(run=_run_verify)


def _run_verify(options: argparse.Namespace) -> int:
    found = verify_release(local_folder(options.place))
    if options.json:
        differences = [one.model_dump() for one in found.differences]
        say_json(
            {"clean": found.clean, "rows": found.rows, "other_writer": found.other_writer, "differences": differences}
        )
        return 0 if found.clean else 1
    for one in found.differences[:_MOST_DIFFERENCES]:
        say(str(one))
    if len(found.differences) > _MOST_DIFFERENCES:
        say(f"… and {len(found.differences) - _MOST_DIFFERENCES} more")
    if found.other_writer is not None:
        say(f"the tables were written by {found.other_writer}, another writer than here: rows were compared, not bytes")
    how = "every byte" if found.other_writer is None else "every row"
    say(
        f"verified: {found.rows} rows rebuilt, {how} is the same"
        if found.clean
        else f"{len(found.differences)} differences"
    )
    return 0 if found.clean else 1

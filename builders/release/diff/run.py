"""Compares two releases, and derives the version step that the difference needs.

Both are read once, a config at a time. Files that are byte for byte in both are not parsed; every other row is reduced
to digests on disk (see `_store`). Memory is about 100 bytes a row of the largest config.

Rows are the interface of a release. MAJOR: a row, column, split or config that a user had is gone or changed. MINOR:
all of them are as they were, and there are more. PATCH: the same rows in other bytes, or other files beside them.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from ....schemas.config import Config
from ....schemas.diff import ColumnDiff, ConfigDiff, Diff, FileDiff, Presence, Reason, RowChange
from ....schemas.spec import Bump, Version, largest
from ...runtime.environment import ParallelMap
from ..layout import config_and_split
from ..read import Release
from ._compare import ConfigComparison, ConfigResult
from ._store import same_bytes

# Files or columns that one reason names.
_MOST_NAMES = 5
_LARGEST_FIRST = (Bump.MAJOR, Bump.MINOR, Bump.PATCH)


def diff_releases(old: Release, new: Release, *, most: int = 0, parallel: ParallelMap | None = None) -> Diff:
    """What differs between two releases, the step of the version that it needs, and whether the new one's number fits.

    Args:
        old: the earlier release.
        new: the later release.
        most: the number of differing rows to list, at most.
        parallel: compares configs in other processes; None compares one after the other in this one.

    Raises:
        DataError: a file of either release is missing or damaged; the message names both.
        UsageError: a version is malformed, or the disk has no room for the digests.
    """
    before, after = Version.of(old.manifest.version), Version.of(new.manifest.version)
    configs = [config for config in Config if old.files(config) or new.files(config)]
    found = [*(parallel or map)(partial(_compare_config, old, new, most), configs)]
    rewritten = tuple(name for one in found for name in one.rewritten)
    files = tuple(_other_files(old, new))
    reasons = find_reasons([one.diff for one in found], rewritten, files)
    needs = largest(reason.needs for reason in reasons)
    # `RowChange` lists the kinds of change by how much they break.
    worst_first = list(RowChange)
    rows = sorted((row for one in found for row in one.rows), key=lambda row: worst_first.index(row.what))[:most]
    return Diff(
        old=str(before),
        new=str(after),
        needs=needs,
        states=before.bump_to(after),
        fits=before.allows(after, needs),
        smallest=str(before.after(needs)),
        reasons=reasons,
        configs=tuple(one.diff for one in found),
        rewritten=rewritten,
        files=files,
        rows=tuple(rows),
        rows_left_out=sum(one.differing for one in found) - len(rows) if most else 0,
    )


def _compare_config(old: Release, new: Release, most: int, config: Config) -> ConfigResult:
    return ConfigComparison(old, new, config).compare(most)


# Other files than tables that differ, by name.
def _other_files(old: Release, new: Release) -> Iterator[FileDiff]:
    before, after = ({name for name in one.manifest.files if config_and_split(name) is None} for one in (old, new))
    for name in sorted(before | after):
        if name not in after:
            yield FileDiff(file=name, presence=Presence.GONE)
        elif name not in before:
            yield FileDiff(file=name, presence=Presence.ADDED)
        elif not same_bytes(old.root / name, new.root / name):
            yield FileDiff(file=name, presence=Presence.BOTH)


def find_reasons(
    configs: Iterable[ConfigDiff], rewritten: tuple[str, ...], files: tuple[FileDiff, ...]
) -> tuple[Reason, ...]:
    """Every reason for a version step, the largest step first."""
    reasons = [reason for config in configs for reason in _config_reasons(config)]
    if rewritten:
        what = f"the same rows in other bytes: {_list_names(rewritten)}"
        reasons.append(Reason(needs=Bump.PATCH, config=None, what=what))
    for presence, words in ((Presence.BOTH, "changed"), (Presence.ADDED, "added"), (Presence.GONE, "gone")):
        if names := [one.file for one in files if one.presence is presence]:
            reasons.append(Reason(needs=Bump.PATCH, config=None, what=f"files {words}: {_list_names(names)}"))
    return tuple(sorted(reasons, key=lambda reason: _LARGEST_FIRST.index(reason.needs)))


def _config_reasons(config: ConfigDiff) -> Iterator[Reason]:
    if config.presence is Presence.GONE:
        yield Reason(
            needs=Bump.MAJOR, config=config.config, what=f"the config is gone ({_count_rows(config.total('old'))})"
        )
        return
    if config.presence is Presence.ADDED:
        yield Reason(needs=Bump.MINOR, config=config.config, what=f"a new config ({_count_rows(config.total('new'))})")
        return
    for needs, what in (*_split_reasons(config), *map(_column_reason, config.columns), *_row_reasons(config)):
        yield Reason(needs=needs, config=config.config, what=what)


def _split_reasons(config: ConfigDiff) -> Iterator[tuple[Bump, str]]:
    for one in config.splits:
        if one.presence is Presence.GONE:
            yield Bump.MAJOR, f"the split {one.split} is gone"
        elif one.presence is Presence.ADDED:
            yield Bump.MINOR, f"a new split {one.split}"


def _column_reason(one: ColumnDiff) -> tuple[Bump, str]:
    if one.old is None:
        return Bump.MINOR, f"a new column {one.column} ({one.new})"
    if one.new is None:
        return Bump.MAJOR, f"the column {one.column} is gone"
    return Bump.MAJOR, f"the column {one.column} is {one.new}, it was {one.old}"


def _row_reasons(config: ConfigDiff) -> Iterator[tuple[Bump, str]]:
    gone, changed, moved, added = (config.total(name) for name in ("gone", "changed", "moved_in", "added"))
    if gone:
        yield Bump.MAJOR, f"{_count_rows(gone)} gone"
    if changed:
        columns = dict.fromkeys(column for one in config.splits for column in one.columns)
        yield Bump.MAJOR, f"{_count_rows(changed)} changed (in {_list_names(list(columns))})"
    if moved:
        yield Bump.MAJOR, f"{_count_rows(moved)} moved to another split"
    if added:
        yield Bump.MINOR, f"{_count_rows(added)} added"


def _count_rows(number: int) -> str:
    return f"{number} row{'' if number == 1 else 's'}"


def _list_names(names: tuple[str, ...] | list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")

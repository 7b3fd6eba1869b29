"""Compares two releases.

Both are read once, a config at a time. Files that both hold byte for byte are not read at all; of every other row only
digests are kept, on disk (see `store`). In memory is some 100 bytes a row of the largest config, and never a row's
words beyond one batch.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from ....schemas.config import Config
from ....schemas.diff import ColumnDiff, ConfigDiff, Diff, FileDiff, Presence, Reason, RowChange
from ....schemas.spec import Bump, Version, largest
from ...runtime.environment import ParallelMap
from ..layout import config_and_split
from ..read import Release
from ._compare import ConfigComparison, Found
from ._store import same_bytes

# What a difference asks of the version, as DESIGN's rule on versions has it: rows are the interface.
#
# Major: what a reader had is not there any more as it was. Minor: everything is there as it was, and more. Patch: the
# same rows in other files, or other files around them.


_MOST_NAMES = 5


# Everything that asks for a step, the largest first.
def _find_reasons(
    configs: Iterable[ConfigDiff], rewritten: tuple[str, ...], files: tuple[FileDiff, ...]
) -> tuple[Reason, ...]:
    reasons = [reason for config in configs for reason in _of_config(config)]
    if rewritten:
        what = f"the same rows in other bytes: {_names(rewritten)}"
        reasons.append(Reason(needs=Bump.PATCH, config=None, what=what))
    for presence, words in ((Presence.BOTH, "changed"), (Presence.ADDED, "added"), (Presence.GONE, "gone")):
        if names := [one.file for one in files if one.presence is presence]:
            reasons.append(Reason(needs=Bump.PATCH, config=None, what=f"files {words}: {_names(names)}"))
    return tuple(sorted(reasons, key=lambda reason: _LARGEST_FIRST.index(reason.needs)))


_LARGEST_FIRST = (Bump.MAJOR, Bump.MINOR, Bump.PATCH)


def _of_config(config: ConfigDiff) -> Iterator[Reason]:
    if config.presence is Presence.GONE:
        yield Reason(needs=Bump.MAJOR, config=config.config, what=f"the config is gone ({_rows(config.total('old'))})")
        return
    if config.presence is Presence.ADDED:
        yield Reason(needs=Bump.MINOR, config=config.config, what=f"a new config ({_rows(config.total('new'))})")
        return
    for needs, what in (*_of_splits(config), *map(_of_column, config.columns), *_of_rows(config)):
        yield Reason(needs=needs, config=config.config, what=what)


def _of_splits(config: ConfigDiff) -> Iterator[tuple[Bump, str]]:
    for one in config.splits:
        if one.presence is Presence.GONE:
            yield Bump.MAJOR, f"the split {one.split} is gone"
        elif one.presence is Presence.ADDED:
            yield Bump.MINOR, f"a new split {one.split}"


def _of_column(one: ColumnDiff) -> tuple[Bump, str]:
    if one.old is None:
        return Bump.MINOR, f"a new column {one.column} ({one.new})"
    if one.new is None:
        return Bump.MAJOR, f"the column {one.column} is gone"
    return Bump.MAJOR, f"the column {one.column} is {one.new}, it was {one.old}"


def _of_rows(config: ConfigDiff) -> Iterator[tuple[Bump, str]]:
    gone, changed, moved, added = (config.total(name) for name in ("gone", "changed", "moved_in", "added"))
    if gone:
        yield Bump.MAJOR, f"{_rows(gone)} gone"
    if changed:
        columns = dict.fromkeys(column for one in config.splits for column in one.columns)
        yield Bump.MAJOR, f"{_rows(changed)} changed (in {_names(list(columns))})"
    if moved:
        yield Bump.MAJOR, f"{_rows(moved)} moved to another split"
    if added:
        yield Bump.MINOR, f"{_rows(added)} added"


def _rows(number: int) -> str:
    return f"{number} row{'' if number == 1 else 's'}"


def _names(names: tuple[str, ...] | list[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def diff_releases(old: Release, new: Release, *, most: int = 0, parallel: ParallelMap | None = None) -> Diff:
    """What differs between two releases, the step of the version that it needs, and whether the new one's number fits.

    Args:
        old: the earlier release.
        new: the later release.
        most: the number of differing rows to list, at most.
        parallel: compares the configs in parallel; None: one after the other, here.

    Raises:
        DataError: a file of either is gone or damaged; the message names the release and the file.
        UsageError: a version is none, or the disk has no room for the digests.
    """
    before, after = Version.of(old.manifest.version), Version.of(new.manifest.version)
    configs = [config for config in Config if old.files(config) or new.files(config)]
    found = [*(parallel or map)(partial(_found, old, new, most), configs)]
    rewritten = tuple(name for one in found for name in one.rewritten)
    files = tuple(_other_files(old, new))
    reasons = _find_reasons([one.diff for one in found], rewritten, files)
    needs = largest(reason.needs for reason in reasons)
    rows = sorted((row for one in found for row in one.rows), key=lambda row: _WORST_FIRST.index(row.what))[:most]
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


_WORST_FIRST = tuple(RowChange)


def _found(old: Release, new: Release, most: int, config: Config) -> Found:
    return ConfigComparison(old, new, config).found(most)


# The files that are not tables and differ, in order of name.
def _other_files(old: Release, new: Release) -> Iterator[FileDiff]:
    before, after = ({name for name in one.manifest.files if config_and_split(name) is None} for one in (old, new))
    for name in sorted(before | after):
        if name not in after:
            yield FileDiff(file=name, presence=Presence.GONE)
        elif name not in before:
            yield FileDiff(file=name, presence=Presence.ADDED)
        elif not same_bytes(old.root / name, new.root / name):
            yield FileDiff(file=name, presence=Presence.BOTH)

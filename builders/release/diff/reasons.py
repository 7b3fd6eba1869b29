"""What a difference asks of the version, as DESIGN's rule on versions has it: rows are the interface.

Major: what a reader had is not there any more as it was. Minor: everything is there as it was, and more. Patch: the
same rows in other files, or other files around them.
"""

from collections.abc import Iterable, Iterator

from ....schemas.diff import ColumnDiff, ConfigDiff, FileDiff, Presence, Reason
from ....schemas.version import Bump

_MOST_NAMES = 5


def find_reasons(
    configs: Iterable[ConfigDiff], rewritten: tuple[str, ...], files: tuple[FileDiff, ...]
) -> tuple[Reason, ...]:
    """Everything that asks for a step, the largest first."""
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

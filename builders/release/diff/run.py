"""Compares two releases.

Both are read once, a config at a time. Files that both hold byte for byte are not read at all; of every other row only
digests are kept, on disk (see `store`). In memory is some 100 bytes a row of the largest config, and never a row's
words beyond one batch.
"""

from collections.abc import Iterator
from functools import partial

from ....schemas.config import Config
from ....schemas.diff import Diff, FileDiff, Presence, RowChange
from ....schemas.version import Version, largest
from ...apart import Apart
from ..layout import config_and_split
from ..read import Release
from .config import ConfigComparison, Found
from .reasons import find_reasons
from .tables import same_bytes


def diff_releases(old: Release, new: Release, *, most: int = 0, apart: Apart | None = None) -> Diff:
    """What differs between two releases, the step of the version that it needs, and whether the new one's number fits.

    Args:
        old: the earlier release.
        new: the later release.
        most: the number of differing rows to list, at most.
        apart: does every config apart; one after the other, here, where it is None.

    Raises:
        DataError: a file of either is gone or damaged; the message names the release and the file.
        UsageError: a version is none, or the disk has no room for the digests.
    """
    before, after = Version.of(old.manifest.version), Version.of(new.manifest.version)
    configs = [config for config in Config if old.files(config) or new.files(config)]
    found = [*(apart or map)(partial(_found, old, new, most), configs)]
    rewritten = tuple(name for one in found for name in one.rewritten)
    files = tuple(_other_files(old, new))
    reasons = find_reasons([one.diff for one in found], rewritten, files)
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


def _other_files(old: Release, new: Release) -> Iterator[FileDiff]:
    """The files that are no tables and differ, in order of name."""
    before, after = ({name for name in one.manifest.files if config_and_split(name) is None} for one in (old, new))
    for name in sorted(before | after):
        if name not in after:
            yield FileDiff(file=name, presence=Presence.GONE)
        elif name not in before:
            yield FileDiff(file=name, presence=Presence.ADDED)
        elif not same_bytes(old.root / name, new.root / name):
            yield FileDiff(file=name, presence=Presence.BOTH)

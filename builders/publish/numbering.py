"""The number of a release against what was published before: it may not promise more than the difference keeps."""

import re
from collections.abc import Iterable

from ...schemas.diff import Diff
from ...schemas.errors import DataError
from ...schemas.version import Version
from ..release.diff.run import diff_releases
from ..release.layout import MANIFEST
from ..release.read import Release
from .payload import tag_of
from .repo import HubRepo

_TAG = re.compile(r"v((?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*))", re.ASCII)


def released_versions(tags: Iterable[str]) -> list[str]:
    """The versions that tags name, the newest first; other tags are somebody's own."""
    found = [match[1] for tag in tags if (match := _TAG.fullmatch(tag))]
    return sorted(found, key=Version.of, reverse=True)


def newest_release(repo: HubRepo, tags: dict[str, str]) -> Release | None:
    """The newest published release; None where there is none yet."""
    newest = next((one for one in released_versions(tags) if MANIFEST in repo.tree(tags[tag_of(one)])), None)
    return Release(repo.fetch(tags[tag_of(newest)])) if newest is not None else None


def check_number(release: Release, newest: Release) -> Diff:
    """What differs from the newest published release.

    Raises:
        DataError: the release's number does not follow from the difference.
    """
    stated, published = release.manifest.version, newest.manifest.version
    if Version.of(stated) < Version.of(published):
        raise DataError(
            f"{release.root}: {published} is published already, so {stated} would come too late: a release goes on "
            "top of the newest one"
        )
    diff = diff_releases(newest, release)
    if not diff.fits:
        reason = str(diff.reasons[0]) if diff.reasons else "nothing is different"
        raise DataError(
            f"{release.root}: {stated} does not fit what differs from {published} ({reason}); the next number is "
            f"{diff.smallest} or larger: raise the spec's version and build again"
        )
    return diff

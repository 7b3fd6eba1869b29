"""Before a release is sent, it says where it is published, what is new in it, and what people said of the last one."""

from ...schemas.diff import Diff
from ..beside import changelog_text
from ..release.changelog import changelog_of
from ..release.layout import CHANGELOG, MAINTAINERS
from ..release.read import Release
from ..renewing import renew, shows


def tell_publish(release: Release, repo: str, newest: Release | None, diff: Diff | None) -> Release:
    """The release with a card that names its repo, and a changelog that goes on from the newest published one.

    What people said in `maintainers.md` of that one is said of this one, too, unless it has such a file of its own; an
    empty one says nothing.

    It is left untouched where it says so already, so that repeating a publish sends the same bytes.

    Args:
        release: what is to be published.
        repo: where, `ORG/NAME`.
        newest: the newest release that is published there; None where there is none.
        diff: what differs from that.
    """
    text = changelog_text(release.root, release.manifest)
    if newest is not None:
        text = changelog_of(release.manifest, diff, changelog_text(newest.root, newest.manifest))
    texts = {CHANGELOG: text}
    if newest is not None and MAINTAINERS in newest.manifest.files and not (release.root / MAINTAINERS).exists():
        texts[MAINTAINERS] = (newest.root / MAINTAINERS).read_text(encoding="utf-8")
    if release.manifest.repo == repo and shows(release, texts):
        return release
    return renew(release.root, texts, repo=repo)

"""`maintainers.md` in a release folder, and the promise that it is well formed and contradicts nothing."""

from collections.abc import Iterator
from pathlib import Path

from ...cards.maintainers import MOST_BYTES, head_of, other_licences, parse_maintainers, split_card
from ...schemas.errors import DataError
from ...schemas.maintainers import Maintainers
from ...schemas.manifest import Manifest
from .finding import Finding
from .layout import CARD, MAINTAINERS
from .read import Release


def read_maintainers(path: Path) -> Maintainers | None:
    """What people said of a release; None where they said nothing.

    Raises:
        DataError: the file is malformed, or no plain file.
    """
    if path.is_symlink():
        raise DataError(f"{path}: a link, which is not followed: put the file itself there")
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return parse_maintainers(file.read(MOST_BYTES + 1), str(path))


def check_maintained(release: Release) -> Iterator[Finding]:
    """The file can be read, the card shows what it says, and it names no licence but the release's and its sources'."""
    try:
        said = read_maintainers(release.root / MAINTAINERS)
    except DataError as error:
        yield Finding(rule="maintainers", file=MAINTAINERS, detail=str(error))
        return
    if said is None:
        return
    if wrong := contradiction(said, release.manifest):
        yield Finding(rule="license", file=MAINTAINERS, detail=wrong)
    if not _shows(release.root / CARD, said):
        detail = f"it does not show what {MAINTAINERS} says: run `ipm-prefdial card {release.root}`"
        yield Finding(rule="maintainers", file=CARD, detail=detail)


def _shows(card: Path, said: Maintainers) -> bool:
    try:
        head, body = split_card(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else ({}, "")
    except DataError:
        return False
    due = head_of(said)
    tags = head.get("tags")
    shown = isinstance(tags, list) and all(tag in tags for tag in due.pop("tags", ()))
    return shown and said.text in body and all(head.get(key) == value for key, value in due.items())


def contradiction(said: Maintainers, manifest: Manifest) -> str | None:
    """What the words say against the licence of the release; None where they say nothing against it."""
    allowed = {manifest.license, *(source.license for source in manifest.sources)}
    if others := other_licences(said, allowed):
        return f"it names the licence {', '.join(others)}, the release is under {manifest.license}"
    return None

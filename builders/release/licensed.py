"""The promise that a release says one thing about its licence: in its rows, manifest, LICENSE, NOTICE and card."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from ...cards.licences import names_license
from ...schemas.documents import DocumentError, front_matter_of
from ...schemas.licence import licence_of, release_licence
from ...schemas.plain_files import read_inside
from .finding import Finding
from .layout import CARD, LICENSE, MANIFEST, NOTICE
from .origins import counted_origins
from .read import Release
from .seen import Seen


def check_license(release: Release, seen: Seen) -> Iterator[Finding]:
    """Manifest, card, LICENSE and NOTICE against the licences of the dialogues, which every row repeats."""
    due = release_licence(license_id for _, _, license_id in seen.dialogues.values())
    if release.manifest.license != due:
        yield _finding(MANIFEST, f"it says {release.manifest.license}, its dialogues make it {due}")
    card, text = _text(release, CARD), _text(release, LICENSE)
    if card is not None and (stated := _of_card(card)) != due:
        yield _finding(CARD, f"it says {stated}, the dialogues make it {due}")
    if text is not None and (named := names_license(text)) != {due}:
        yield _finding(LICENSE, f"it names {', '.join(sorted(named)) or 'no licence'}, the dialogues make it {due}")
    yield from _check_notice(release, seen)


def _check_notice(release: Release, seen: Seen) -> Iterator[Finding]:
    """Every source has a paragraph that begins with its name and names its licence."""
    text = _text(release, NOTICE)
    if not text:  # releases of earlier package versions have none
        return
    found = Counter((str(source), str(license_id)) for _, source, license_id in seen.dialogues.values())
    paragraphs = text.split("\n\n")
    for origin in counted_origins(found):
        name = licence_of(origin.license).name
        if not any(one.startswith(f"{origin.source} (") and name in one for one in paragraphs):
            yield _finding(NOTICE, f"it does not name the source {origin.source} with its licence {origin.license}")


def _of_card(text: str) -> str | None:
    """The licence that the card's YAML states; None where there is none to be read."""
    try:
        head: Any = front_matter_of(text)
    except DocumentError:
        return None
    if not isinstance(head, dict):
        return None
    stated = head.get("license_name") if head.get("license") == "other" else head.get("license")
    return None if stated is None else str(stated)


def _text(release: Release, name: str) -> str | None:
    """A file's words, empty where the release has no such file; None where one is missing, which is told elsewhere."""
    data = read_inside(release.root, name)
    if data is not None:
        return data.decode("utf-8", errors="replace")
    return None if name in release.manifest.files else ""


def _finding(file: str, detail: str) -> Finding:
    return Finding(rule="license", file=file, detail=detail)

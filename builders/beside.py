"""Gathers what a release's card and `croissant.json` show besides the manifest."""

import re
from pathlib import Path

from ..cards.beside import Beside
from ..cards.pictures import PICTURES
from ..schemas.audit import FILE_NAME as AUDIT
from ..schemas.audit import Audit
from ..schemas.manifest import Manifest
from ..schemas.plain_files import is_inside
from ..schemas.publishing import FILE_NAME as PUBLISHING
from ..schemas.publishing import Publishing
from .release.changelog import changelog_of
from .release.crisis_counts import count_crises
from .release.layout import CHANGELOG, MAINTAINERS, tables_sha256
from .release.maintained import read_maintainers
from .release.origins import origins_of
from .release.parts import read_part
from .release.read import read_text
from .review.store import read_review
from .safety.recall import recall_told
from .validated import validation_of_tables


def beside_of(root: Path, manifest: Manifest) -> Beside:
    """What lies in the folder beside the tables, as the card shows it.

    Raises:
        DataError: a file is malformed or damaged.
    """
    publishing = read_part(root / PUBLISHING, Publishing)
    return Beside(
        origins=origins_of(root, manifest.files),
        crisis_recall=recall_told(),
        changelog=_entry(changelog_text(root, manifest), manifest.version),
        audit=audit_of_tables(root, manifest),
        accepted=publishing.accepted if publishing else (),
        review=read_review(root),
        crises=count_crises(root, manifest),
        validation=validation_of_tables(root, manifest),
        maintainers=read_maintainers(root / MAINTAINERS),
        pictures=tuple(path for path in PICTURES if is_inside(root, path)),
    )


def audit_of_tables(root: Path, manifest: Manifest) -> Audit | None:
    """The audit in the folder; None where there is none, or it is of other tables than the manifest's.

    Raises:
        DataError: it is malformed.
    """
    audit = read_part(root / AUDIT, Audit)
    return audit if audit is not None and audit.subject.sha256 == tables_sha256(manifest.files) else None


def changelog_text(root: Path, manifest: Manifest) -> str:
    """CHANGELOG.md as it should be: earlier entries stay, and the figures of this version's, which a diff told, too."""
    there = read_text(root, CHANGELOG)
    plain = changelog_of(manifest, None, there)
    return there if there and _without_figures(there, manifest.version) == plain else plain


def _without_figures(text: str, version: str) -> str:
    """The changelog without what a diff told of this version: paragraphs from `Against` to the next entry."""
    entry = _entry(text, version)
    return text.replace(entry, entry.partition("\n\nAgainst ")[0], 1)


def _entry(text: str, version: str) -> str:
    """What a changelog says of a version, without its heading."""
    found = re.search(rf"^## {re.escape(version)}\s*\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return found[1].strip("\n") if found else ""

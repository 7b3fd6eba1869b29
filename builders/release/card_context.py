"""Gathers what a release's card and `croissant.json` show besides the manifest."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...cards.context import CardContext
from ...cards.licences import Origin
from ...cards.pictures import PICTURES
from ...schemas.audit import AUDIT_FILE as AUDIT
from ...schemas.audit import Audit
from ...schemas.config import Config
from ...schemas.drops import DropReason
from ...schemas.errors import DataError
from ...schemas.files import is_inside, open_inside
from ...schemas.manifest import FileRecord, Manifest
from ...schemas.publishing import PUBLISHING_FILE as PUBLISHING
from ...schemas.publishing import Publishing
from ...schemas.safety import CrisisCounts
from ..safety.crisis import format_recall
from .changelog import changelog_entry, changelog_text
from .layout import MAINTAINERS, config_and_split, tables_sha256
from .parts import read_maintainers, read_part, read_review, validation_of_tables
from .read import first_line


def card_context_of(root: Path, manifest: Manifest) -> CardContext:
    """What the card shows from the other files of the release, and the counts that it takes from the tables.

    Raises:
        DataError: a file is malformed or damaged.
    """
    publishing = read_part(root / PUBLISHING, Publishing)
    return CardContext(
        origins=origins_of(root, manifest.files),
        crisis_recall=format_recall(),
        changelog=changelog_entry(changelog_text(root, manifest), manifest.version),
        audit=audit_of_tables(root, manifest),
        accepted=publishing.accepted if publishing else (),
        review=read_review(root),
        crises=count_crises(root, manifest),
        validation=validation_of_tables(root, manifest),
        maintainers=read_maintainers(root / MAINTAINERS),
        pictures=tuple(path for path in PICTURES if is_inside(root, path)),
    )


def audit_of_tables(root: Path, manifest: Manifest) -> Audit | None:
    """The audit in the folder; None if there is none, or if it was made from other tables than the manifest's.

    Raises:
        DataError: it is malformed.
    """
    audit = read_part(root / AUDIT, Audit)
    return audit if audit is not None and audit.subject.sha256 == tables_sha256(manifest.files) else None


def origins_of(root: Path, files: Mapping[str, FileRecord]) -> tuple[Origin, ...]:
    """Every source and licence that dialogues name, with the number of dialogues.

    Args:
        root: the release's folder.
        files: the manifest's records of its files.

    Raises:
        DataError: a table of dialogues is gone or damaged.
    """
    # Held-out dialogues are in the release as well, and their sources are owed credit.
    found = Counter[tuple[str, str]]()
    for config in (Config.DIALOGUES, Config.CRISIS_HOLDOUT):
        found.update(
            (str(source), str(licence)) for source, licence in _cells(root, files, config, "source", "license")
        )
    return counted_origins(found)


def counted_origins(found: Mapping[tuple[str, str], int]) -> tuple[Origin, ...]:
    """The origins, sorted, from the number of dialogues by source and licence."""
    return tuple(Origin(source, license_id, number) for (source, license_id), number in sorted(found.items()))


def count_crises(root: Path, manifest: Manifest) -> CrisisCounts | None:
    """How many dialogues the release holds out, with and without a sign of a crisis; None if its spec holds out none.

    Raises:
        DataError: a table is gone or damaged.
    """
    if manifest.spec.safety.crisis != "hold_out":
        return None
    held_out = sum(1 for _ in _cells(root, manifest.files, Config.CRISIS_HOLDOUT, "dialogue_id"))
    unread = unread_dialogues(root, manifest)
    named = Counter[Config]()
    # Before layout 4, candidates of unread dialogues were dropped under the reason `crisis`.
    if unread and manifest.spec.layout < 4:
        columns = ("dialogue_id", "config", "reason")
        for dialogue_id, config, reason in _cells(root, manifest.files, Config.DROPPED, *columns):
            named[Config(config)] += reason == DropReason.CRISIS and dialogue_id in unread
    return CrisisCounts(seen=held_out - len(unread), unread=len(unread), unread_named_crisis=dict(+named))


def unread_dialogues(root: Path, manifest: Manifest) -> frozenset[str]:
    """Ids of the dialogues that are held out although no sign was found in them.

    Raises:
        DataError: a table is gone or damaged.
    """
    rows = _cells(root, manifest.files, Config.CRISIS_HOLDOUT, "dialogue_id", "findings")
    return frozenset(dialogue_id for dialogue_id, findings in rows if all_unread(findings))


def all_unread(findings: Sequence[Any]) -> bool:
    """Whether no finding of a held-out dialogue is a sign of a crisis."""
    return all(map(is_unread, findings))


def is_unread(finding: Any) -> bool:
    """Whether a finding is a judge's unreadable answer instead of a sign of a crisis."""
    return finding["judge"] is not None and finding["category"] is None


# Some columns of a config, row by row.
def _cells(root: Path, files: Mapping[str, FileRecord], config: Config, *columns: str) -> Iterator[tuple[Any, ...]]:
    for name in files:
        if (table := config_and_split(name)) is None or table[0] is not config:
            continue
        try:
            with open_inside(root, name) as opened, pq.ParquetFile(opened) as file:
                for batch in file.iter_batches(columns=list(columns)):
                    yield from zip(*(batch.column(column).to_pylist() for column in columns), strict=True)
        except (OSError, pa.ArrowException, ValueError, KeyError) as error:
            raise DataError(f"{name}: cannot be read: {first_line(error)}") from error

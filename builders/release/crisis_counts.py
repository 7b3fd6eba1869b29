"""Counts what a release holds out: dialogues in which a crisis was seen, and those that no judge could read."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...schemas.config import Config
from ...schemas.drops import DropReason
from ...schemas.errors import DataError
from ...schemas.manifest import Manifest
from ...schemas.safety import CrisisCounts
from .layout import config_and_split


def count_crises(root: Path, manifest: Manifest) -> CrisisCounts | None:
    """The counts of the tables in `root`; None where the release holds no dialogues out.

    Raises:
        DataError: a table is gone or damaged.
    """
    if manifest.spec.safety.crisis != "hold_out":
        return None
    held_out = sum(1 for _ in _cells(root, manifest, Config.CRISIS_HOLDOUT, ("dialogue_id",)))
    unread = unread_dialogues(root, manifest)
    named = Counter[Config]()
    if unread and manifest.spec.layout < 4:
        for dialogue_id, config, reason in _cells(root, manifest, Config.DROPPED, ("dialogue_id", "config", "reason")):
            named[Config(config)] += reason == DropReason.CRISIS and dialogue_id in unread
    return CrisisCounts(seen=held_out - len(unread), unread=len(unread), unread_named_crisis=dict(+named))


def unread_dialogues(root: Path, manifest: Manifest) -> frozenset[str]:
    """Ids of the dialogues that are held out though nobody saw a sign in them.

    Raises:
        DataError: a table is gone or damaged.
    """
    rows = _cells(root, manifest, Config.CRISIS_HOLDOUT, ("dialogue_id", "findings"))
    return frozenset(dialogue_id for dialogue_id, findings in rows if all_unread(findings))


def is_unread(finding: Any) -> bool:
    """Whether a finding is a judge's answer that could not be read, and no sign of a crisis."""
    return finding["judge"] is not None and finding["category"] is None


def all_unread(findings: Sequence[Any]) -> bool:
    """Whether nobody saw a sign of a crisis in a dialogue that is held out."""
    return all(map(is_unread, findings))


def _cells(root: Path, manifest: Manifest, config: Config, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for name in manifest.files:
        if (table := config_and_split(name)) is None or table[0] is not config:
            continue
        try:
            with pq.ParquetFile(root / name) as file:
                for batch in file.iter_batches(columns=list(columns)):
                    yield from zip(*(batch.column(column).to_pylist() for column in columns), strict=True)
        except (OSError, pa.ArrowException, ValueError, KeyError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise DataError(f"{name}: cannot be read: {first}") from error

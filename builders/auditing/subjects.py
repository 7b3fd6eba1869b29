"""A release as a stream of batches; `foreign` does the same for other datasets."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.audit import Subject
from ...schemas.config import PAIR_CONFIGS, REASONING_CONFIGS, SFT_CONFIGS, Config
from ...schemas.dialogue import Split
from ...schemas.drops import DropReason
from ...schemas.errors import DataError
from ..release.card_context import unread_dialogues
from ..release.layout import splits_of, tables_sha256
from ..release.read import Release
from ..release.rules import contents
from ..statistics.bootstrap import REPLICATES, SEED
from ._gate_evidence import Facts, facts_of
from ._measure import BatchPosition, Messages, OtherTable, Pairs

Batch = Pairs | OtherTable


class AuditSource(Protocol):
    """A dataset that can be audited."""

    gates: dict[str, float]
    """Limits that it states itself; empty where the defaults hold."""
    facts: Facts
    """Further facts for the gates."""

    def subject(self) -> Subject:
        """The description of the dataset."""

    def splits(self) -> dict[str, tuple[str, ...]]:
        """The splits of every config that pairs may come from."""

    def candidates(self) -> dict[str, int]:
        """Candidates by config, where it counts them."""

    def similarity(self) -> float:
        """Similarity from which two texts are near-duplicates."""

    def batches(self) -> Iterator[Batch]:
        """Every batch: dialogues, demonstrations, traces, pairs, drops."""


class ReleaseSource:
    """A release folder."""

    def __init__(self, release: Release, name: str) -> None:
        self._release, self._name = release, name
        self.gates = dict(release.manifest.spec.gates)
        self._unread = pa.array(sorted(unread_dialogues(release.root, release.manifest)), pa.string())
        self.facts = facts_of(release.manifest)

    def subject(self) -> Subject:
        return Subject(
            kind="release",
            name=self._name,
            version=self._release.manifest.version,
            sha256=tables_sha256(self._release.manifest.files),
            columns={},
            seed=SEED,
            replicates=REPLICATES,
        )

    def splits(self) -> dict[str, tuple[str, ...]]:
        return {config.value: tuple(Split) for config in PAIR_CONFIGS}

    def candidates(self) -> dict[str, int]:
        return {config.value: counts.candidates for config, counts in self._release.manifest.counts.items()}

    def similarity(self) -> float:
        return self._release.manifest.spec.splits.near_duplicate

    def batches(self) -> Iterator[Batch]:
        """See `Source`.

        Raises:
            DataError: a table is damaged, or lacks what a pair is made of.
        """
        traces = [config for config in REASONING_CONFIGS if config in self._release.configs]
        for config in (Config.DIALOGUES, *SFT_CONFIGS, *traces, *PAIR_CONFIGS, Config.DROPPED):
            for split in splits_of(config):
                yield from self._of(config, split)

    def _of(self, config: Config, split: Split) -> Iterator[Batch]:
        for path in self._release.files(config, split):
            first, name = 0, self._release.name_of(path)
            for rows in self._release.batches(path):
                place = BatchPosition(config.value, split.value, name, first)
                rows = self._apart(rows) if config is Config.DROPPED else rows
                yield pairs_of(rows, place) if config in PAIR_CONFIGS else OtherTable(place, rows)
                first += rows.num_rows

    # Drops under the name that counts for people have: the rows of layouts 2 and 3 say `crisis` also where a judge
    # could not be read.
    def _apart(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        columns = rows.schema.names
        if not len(self._unread) or not {"reason", "dialogue_id"} <= set(columns):
            return rows
        reasons, dialogues = rows.column("reason"), rows.column("dialogue_id")
        unread = pc.and_(pc.equal(reasons, DropReason.CRISIS.value), pc.is_in(dialogues, value_set=self._unread))
        named = pc.if_else(unread, DropReason.CRISIS_UNREAD.value, reasons)
        return rows.set_column(columns.index("reason"), "reason", named)


def pairs_of(rows: pa.RecordBatch, place: BatchPosition) -> Pairs:
    """A batch of a preference config as measures read it; columns that an older release lacks are None.

    Raises:
        DataError: there is no prompt, chosen or rejected side of messages.
    """
    table = OtherTable(place, rows)
    sides = {name: _messages(table, name) for name in ("prompt", "chosen", "rejected")}
    strategy = table.column("strategy")
    return Pairs(
        place=place,
        dialogue_ids=table.column("dialogue_id"),
        **sides,
        shifted=None,
        turns=table.column("turn"),
        row_ids=table.column("row_id"),
        chosen_strategy=table.column("chosen_strategy") if strategy is None else strategy,
        rejected_strategy=table.column("rejected_strategy") if strategy is None else strategy,
        error=table.column("rejected_error"),
        chosen_verdict=table.column("chosen_verdict"),
        rejected_verdict=table.column("rejected_verdict"),
        judgements=table.column("judgements"),
    )


def _messages(table: OtherTable, name: str) -> Messages:
    column = table.column(name)
    if column is None or not pa.types.is_list(column.type) or not pa.types.is_struct(column.type.value_type):
        raise DataError(
            f"{table.place.file}: column {name} is not a list of messages; `ipm-prefdial validate` tells more"
        )
    texts = pc.fill_null(contents(table.rows, name), "")
    lengths = np.asarray(pc.fill_null(pc.list_value_length(column), 0))
    roles = pc.fill_null(column.values.field("role"), "")
    last = np.asarray(column.offsets)[1:] - 1
    due = "user" if name == "prompt" else "assistant"
    is_due = np.append(np.asarray(pc.equal(roles, due)), False)
    well_formed = (lengths > 0) & is_due[np.where(lengths > 0, last, -1)]
    return Messages(texts, well_formed if name == "prompt" else well_formed & (lengths == 1))

"""Checks every row of every config and every promise of a release, column by column with Arrow.

`findings` has the rules by id, `rules` and `_judge_rules` check one batch of rows, `cross_tables` what holds between
tables, `promises` what holds of the release as a whole.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.config import PAIR_CONFIGS, Config
from ...schemas.dialogue import Split
from ...schemas.errors import DataError
from ..runtime.environment import ParallelMap
from .cross_tables import CrossTableState, Digests, LabelledTraces
from .differences import changed_files
from .findings import Finding
from .layout import MANIFEST, schema_difference, splits_of
from .promises import check_conservation, check_held_out_calls, check_license, check_maintained, check_splits
from .read import Release
from .rules import broken_rows, contents

MOST_FINDINGS = 1_000
"""Most findings reported for one shard that is checked in parallel; the command prints no more in all."""
_DIALOGUES = (Config.DIALOGUES, Config.CRISIS_HOLDOUT)
# Read first: every other row names a dialogue and calls, and rows made from traces depend on the traces' labels.
_FIRST = (*_DIALOGUES, Config.COMPLETIONS, Config.REASONING_STEPS)
# A `_ShardResult` carries only counts and digests, and later configs need more of these.
_NEVER_PARALLEL = (*_DIALOGUES, Config.REASONING_STEPS)


def validate_release(release: Release, parallel: ParallelMap | None = None) -> Iterator[Finding]:
    """Checks a release against every rule of `findings.RULES`; a valid release has no finding.

    Memory is some tens of bytes a row, and never a table.

    Args:
        release: the release to check.
        parallel: checks shards in other processes; None checks one after the other in this one.

    Returns:
        The findings, file by file, in the same order with and without `parallel`.
    """
    for changed in changed_files(release):
        yield Finding(rule="files", file=changed.file, row=changed.row, detail=changed.what)
    state, traces = CrossTableState(repeats_bar=release.manifest.spec.drop_repeated_dialogues), LabelledTraces()
    first = [config for config in _FIRST if config in release.configs]
    for config in (*first, *(config for config in release.configs if config not in first)):
        check = _ConfigCheck(release, config, state, traces)
        yield from check.findings(None if config in _NEVER_PARALLEL else parallel)
    yield from check_held_out_calls(release, state)
    yield from check_splits(release, state)
    yield from check_conservation(release, state)
    yield from check_license(release, state)
    yield from check_maintained(release)


@dataclass
class _ConfigCheck:
    """Reads the shards of one config once, and reports what breaks a rule."""

    release: Release
    config: Config
    state: CrossTableState
    traces: LabelledTraces
    ids: Digests = field(default_factory=Digests)
    pairs: Digests = field(default_factory=Digests)
    keys: Digests = field(default_factory=Digests)

    def findings(self, parallel: ParallelMap | None) -> Iterator[Finding]:
        """The findings of every shard, and then those of the config as a whole."""
        paths = {split: self.release.files(self.config, split) for split in splits_of(self.config)}
        shards = [(path, split) for split, found in paths.items() for path in found]
        if parallel is None:
            checked: Iterator[Iterable[Finding]] = (self._shard(path, split) for path, split in shards)
        else:
            checked = map(self._merge, parallel(self.check_alone, shards))
        for split, found in paths.items():
            if not found:
                yield Finding(rule="configs", file=f"data/{self.config}", detail=f"there is no split {split}")
            for _ in found:
                yield from next(checked)
        yield from self.ids.repeated("row_id", "an earlier row of the config has the same row_id")
        yield from self.pairs.repeated("duplicate_pair", "an earlier row of the config holds the same pair")
        yield from self.keys.repeated("known_call", "an earlier row holds the same call")
        if self.config is Config.COMPLETIONS:
            self.state.calls = np.sort(self.keys.all())

    def check_alone(self, shard: tuple[Path, Split]) -> "_ShardResult":
        """Checks one shard in another process; this object stays as it was."""
        alone = replace(self, state=replace(self.state, rows=Counter(), drops=Counter()))
        alone.ids, alone.pairs, alone.keys = Digests(), Digests(), Digests()
        findings = alone._shard(*shard)
        first = list(islice(findings, MOST_FINDINGS + 1))
        for _ in findings:
            pass  # not reported any more, but reading on counts the rows
        return _ShardResult(first, alone.state.rows, alone.state.drops, (alone.ids, alone.pairs, alone.keys))

    # Adds the counts and digests of a shard; returns its findings.
    def _merge(self, result: "_ShardResult") -> list[Finding]:
        self.state.rows.update(result.rows)
        self.state.drops.update(result.drops)
        for ours, theirs in zip((self.ids, self.pairs, self.keys), result.digests, strict=True):
            ours.extend(theirs)
        return result.findings

    def _shard(self, path: Path, split: Split) -> Iterator[Finding]:
        name, first = self.release.name_of(path), 0
        try:
            if wrong := schema_difference(self.release.schema(path), self.config, self.release.layout):
                yield Finding(rule="configs", file=name, detail=wrong)
                return
            for batch in self.release.batches(path):
                yield from self._batch(batch, split, name, first)
                first += batch.num_rows
        except DataError as error:
            yield Finding(rule="readable", file=name, detail=str(error))
            return
        self.state.rows[self.config, split] += first
        stated = self.release.manifest.files[name].rows
        if stated != first:
            yield Finding(
                rule="conservation", file=MANIFEST, detail=f"{name}: it says {stated} rows, there are {first}"
            )

    def _batch(self, batch: pa.RecordBatch, split: Split, name: str, first: int) -> Iterator[Finding]:
        if self.config in _DIALOGUES:
            yield from self.state.note_dialogues(batch, self.config, split, name, first)
        elif self.config is Config.DROPPED:
            drops = zip(batch.column("config").to_pylist(), batch.column("reason").to_pylist(), strict=True)
            self.state.drops.update(drops)
        elif self.config is Config.REASONING_STEPS:
            self.traces.add(batch)
        self._digest(batch, name, first)
        broken = [*broken_rows(batch, self.config, self.release.layout), *self.traces.unlabelled(batch, self.config)]
        if self.config not in _DIALOGUES:
            broken += [*self.state.unknown_calls(batch), *self.state.foreign_rows(batch, self.config, split)]
        for found in broken:
            for row in found.rows:
                yield Finding(rule=found.rule, file=name, row=first + int(row), detail=found.detail)

    def _digest(self, batch: pa.RecordBatch, name: str, first: int) -> None:
        self.ids.add(batch.column("row_id"), name, first)
        if self.config in PAIR_CONFIGS:
            sides = [contents(batch, side) for side in ("prompt", "chosen", "rejected")]
            self.pairs.add(pc.binary_join_element_wise(*sides, "\0\0"), name, first)
        elif self.config is Config.COMPLETIONS:
            self.keys.add(batch.column("request_key"), name, first)


@dataclass(frozen=True)
class _ShardResult:
    """The result of checking one shard in another process."""

    findings: list[Finding]
    rows: Counter[tuple[Config, Split]]
    drops: Counter[tuple[str, str]]
    digests: tuple[Digests, Digests, Digests]

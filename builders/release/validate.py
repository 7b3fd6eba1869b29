"""Checks every row of every config and every promise of a release, column by column with Arrow.

A finding says which rule, which file and which row. Rules within a batch of rows stand in `rules`, those between tables
in `seen`, those of the release as a whole in `promises`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.config import PAIR_CONFIGS, Config
from ...schemas.dialogue import Split
from ...schemas.errors import DataError
from ..apart import Apart
from .columns import schema_difference
from .finding import Finding
from .labelled import Labelled
from .layout import MANIFEST, splits_of
from .licensed import check_license
from .maintained import check_maintained
from .promises import check_conservation, check_held_out_calls, check_splits
from .read import Release
from .rules import broken_rows, contents
from .seen import Digests, Seen
from .verify import changed_files

RULES: dict[str, str] = {
    "files": "every file is in the manifest with its bytes, and no other file is there",
    "configs": "every config has every split, and every shard has the columns of its config",
    "readable": "every shard can be read to its end",
    "not_null": "a column that must have a value has one",
    "enum": "a column of named values holds only those",
    "row_id": "row ids are 32 hexadecimal digits and occur once in a config",
    "messages": "prompts end with the user, sides are one assistant message with words",
    "sides_differ": "chosen and rejected differ in more than case, punctuation and spacing",
    "strategy": "strategies and messages agree, and no reply carries a strategy in brackets where it must not",
    "verdict": "verdicts and the error of a pair agree; a chosen side has none",
    "trace": "a trace is in its written form, and says what its columns say",
    "steps": "labels are those of the panels, and panels what votes and rules come to; demonstrations are right in "
    "every step, and the traces of pairs are labelled",
    "score": "of two traces the chosen one is better where the row says so, and worse nowhere",
    "weight": "weights are above 0 and at most 1",
    "duplicate_pair": "no pair occurs twice",
    "known_call": "every row's calls are in completions, each once",
    "dialogue": "every row belongs to a dialogue of the release, with its source and licence",
    "splits": "no dialogue is in two splits, and splits.json says the same",
    "conservation": "candidates are rows plus drops in every config, and the manifest counts what the files hold",
    "license": "manifest, card, LICENSE and NOTICE name the licence that the dialogues' licences allow, and "
    "maintainers.md names no other",
    "maintainers": "maintainers.md is well formed, and the card shows what it says",
}
"""Every rule by its id."""

MOST = 1_000
"""Findings of one shard that are told, at most, where shards are looked at apart; the command tells no more in all."""

_DIALOGUES = (Config.DIALOGUES, Config.CRISIS_HOLDOUT)
_FIRST = (*_DIALOGUES, Config.COMPLETIONS, Config.REASONING_STEPS)
"""Read first, since every other row names a dialogue and its calls, and what is made of traces goes by their labels."""
_REMEMBERED = (*_DIALOGUES, Config.REASONING_STEPS)
"""Read here in any case, since of these more is remembered than digests and counts."""


def validate_release(release: Release, apart: Apart | None = None) -> Iterator[Finding]:
    """Every finding of every rule, file by file.

    Args:
        release: what is looked at.
        apart: looks at every shard apart; one after the other, here, where it is None.
    """
    for changed in changed_files(release):
        yield Finding(rule="files", file=changed.file, row=changed.row, detail=changed.what)
    seen, labelled = Seen(repeats_bar=release.manifest.spec.drop_repeated_dialogues), Labelled()
    first = [config for config in _FIRST if config in release.configs]
    for config in (*first, *(config for config in release.configs if config not in first)):
        yield from _ConfigCheck(release, config, seen, labelled).findings(None if config in _REMEMBERED else apart)
    yield from check_held_out_calls(release, seen)
    yield from check_splits(release, seen)
    yield from check_conservation(release, seen)
    yield from check_license(release, seen)
    yield from check_maintained(release)


@dataclass
class _ConfigCheck:
    """Reads the shards of one config once and tells what breaks a rule."""

    release: Release
    config: Config
    seen: Seen
    labelled: Labelled
    ids: Digests = field(default_factory=Digests)
    pairs: Digests = field(default_factory=Digests)
    keys: Digests = field(default_factory=Digests)

    def findings(self, apart: Apart | None) -> Iterator[Finding]:
        """What single batches tell, and then what only the whole config does."""
        paths = {split: self.release.files(self.config, split) for split in splits_of(self.config)}
        shards = [(path, split) for split, found in paths.items() for path in found]
        if apart is None:
            looked_at: Iterator[Iterable[Finding]] = (self._shard(path, split) for path, split in shards)
        else:
            looked_at = map(self._taken_in, apart(partial(_look_at, self), shards))
        for split, found in paths.items():
            if not found:
                yield Finding(rule="configs", file=f"data/{self.config}", detail=f"there is no split {split}")
            for _ in found:
                yield from next(looked_at)
        yield from self.ids.repeated("row_id", "the same row_id stands earlier in the config")
        yield from self.pairs.repeated("duplicate_pair", "the same pair stands earlier in the config")
        yield from self.keys.repeated("known_call", "the same call stands earlier")
        if self.config is Config.COMPLETIONS:
            self.seen.calls = np.sort(self.keys.all())

    def look_at(self, path: Path, split: Split) -> "_Looked":
        """What one shard comes to; this check itself is left as it was."""
        alone = replace(self, seen=replace(self.seen, rows=Counter(), drops=Counter()))
        alone.ids, alone.pairs, alone.keys = Digests(), Digests(), Digests()
        findings = alone._shard(path, split)
        told = list(islice(findings, MOST + 1))
        for _ in findings:
            pass  # beyond what is told, but its rows are counted
        return _Looked(told, alone.seen.rows, alone.seen.drops, (alone.ids, alone.pairs, alone.keys))

    def _taken_in(self, looked: "_Looked") -> list[Finding]:
        """Remembers what a shard that was looked at apart comes to; its findings."""
        self.seen.rows.update(looked.rows)
        self.seen.drops.update(looked.drops)
        for ours, theirs in zip((self.ids, self.pairs, self.keys), looked.digests, strict=True):
            ours.extend(theirs)
        return looked.findings

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
        self.seen.rows[self.config, split] += first
        stated = self.release.manifest.files[name].rows
        if stated != first:
            yield Finding(
                rule="conservation", file=MANIFEST, detail=f"{name}: it says {stated} rows, there are {first}"
            )

    def _batch(self, batch: pa.RecordBatch, split: Split, name: str, first: int) -> Iterator[Finding]:
        if self.config in _DIALOGUES:
            yield from self.seen.note_dialogues(batch, self.config, split, name, first)
        elif self.config is Config.DROPPED:
            drops = zip(batch.column("config").to_pylist(), batch.column("reason").to_pylist(), strict=True)
            self.seen.drops.update(drops)
        elif self.config is Config.REASONING_STEPS:
            self.labelled.note(batch)
        self._digest(batch, name, first)
        broken = [*broken_rows(batch, self.config, self.release.layout), *self.labelled.broken(batch, self.config)]
        if self.config not in _DIALOGUES:
            broken += [*self.seen.unknown_calls(batch), *self.seen.foreign_rows(batch, self.config, split)]
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
class _Looked:
    """What a shard comes to that was looked at apart."""

    findings: list[Finding]
    rows: Counter[tuple[Config, Split]]
    drops: Counter[tuple[str, str]]
    digests: tuple[Digests, Digests, Digests]
    """Of row ids, pairs and keys."""


def _look_at(check: _ConfigCheck, shard: tuple[Path, Split]) -> _Looked:
    return check.look_at(*shard)

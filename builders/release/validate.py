"""Checks every row of every config and every promise of a release, column by column with Arrow.

A finding says which rule, which file and which row. Rules within a batch of rows stand in `rules`, those between tables
in `seen`, those of the release as a whole in `promises`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...schemas.base import Frozen, canonical_json
from ...schemas.config import PAIR_CONFIGS, Config
from ...schemas.dialogue import Split
from ...schemas.errors import DataError
from ...schemas.escape import printable
from ...schemas.files import is_inside, read_inside
from ...schemas.rows import content_id_of
from ..runtime.environment import ParallelMap
from ..sources.files import sha256_of
from ._row_checks import Finding
from .cross_tables import CrossTableState, Digests
from .layout import (
    CARD,
    CHANGELOG,
    CROISSANT,
    LICENSE,
    MANIFEST,
    NOTICE,
    SPLITS,
    config_and_split,
    schema_difference,
    splits_of,
)
from .promises import Labelled, check_conservation, check_held_out_calls, check_license, check_maintained, check_splits
from .read import Release
from .rules import broken_rows, contents

# What changed in a release, told by file and row: bytes against the manifest, rows against a rebuild.


_PACKAGE = "ipm-prefdial"


class Difference(Frozen):
    """One thing that is not what it should be."""

    file: str
    """Path below the release."""
    row: int | None = None
    """The row in that file, from 0, where it is a row."""
    what: str
    """What is wrong, in words."""

    def __str__(self) -> str:
        return f"{self.file}{'' if self.row is None else f': row {self.row}'}: {self.what}"


def changed_files(release: Release) -> Iterator[Difference]:
    """Files that are gone, changed or too many, by the manifest."""
    for name, record in release.manifest.files.items():
        path = release.root / name
        if not is_inside(release.root, name):
            yield Difference(file=name, what="is gone")
        elif sha256_of(path, release.root) != record.sha256:
            yield Difference(file=name, what="its bytes are not those in the manifest")
        elif path.stat().st_size != record.bytes:
            yield Difference(file=name, what=f"it has {path.stat().st_size} bytes, the manifest says {record.bytes}")
    known = {*release.manifest.files, MANIFEST}
    for path in sorted(release.root.rglob("*")):
        name = path.relative_to(release.root).as_posix()
        hub_cache = name.startswith((".cache/", ".git"))
        if not path.is_dir() and name not in known and not hub_cache:
            yield Difference(file=printable(name), what="is not in the manifest")


def unfit_rows(release: Release, config: Config) -> Iterator[Difference]:
    """What makes a table unfit to be rebuilt from: it cannot be read, or rows are not of the config's form."""
    for path in release.files(config):
        name, first = release.name_of(path), 0
        try:
            if wrong := schema_difference(release.schema(path), config, release.layout):
                yield Difference(file=name, what=wrong)
                continue
            for batch in release.batches(path):
                for broken in broken_rows(batch, config, release.layout):
                    yield from (Difference(file=name, row=first + int(row), what=broken.detail) for row in broken.rows)
                first += batch.num_rows
        except DataError as error:
            yield Difference(file=name, what=str(error).removeprefix(f"{name}: "))


def changed_inputs(release: Release, config: Config) -> Iterator[Difference]:
    """Rows of `completions` or `dialogues` whose id does not fit what they hold: a rebuild would build on them."""
    for path in release.files(config):
        # `unfit_rows` reports a file that cannot be read or has other columns.
        with suppress(DataError):
            if schema_difference(release.schema(path), config, release.layout) is None:
                yield from _changed_inputs(release, config, path)


def _changed_inputs(release: Release, config: Config, path: Path) -> Iterator[Difference]:
    for number, row in enumerate(_rows(release, path)):
        stated = row.pop("row_id")
        if stated != content_id_of(config, row):
            what = f"the {config.value.removesuffix('s')} was changed"
            yield Difference(file=release.name_of(path), row=number, what=what)


def compare_with_rebuild(release: Release, rebuilt: Release) -> Iterator[Difference]:
    """Rows and split lists that a rebuild makes differently; where bytes are equal nothing is read."""
    names = sorted({*release.manifest.files, *rebuilt.manifest.files})
    for name in names:
        if config_and_split(name) is None:
            continue
        try:
            yield from _compare_table(release, rebuilt, name)
        except DataError as error:
            yield Difference(file=name, what=str(error).removeprefix(f"{name}: "))
        yield from _compare_records(release, rebuilt, name)
    for name in (SPLITS, *_comparable_views(release, rebuilt)):
        if _bytes_of(release.root / name) != _bytes_of(rebuilt.root / name):
            yield Difference(file=name, what="a rebuild writes something else")
    for part in ("counts", "usage", "license", "prompts"):
        if getattr(release.manifest, part) != getattr(rebuilt.manifest, part):
            yield Difference(file=MANIFEST, what=f"{part}: a rebuild gives something else")


def _compare_table(release: Release, rebuilt: Release, name: str) -> Iterator[Difference]:
    ours, theirs = release.root / name, rebuilt.root / name
    if not is_inside(release.root, name) or not theirs.is_file():
        yield Difference(file=name, what="is missing" if theirs.is_file() else "a rebuild makes no such file")
        return
    if sha256_of(ours) == sha256_of(theirs):
        return
    same_rows = True
    for number, (row, again) in enumerate(zip_longest(_rows(release, ours), _rows(rebuilt, theirs))):
        if row is None or again is None:
            same_rows = False
            yield Difference(file=name, row=number, what="is too many" if again is None else "is missing")
            return
        if canonical_json(row) != canonical_json(again):
            same_rows = False
            yield Difference(file=name, row=number, what=_which_columns(row, again))
    if same_rows and _writer_of(ours) == _writer_of(theirs):
        yield Difference(file=name, what="the rows are those of a rebuild, but the bytes around them are not")


# What the manifest says of a table's rows, which holds whatever wrote the file.
def _compare_records(release: Release, rebuilt: Release, name: str) -> Iterator[Difference]:
    stated, due = release.manifest.files.get(name), rebuilt.manifest.files.get(name)
    for key in ("rows", "rows_sha256"):
        if stated and due and getattr(stated, key) != getattr(due, key):
            yield Difference(file=MANIFEST, what=f"files.{name}.{key}: a rebuild gives something else")


def written_by_another(release: Release, rebuilt: Release) -> str | None:
    """The Parquet writer of a table of the release where it is not the one installed, so that only rows compare."""
    for name in release.manifest.files:
        if config_and_split(name) is None or not (release.root / name).is_file():
            continue
        theirs, here = _writer_of(release.root / name), _writer_of(rebuilt.root / name)
        if theirs and here and theirs != here:
            return theirs
    return None


def _writer_of(path: Path) -> str | None:
    try:
        with pq.ParquetFile(path) as file:
            return str(file.metadata.created_by)
    except (OSError, pa.ArrowException, ValueError):
        return None


def _rows(release: Release, path: Path) -> Iterator[dict[str, Any]]:
    for batch in release.batches(path):
        yield from batch.to_pylist()


def _which_columns(row: dict[str, Any], again: dict[str, Any]) -> str:
    names = [name for name in {**row, **again} if row.get(name) != again.get(name)]
    return f"{', '.join(names)}: not what the recorded answers give (row_id {row.get('row_id')})"


# The views that a rebuild has to write byte for byte.
#
# A card is worded by the version of the package that wrote it; another one may word it differently. It also tells the
# size of every table, and `croissant.json` its digest, which are another Parquet writer's own.
def _comparable_views(release: Release, rebuilt: Release) -> tuple[str, ...]:
    same = _same_package(release) and written_by_another(release, rebuilt) is None
    return (CARD, CHANGELOG, CROISSANT, LICENSE, NOTICE) if same else ()


# Whether this version of the package wrote the release's views.
def _same_package(release: Release) -> bool:
    return release.manifest.run.packages.get(_PACKAGE) == version(_PACKAGE)


def _bytes_of(path: Path) -> bytes:
    return read_inside(path.parent, path.name) or b""


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

MOST_FINDINGS = 1_000
"""Most findings reported for one shard that is checked in parallel; the command prints no more in all."""

_DIALOGUES = (Config.DIALOGUES, Config.CRISIS_HOLDOUT)
# Read first, since every other row names a dialogue and its calls, and what is made of traces goes by their labels.
_FIRST = (*_DIALOGUES, Config.COMPLETIONS, Config.REASONING_STEPS)
# Read here in any case, since of these more is remembered than digests and counts.
_REMEMBERED = (*_DIALOGUES, Config.REASONING_STEPS)


def validate_release(release: Release, parallel: ParallelMap | None = None) -> Iterator[Finding]:
    """Every finding of every rule, file by file.

    Args:
        release: what is looked at.
        parallel: checks the shards in parallel; None: one after the other, here.
    """
    for changed in changed_files(release):
        yield Finding(rule="files", file=changed.file, row=changed.row, detail=changed.what)
    seen, labelled = CrossTableState(repeats_bar=release.manifest.spec.drop_repeated_dialogues), Labelled()
    first = [config for config in _FIRST if config in release.configs]
    for config in (*first, *(config for config in release.configs if config not in first)):
        yield from _ConfigCheck(release, config, seen, labelled).findings(None if config in _REMEMBERED else parallel)
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
    seen: CrossTableState
    labelled: Labelled
    ids: Digests = field(default_factory=Digests)
    pairs: Digests = field(default_factory=Digests)
    keys: Digests = field(default_factory=Digests)

    def findings(self, parallel: ParallelMap | None) -> Iterator[Finding]:
        """What single batches tell, and then what only the whole config does."""
        paths = {split: self.release.files(self.config, split) for split in splits_of(self.config)}
        shards = [(path, split) for split, found in paths.items() for path in found]
        if parallel is None:
            looked_at: Iterator[Iterable[Finding]] = (self._shard(path, split) for path, split in shards)
        else:
            looked_at = map(self._taken_in, parallel(partial(_look_at, self), shards))
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

    def look_at(self, path: Path, split: Split) -> "_ShardResult":
        """What one shard comes to; this check itself is left as it was."""
        alone = replace(self, seen=replace(self.seen, rows=Counter(), drops=Counter()))
        alone.ids, alone.pairs, alone.keys = Digests(), Digests(), Digests()
        findings = alone._shard(path, split)
        told = list(islice(findings, MOST_FINDINGS + 1))
        for _ in findings:
            pass  # more than is reported, but its rows are counted
        return _ShardResult(told, alone.seen.rows, alone.seen.drops, (alone.ids, alone.pairs, alone.keys))

    # Remembers the result of a shard that was checked in parallel; gives its findings.
    def _taken_in(self, looked: "_ShardResult") -> list[Finding]:
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
class _ShardResult:
    """What a shard comes to that was looked at apart."""

    findings: list[Finding]
    rows: Counter[tuple[Config, Split]]
    drops: Counter[tuple[str, str]]
    digests: tuple[Digests, Digests, Digests]


def _look_at(check: _ConfigCheck, shard: tuple[Path, Split]) -> _ShardResult:
    return check.look_at(*shard)

"""Draws pairs for review: stratified, spread over dialogues, and the same for the same seed whatever the file order."""

import hashlib
import heapq
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, ValidationError

from ...schemas.base import Frozen
from ...schemas.config import Config
from ...schemas.documents import DocumentError, read_json
from ...schemas.errors import DataError, UsageError
from ..release.read import Release
from ..release.rules import check_table

# Candidates kept of a stratum, as a multiple of the whole sample: enough to spread over dialogues.
_SPARE = 4

Stratum = tuple[str, ...]


class Stratify(StrEnum):
    """What a sample can be stratified by."""

    STRATEGY = "strategy"
    """The strategy of the human's side."""
    ERROR = "error"
    """The error of the other side."""
    SOURCE = "source"
    """The corpus that the dialogue came from."""


@dataclass(frozen=True, order=True)
class Drawn:
    """A pair that may be in the sample; pairs compare by rank, which seed and row id alone decide."""

    rank: str
    row_id: str
    dialogue_id: str
    stratum: Stratum


def rank_of(seed: int, purpose: str, row_id: str) -> str:
    """A digest that orders rows at random, in another way for every purpose and seed."""
    return hashlib.sha256(f"{purpose}:{seed}:{row_id}".encode()).hexdigest()


def draw_pairs(release: Release, config: Config, size: int, by: Sequence[Stratify], seed: int) -> list[Drawn]:
    """A sample of `size` pairs of a config; all of them where there are no more.

    Strata are represented in proportion, each at least once. Memory does not grow with the release.

    Raises:
        DataError: the config has no pairs, or rows that no release has.
        UsageError: there are more strata than pairs wanted.
    """
    check_table(release, config)
    found = _Candidates(_SPARE * size)
    columns = ["row_id", "dialogue_id", *(_column(config, one) for one in by)]
    for path in release.files(config):
        for batch in release.batches(path):
            cells = (batch.column(name).to_pylist() for name in columns)
            for row_id, dialogue_id, *stratum in zip(*cells, strict=True):
                found.add(Drawn(rank_of(seed, "sample", row_id), row_id, dialogue_id, tuple(stratum)))
    if not found.counts:
        raise DataError(f"{config} has no pairs to review; choose another --config")
    if len(found.counts) > size:
        raise UsageError(
            f"--sample {size} cannot hold one pair of each of {len(found.counts)} strata; raise it, or stratify by less"
        )
    return _spread(found.kept(), allocate(found.counts, size))


def _column(config: Config, by: Stratify) -> str:
    if by is Stratify.ERROR:
        return "rejected_error"
    if by is Stratify.STRATEGY:
        return "strategy" if config is Config.RESPONSE else "chosen_strategy"
    return "source"


@dataclass
class _Candidates:
    """Of every stratum the pairs of lowest rank, so many as `limit`, and how many there are."""

    limit: int
    counts: Counter[Stratum] = field(default_factory=Counter)
    _kept: defaultdict[Stratum, list[Drawn]] = field(default_factory=lambda: defaultdict(list))

    def add(self, pair: Drawn) -> None:
        self.counts[pair.stratum] += 1
        kept = self._kept[pair.stratum]
        kept.append(pair)
        if len(kept) > 2 * self.limit:
            kept.sort()
            del kept[self.limit :]

    def kept(self) -> dict[Stratum, list[Drawn]]:
        return {stratum: sorted(pairs)[: self.limit] for stratum, pairs in self._kept.items()}


def allocate(counts: Mapping[Stratum, int], size: int) -> dict[Stratum, int]:
    """How many to draw of each stratum: in proportion, at least one, never more than there are.

    Args:
        counts: pairs of each stratum, none of them 0.
        size: how many in all, at least as many as there are strata.
    """
    total = sum(counts.values())
    if size >= total:
        return dict(counts)
    due = {stratum: size * number / total for stratum, number in sorted(counts.items())}
    given = {stratum: max(1, int(share)) for stratum, share in due.items()}
    while sum(given.values()) > size:
        given[max((one for one in given if given[one] > 1), key=lambda one: given[one] - due[one])] -= 1
    while sum(given.values()) < size:
        given[max((one for one in given if given[one] < counts[one]), key=lambda one: due[one] - given[one])] += 1
    return given


# The rarest strata first, and within each a pair of the dialogue that is in the sample least often so far.
def _spread(kept: Mapping[Stratum, list[Drawn]], wanted: Mapping[Stratum, int]) -> list[Drawn]:
    used: Counter[str] = Counter()
    chosen: list[Drawn] = []
    for stratum in sorted(kept, key=lambda one: (len(kept[one]), one)):
        queue = [(used[pair.dialogue_id], pair) for pair in kept[stratum]]
        heapq.heapify(queue)
        left = wanted[stratum]
        while left:
            uses, pair = heapq.heappop(queue)
            if uses != used[pair.dialogue_id]:
                heapq.heappush(queue, (used[pair.dialogue_id], pair))
                continue
            used[pair.dialogue_id] += 1
            chosen.append(pair)
            left -= 1
    return chosen


def rows_by_id(release: Release, config: Config, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The rows of a config that have these ids, by id; ids that no row has are left out."""
    wanted = pa.array(sorted(ids), pa.string())
    found: dict[str, dict[str, Any]] = {}
    for path in release.files(config):
        for batch in release.batches(path):
            hits = batch.filter(pc.is_in(batch.column("row_id"), value_set=wanted))
            found |= {row["row_id"]: row for row in hits.to_pylist()}
    return found


# The key of a review: which pair an item is, and which side stands where. Never for annotators.


KEY_FILE = "key.json"
NOTE = "Do not give this file to annotators: it says which reply is which."


class KeyItem(Frozen):
    """What an item is."""

    row_id: str
    """The pair's."""
    dialogue_id: str
    """The dialogue's."""
    a: Literal["chosen", "rejected"]
    """The side that stands as reply A."""


class Key(Frozen):
    """What `review import` needs besides the filled sheets."""

    note: str = NOTE
    format: Literal[1] = 1
    version: str
    config: Config
    """The config that was sampled."""
    stratify: tuple[str, ...]
    """What it was stratified by."""
    seed: int
    """Of the sample and of the order of sides."""
    items: dict[str, KeyItem] = Field(min_length=1)
    """By the item's id, in the order of the sheet."""


def read_key(path: Path) -> Key:
    """The key in a file.

    Raises:
        UsageError: it is none; the message names the field.
    """
    try:
        return Key.model_validate(read_json(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise UsageError(f"{path}: no review key: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except DocumentError as error:
        raise UsageError(f"{path}: no review key: not JSON: {error}") from error

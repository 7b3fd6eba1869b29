"""Draws pairs for review, and the key that says which pair an item of the sheet is.

The sample is stratified, spread over dialogues, and depends only on the seed and the rows, not on the files' order.
"""

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

# Candidates kept for each stratum, as a multiple of the sample's size: enough to spread over dialogues.
_SPARE = 4

Stratum = tuple[str, ...]


class Stratify(StrEnum):
    """The columns that a sample can be stratified by."""

    STRATEGY = "strategy"
    """The strategy of the human's side."""
    ERROR = "error"
    """The error of the other side."""
    SOURCE = "source"
    """The corpus that the dialogue came from."""


@dataclass(frozen=True, order=True)
class Drawn:
    """A candidate for the sample; pairs compare by rank, which depends on seed and row id alone."""

    rank: str
    row_id: str
    dialogue_id: str
    stratum: Stratum


def rank_of(seed: int, purpose: str, row_id: str) -> str:
    """A digest that puts rows into a random order, which is another one for every purpose and seed."""
    # A digest instead of a random generator: the rank of a row does not depend on the rows before it.
    return hashlib.sha256(f"{purpose}:{seed}:{row_id}".encode()).hexdigest()


def draw_pairs(release: Release, config: Config, size: int, by: Sequence[Stratify], seed: int) -> list[Drawn]:
    """A sample of `size` pairs of a config, or all of its pairs if there are fewer.

    Strata are represented in proportion, each at least once. Memory does not grow with the release.

    Raises:
        DataError: the config has no pairs, or rows that break its rules.
        UsageError: there are more strata than `size`.
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
    """The `limit` pairs of lowest rank of every stratum, and the number of pairs of each."""

    limit: int
    counts: Counter[Stratum] = field(default_factory=Counter)
    _kept: defaultdict[Stratum, list[Drawn]] = field(default_factory=lambda: defaultdict(list))

    def add(self, pair: Drawn) -> None:
        self.counts[pair.stratum] += 1
        kept = self._kept[pair.stratum]
        kept.append(pair)
        if len(kept) > 2 * self.limit:
            # Only every so often, at twice the limit: sorting for each pair would make a large release slow.
            kept.sort()
            del kept[self.limit :]

    def kept(self) -> dict[Stratum, list[Drawn]]:
        return {stratum: sorted(pairs)[: self.limit] for stratum, pairs in self._kept.items()}


def allocate(counts: Mapping[Stratum, int], size: int) -> dict[Stratum, int]:
    """The number of pairs to draw from each stratum: in proportion, at least one, and never more than it has.

    Args:
        counts: the number of pairs of each stratum, none of them 0.
        size: the number of pairs in all; at least the number of strata.
    """
    total = sum(counts.values())
    if size >= total:
        return dict(counts)
    due = {stratum: size * number / total for stratum, number in sorted(counts.items())}
    # Every stratum has at least one pair, even where its share rounds to none; the loops below then meet the size.
    given = {stratum: max(1, int(share)) for stratum, share in due.items()}
    while sum(given.values()) > size:
        given[max((one for one in given if given[one] > 1), key=lambda one: given[one] - due[one])] -= 1
    while sum(given.values()) < size:
        given[max((one for one in given if given[one] < counts[one]), key=lambda one: due[one] - given[one])] += 1
    return given


# Draws from the rarest strata first, and always a pair whose dialogue is in the sample least often so far.
def _spread(kept: Mapping[Stratum, list[Drawn]], wanted: Mapping[Stratum, int]) -> list[Drawn]:
    used: Counter[str] = Counter()
    chosen: list[Drawn] = []
    for stratum in sorted(kept, key=lambda one: (len(kept[one]), one)):
        queue = [(used[pair.dialogue_id], pair) for pair in kept[stratum]]
        heapq.heapify(queue)
        left = wanted[stratum]
        while left:
            uses, pair = heapq.heappop(queue)
            # The count has grown since the pair was queued: it goes back with its present count instead of a resorted
            # queue.
            if uses != used[pair.dialogue_id]:
                heapq.heappush(queue, (used[pair.dialogue_id], pair))
                continue
            used[pair.dialogue_id] += 1
            chosen.append(pair)
            left -= 1
    return chosen


def rows_by_id(release: Release, config: Config, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    """The rows of a config with these ids, by id; unknown ids are left out."""
    wanted = pa.array(sorted(ids), pa.string())
    found: dict[str, dict[str, Any]] = {}
    for path in release.files(config):
        for batch in release.batches(path):
            hits = batch.filter(pc.is_in(batch.column("row_id"), value_set=wanted))
            found |= {row["row_id"]: row for row in hits.to_pylist()}
    return found


KEY_FILE = "key.json"
NOTE = "Do not give this file to annotators: it says which reply is which."


class KeyItem(Frozen):
    """The pair of an item, and the order of its sides."""

    row_id: str
    dialogue_id: str
    a: Literal["chosen", "rejected"]
    """The side that annotators see as reply A."""


class Key(Frozen):
    """What `review import` needs besides the filled sheets; annotators never see it."""

    note: str = NOTE
    format: Literal[1] = 1
    version: str
    """The version of the release."""
    config: Config
    stratify: tuple[str, ...]
    seed: int
    """The seed of the sample and of the order of sides."""
    items: dict[str, KeyItem] = Field(min_length=1)
    """By item id, in the order of the sheet."""


def read_key(path: Path) -> Key:
    """The key in a file.

    Raises:
        UsageError: the file cannot be read or is not a key; the message names the field.
    """
    try:
        return Key.model_validate(read_json(path))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise UsageError(f"{path}: not a review key: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except DocumentError as error:
        raise UsageError(f"{path}: not a review key: not JSON: {error}") from error

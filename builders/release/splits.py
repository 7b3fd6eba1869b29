"""Shares dialogues out to splits: by what was said in them alone, with near-duplicates together.

A dialogue's place is a number made from a hash of its words, so neither the order of the input nor other dialogues move
it. Near-duplicates (MinHash over word triples, datasketch's) form a group with one place, the smallest of its members'
numbers. That number is the smallest hash among a dialogue's runs of eight words, which near-duplicates mostly share: so
a near-duplicate that is added later finds its group where it was, unless the few words that are its own happen to hash
lowest. All of this is our own design; ESConv has no canonical split.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...schemas.dialogue import Dialogue, Split
from ...schemas.spec import SplitRule
from ...schemas.text import normalise_text

HELD_OUT = "held_out"
"""The key of `splits.json` under which dialogues stand that are in no split."""

PERMUTATIONS = 128
"""Numbers of a sketch."""
_ROWS_PER_BAND = 4
_PLACE_WORDS = 8
_NEIGHBOURS = 128


@dataclass
class SplitPlan:
    """Takes in dialogues one by one and then says where each goes; holds a sketch of each, not its words."""

    rule: SplitRule
    _ids: list[str] = field(default_factory=list)
    _own: list[Split | None] = field(default_factory=list)
    _places: list[int] = field(default_factory=list)
    _sketches: list[np.ndarray] = field(default_factory=list)

    def add(self, dialogue: Dialogue) -> None:
        """Takes in the next dialogue."""
        words = normalise_text(" ".join(turn.text for turn in dialogue.turns)).split()
        self._ids.append(dialogue.dialogue_id)
        self._own.append(dialogue.split)
        self._places.append(_place(words, self.rule.salt))
        self._sketches.append(sketch_of(words))

    def decide(self) -> "Splits":
        """The split of every dialogue taken in."""
        groups = near_duplicate_groups(self._sketches, self.rule.near_duplicate)
        order = np.argsort(groups, kind="stable")
        starts = np.flatnonzero(np.diff(groups[order])) + 1
        splits: list[Split] = [Split.TRAIN] * len(self._ids)
        for members in np.split(order, starts):
            split = self._split([int(member) for member in members]) if len(members) else Split.TRAIN
            for member in members:
                splits[member] = split
        return Splits(self._ids, groups, splits)

    def _split(self, members: Sequence[int]) -> Split:
        """Where a group goes: to its members' own split, the most held-out of several; else by its place."""
        own = {self._own[member] for member in members} - {None}
        for split in (Split.TEST, Split.VALIDATION, Split.TRAIN):
            if split in own:
                return split
        place = min(self._places[member] for member in members)
        share = int.from_bytes(hashlib.sha256(f"{self.rule.salt}/{place}".encode()).digest()[:8]) / 2**64
        if share < self.rule.test:
            return Split.TEST
        return Split.VALIDATION if share < self.rule.test + self.rule.validation else Split.TRAIN


@dataclass(frozen=True)
class Splits:
    """The decision."""

    ids: Sequence[str]
    """Dialogue ids, in the order in which they were taken in."""
    groups: np.ndarray
    """The group of each."""
    splits: Sequence[Split]
    """The split of each."""

    def repeats(self) -> list[str | None]:
        """Of each dialogue, the id of the first one that it nearly repeats; None of the first ones themselves."""
        first: dict[int, str] = {}
        found = []
        for dialogue_id, group in zip(self.ids, self.groups.tolist(), strict=True):
            found.append(first.get(group))
            first.setdefault(group, dialogue_id)
        return found

    def as_json(self, rule: SplitRule, held_out: Collection[str] | None = None) -> dict[str, object]:
        """The content of `splits.json`: the rule, every dialogue's split, and the groups of near-duplicates.

        Args:
            rule: that the splits were decided by.
            held_out: dialogues that are in no split; None where the release holds none out.
        """
        by_split: dict[str, list[str]] = {split.value: [] for split in Split}
        for dialogue_id, split in zip(self.ids, self.splits, strict=True):
            if dialogue_id not in (held_out or ()):
                by_split[split].append(dialogue_id)
        together: dict[int, list[str]] = {}
        for dialogue_id, group in zip(self.ids, self.groups, strict=True):
            together.setdefault(int(group), []).append(dialogue_id)
        near = sorted(sorted(group) for group in together.values() if len(group) > 1)
        return {
            "rule": rule.model_dump(mode="json"),
            "splits": {name: sorted(ids) for name, ids in by_split.items()},
            **({} if held_out is None else {HELD_OUT: sorted(held_out)}),
            "near_duplicates": near,
        }


def near_duplicate_groups(sketches: Sequence[np.ndarray] | np.ndarray, similarity: float) -> np.ndarray:
    """A group number for every sketch, the same for those that agree at least so far, be it through others."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not len(sketches):
        return np.zeros(0, dtype=np.int32)
    pairs = list(_near_duplicates(np.asarray(sketches), similarity))
    ones = np.ones(len(pairs), dtype=np.int8)
    ends = (np.array([a for a, _ in pairs], dtype=np.int64), np.array([b for _, b in pairs], dtype=np.int64))
    graph = coo_array((ones, ends), shape=(len(sketches), len(sketches)))
    return np.asarray(connected_components(graph, directed=False)[1])


def _near_duplicates(sketches: np.ndarray, similarity: float) -> Iterable[tuple[int, int]]:
    """Pairs whose sketches agree as far as that, found band by band."""
    for band in range(0, PERMUTATIONS, _ROWS_PER_BAND):
        part = np.ascontiguousarray(sketches[:, band : band + _ROWS_PER_BAND])
        keys = part.view([("", part.dtype)] * _ROWS_PER_BAND).ravel()
        order = np.argsort(keys, kind="stable")
        for a, b in _equal_neighbours(keys[order]):
            if np.mean(sketches[order[a]] == sketches[order[b]]) >= similarity:
                yield int(order[a]), int(order[b])


def _equal_neighbours(keys: np.ndarray) -> Iterable[tuple[int, int]]:
    """Pairs of places with equal keys among sorted `keys`, at most `_NEIGHBOURS` apart.

    That is every pair, but in a corpus where over a hundred dialogues share a band; there the chain still holds them.
    """
    for apart in range(1, _NEIGHBOURS + 1):
        same = np.flatnonzero(keys[apart:] == keys[:-apart])
        if not len(same):
            return
        yield from zip(same.tolist(), (same + apart).tolist(), strict=True)


def _place(words: Sequence[str], salt: str) -> int:
    """The smallest 64-bit hash among the runs of eight words, or the hash of all where there are fewer."""
    runs = {" ".join(words[at : at + _PLACE_WORDS]) for at in range(max(1, len(words) - _PLACE_WORDS + 1))}
    return min(int.from_bytes(hashlib.sha1(f"{salt}\0{run}".encode()).digest()[:8]) for run in runs)


def sketch_of(words: Sequence[str]) -> np.ndarray:
    """The MinHash sketch of a text's word triples: two sketches agree in the share that the triples do, about."""
    from datasketch import MinHash  # brings SciPy, slow to import

    triples = {" ".join(words[at : at + 3]).encode() for at in range(max(1, len(words) - 2))}
    sketch = MinHash(num_perm=PERMUTATIONS)
    sketch.update_batch(sorted(triples))
    return np.asarray(sketch.hashvalues, dtype=np.uint32)

"""Shares dialogues out to splits: by what was said in them alone, with near-duplicates together.

A dialogue's place is a number made from a hash of its words, so neither the order of the input nor other dialogues move
it. Near-duplicates (MinHash over word triples, datasketch's) form a group with one place, the smallest of its members'
numbers. That number is the smallest hash among a dialogue's runs of eight words, which near-duplicates mostly share: so
a near-duplicate that is added later finds its group where it was, unless the few words that are its own happen to hash
lowest. All of this is our own design; ESConv has no canonical split.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...schemas.dialogue import Dialogue, Split
from ...schemas.spec import SplitRule
from ...schemas.text import normalise_text
from ..statistics.near_duplicates import Sketches, sketch_of

HELD_OUT = "held_out"
"""The key of `splits.json` under which dialogues stand that are in no split."""

_PLACE_WORDS = 8


@dataclass
class SplitPlan:
    """Takes in dialogues one by one and then says where each goes; holds no words, and sketches on disk."""

    rule: SplitRule
    _ids: list[str] = field(default_factory=list)
    _own: list[Split | None] = field(default_factory=list)
    _places: list[int] = field(default_factory=list)
    _sketches: Sketches = field(default_factory=Sketches)

    def add(self, dialogue: Dialogue) -> None:
        """Takes in the next dialogue."""
        words = normalise_text(" ".join(turn.text for turn in dialogue.turns)).split()
        self._ids.append(dialogue.dialogue_id)
        self._own.append(dialogue.split)
        self._places.append(_place(words, self.rule.salt))
        self._sketches.add(sketch_of(words))

    def decide(self) -> "Splits":
        """The split of every dialogue taken in; after it nothing more can be."""
        groups = self._sketches.groups(self.rule.near_duplicate)
        self._sketches.close()
        order = np.argsort(groups, kind="stable")
        starts = np.flatnonzero(np.diff(groups[order])) + 1
        splits: list[Split] = [Split.TRAIN] * len(self._ids)
        for members in np.split(order, starts):
            split = self._split([int(member) for member in members]) if len(members) else Split.TRAIN
            for member in members:
                splits[member] = split
        return Splits(self._ids, groups, splits)

    # Where a group goes: to its members' own split, the most held-out of several; else by its place.
    def _split(self, members: Sequence[int]) -> Split:
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


# The smallest 64-bit hash among the runs of eight words, or the hash of all where there are fewer.
def _place(words: Sequence[str], salt: str) -> int:
    runs = {" ".join(words[at : at + _PLACE_WORDS]) for at in range(max(1, len(words) - _PLACE_WORDS + 1))}
    return min(int.from_bytes(hashlib.sha1(f"{salt}\0{run}".encode()).digest()[:8]) for run in runs)

"""Assigns dialogues to splits by their words alone, with near-duplicates together.

A dialogue's place is the smallest hash among its runs of eight words, so it depends neither on the order of the input
nor on other dialogues. Near-duplicates (MinHash over word triples, by datasketch) form a group, whose place is the
smallest of its members' places. They share most of their runs: so a near-duplicate that is added later rarely moves its
group, only if one of its own words hashes lowest. This is our own design; ESConv has no canonical split.
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
"""The key of `splits.json` for dialogues that are in no split."""

_PLACE_WORDS = 8


@dataclass
class SplitPlan:
    """Collects dialogues one by one and then assigns all of them; keeps no words in memory, and sketches on disk."""

    rule: SplitRule
    _ids: list[str] = field(default_factory=list)
    _own: list[Split | None] = field(default_factory=list)
    _places: list[int] = field(default_factory=list)
    _sketches: Sketches = field(default_factory=Sketches)

    def add(self, dialogue: Dialogue) -> None:
        words = normalise_text(" ".join(turn.text for turn in dialogue.turns)).split()
        self._ids.append(dialogue.dialogue_id)
        self._own.append(dialogue.split)
        self._places.append(_place(words, self.rule.salt))
        self._sketches.add(sketch_of(words))

    def decide(self) -> "Splits":
        """Assigns every dialogue that was added; none can be added afterwards."""
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

    # The split that a source gave a member (test before validation before train), or else that of the place.
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
    """The groups and splits of all dialogues."""

    ids: Sequence[str]
    """Dialogue ids, in the order in which they were added."""
    groups: np.ndarray
    """The number of each dialogue's group of near-duplicates."""
    splits: Sequence[Split]
    """Each dialogue's split."""

    def repeats(self) -> list[str | None]:
        """For each dialogue, the id of the first one of its group; None for the first ones themselves."""
        first: dict[int, str] = {}
        found = []
        for dialogue_id, group in zip(self.ids, self.groups.tolist(), strict=True):
            found.append(first.get(group))
            first.setdefault(group, dialogue_id)
        return found

    def as_json(self, rule: SplitRule, held_out: Collection[str] | None = None) -> dict[str, object]:
        """The content of `splits.json`: the rule, every dialogue's split, and the groups of near-duplicates.

        Args:
            rule: the rule that decided the splits.
            held_out: dialogues that are in no split; None if the release's spec holds none out.
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


# The smallest 64-bit hash among the runs of eight words; with fewer words, the hash of all of them.
def _place(words: Sequence[str], salt: str) -> int:
    runs = {" ".join(words[at : at + _PLACE_WORDS]) for at in range(max(1, len(words) - _PLACE_WORDS + 1))}
    return min(int.from_bytes(hashlib.sha1(f"{salt}\0{run}".encode()).digest()[:8]) for run in runs)

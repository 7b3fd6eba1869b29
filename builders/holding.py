"""Holds rows back on disk until every turn was mined, for the steps that look at all pairs together.

Rows come out in the order in which they went in. What is held in memory is some numbers a pair; words and sketches lie
in temporary files.
"""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import orjson

from ..schemas.config import PAIR_CONFIGS, Config
from ..schemas.dialogue import Speaker, Split
from ..schemas.drops import NEVER_A_PAIR, DropReason
from ..schemas.spec import BuildSpec
from ..schemas.strategy import Strategy
from ..schemas.text import words_of
from .balance import Duel, duel_quotas, quotas
from .mining.candidate import Candidate, Drop, Result
from .mining.rows import dropped_row, pair_row
from .mining.steps import Whole
from .release.splits import PERMUTATIONS, near_duplicate_groups, sketch_of

Row = dict[str, Any]
Add = Callable[[Config, Split, Row], None]

_SPLIT_ORDER = {Split.TEST: 0, Split.VALIDATION: 1, Split.TRAIN: 2}
"""Of two near-duplicates the one that is held out stays, so that what is measured on does not shrink."""


@dataclass(frozen=True, slots=True)
class _Pair:
    """What is known in memory of a held pair."""

    line: int
    config: Config
    duel: Duel
    split: Split
    rank: str
    """Its row id: a digest, so as good a draw as any."""


@dataclass
class Holding:
    """The rows of pairs and drops of one release, until `release` lets them go."""

    spec: BuildSpec
    steps: tuple[Whole, ...]
    _rows: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    _sketches: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    _lines: int = 0
    _pairs: list[_Pair] = field(default_factory=list)
    _pools: dict[Config, Counter[Duel]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, result: Result) -> None:
        """Takes in a candidate of a preference config, or any drop."""
        candidate = result.candidate if isinstance(result, Drop) else result
        config, split = candidate.config, candidate.turn.placed.split
        duel = (candidate.turn.strategy, candidate.strategy or candidate.turn.strategy)
        if isinstance(result, Drop):
            self._write(Config.DROPPED, split, dropped_row(result, self.spec.layout), None)
            self._pools[config][duel] += result.reason not in NEVER_A_PAIR
            return
        self._pools[config][duel] += 1
        self._pairs.append(_Pair(self._lines, config, duel, split, candidate.row_id))
        if Whole.NEAR_DUPLICATES in self.steps:
            self._sketches.write(_sketch(candidate).tobytes())
        dropped = dropped_row(Drop(candidate, DropReason.STRATEGY_CAP), self.spec.layout)
        self._write(config, split, pair_row(candidate, self.spec.layout), dropped)

    def release(self, add: Add) -> Iterator[tuple[Config, DropReason]]:
        """Hands every row to `add`, in order, and tells the config and reason of every pair that became a drop here."""
        out: dict[int, tuple[DropReason, str]] = {}
        for step in self.steps:
            left = [at for at, pair in enumerate(self._pairs) if pair.line not in out]
            for at, reason, detail in _STEPS[step](self, left):
                out[self._pairs[at].line] = (reason, detail)
        self._rows.seek(0)
        for number, line in enumerate(self._rows):
            config, split, row, dropped = orjson.loads(line)
            if number in out:
                reason, detail = out[number]
                add(Config.DROPPED, Split(split), {**dropped, "reason": reason.value, "detail": detail})
                yield Config(config), reason
            else:
                add(Config(config), Split(split), row)
        self._rows.close()
        self._sketches.close()

    def near_duplicates(self, left: Sequence[int]) -> Iterator[tuple[int, DropReason, str]]:
        """Of every group of pairs with nearly the same words, all but the first of the most held-out split."""
        similarity = self.spec.near_duplicate_pairs
        assert similarity is not None, "checked when the spec was read"
        self._sketches.flush()
        if not self._pairs:
            return
        sketches = np.memmap(self._sketches, dtype=np.uint32, mode="r", shape=(len(self._pairs), PERMUTATIONS))
        for config in PAIR_CONFIGS:
            mine = [at for at in left if self._pairs[at].config is config and config is not Config.STRATEGY]
            groups = near_duplicate_groups(sketches[mine], similarity)
            first: dict[int, int] = {}
            for at, group in sorted(
                zip(mine, groups.tolist(), strict=True), key=lambda one: self._held_out_first(one[0])
            ):
                if group in first:
                    yield at, DropReason.NEAR_DUPLICATE_PAIR, f"of row {self._pairs[first[group]].rank}"
                first.setdefault(group, at)

    def over_cap(self, left: Sequence[int]) -> Iterator[tuple[int, DropReason, str]]:
        """Pairs above what the balance of strategies allows, those with the highest ranks; see `balance`."""
        assert self.spec.balance is not None, "checked when the spec was read"
        for config in PAIR_CONFIGS:
            pool = self._pools[config]
            mine = sorted((at for at in left if self._pairs[at].config is config), key=self._rank)
            if config is not Config.STRATEGY:  # where every pair is a duel, balanced duels are all that is wanted
                kept = Counter(self._pairs[at].duel[0] for at in mine)
                allowed = quotas(kept, _by_chosen(pool), self.spec.balance)
                mine = yield from self._capped(mine, allowed, _chosen)
            if config is not Config.RESPONSE:
                duels = Counter(self._pairs[at].duel for at in mine)
                yield from self._capped(mine, duel_quotas(duels, pool, self.spec.balance), _itself)

    def _capped(
        self, mine: Sequence[int], allowed: Mapping[Any, int], key: Callable[[Duel], Any]
    ) -> Generator[tuple[int, DropReason, str], None, list[int]]:
        """Yields the pairs beyond what is allowed of their key, and returns the others."""
        used: Counter[Any] = Counter()
        stay = []
        for at in mine:
            group = key(self._pairs[at].duel)
            used[group] += 1
            if used[group] > allowed[group]:
                told = group if isinstance(group, str) else " over ".join(group)
                yield at, DropReason.STRATEGY_CAP, f"{allowed[group]} of {told} stay"
            else:
                stay.append(at)
        return stay

    def _rank(self, at: int) -> str:
        return self._pairs[at].rank

    def _held_out_first(self, at: int) -> tuple[int, int]:
        return _SPLIT_ORDER[self._pairs[at].split], at

    def _write(self, config: Config, split: Split, row: Row, dropped: Row | None) -> None:
        self._rows.write(orjson.dumps((config, split, row, dropped)) + b"\n")
        self._lines += 1


_STEPS: dict[Whole, Callable[[Holding, Sequence[int]], Iterator[tuple[int, DropReason, str]]]] = {
    Whole.NEAR_DUPLICATES: Holding.near_duplicates,
    Whole.BALANCE: Holding.over_cap,
}


def _chosen(duel: Duel) -> Strategy:
    return duel[0]


def _itself(duel: Duel) -> Duel:
    return duel


def _by_chosen(pool: Mapping[Duel, int]) -> Counter[Strategy]:
    found: Counter[Strategy] = Counter()
    for duel, number in pool.items():
        found[duel[0]] += number
    return found


def _sketch(candidate: Candidate) -> np.ndarray:
    """Of what the seeker said last and the words of both sides."""
    said = [turn.text for turn in candidate.turn.history if turn.speaker is Speaker.SEEKER][-1:]
    return sketch_of(words_of(" ".join([*said, candidate.chosen, candidate.reply or ""])))

"""Holds rows back on disk until every turn was mined, for the steps that look at all pairs together.

Rows come out in the order in which they went in. What is held in memory is some tens of bytes a pair; words and
sketches lie in temporary files.
"""

import tempfile
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

import numpy as np
import orjson

from ...schemas.config import PAIR_CONFIGS, Config
from ...schemas.dialogue import Speaker, Split
from ...schemas.drops import NEVER_A_PAIR, DropReason
from ...schemas.spec import BalanceRule, BuildSpec
from ...schemas.strategy import Strategy
from ...schemas.text import words_of
from ..mining.candidate import Candidate, Drop, Result, dropped_row, pair_row
from ..mining.steps import CorpusStep
from ..statistics.near_duplicates import Sketches, sketch_of

# Stratified keeping: a filter that favours some strategies is cut back to where it hardly does (our own design).
#
# A judge flags advice more often than questions, so what a filter keeps has other strategies than what it was given,
# and a planner trained on it inherits the judge's taste. So every strategy is kept up to one common share of its
# pool, the largest at which the shares kept spread no further than the rule allows. And where a pair sets one
# strategy over another, what is kept of such pairs may exceed what is kept of the opposite ones only by a factor:
# else the pairs would teach which strategy wins as a rule, whatever the moment.


StrategyPair = tuple[Strategy, Strategy]
"""The strategy that is chosen, and the one that it is chosen over."""

_HALVINGS = 60
_HALF = 0.5


def quotas(kept: Mapping[Strategy, int], pool: Mapping[Strategy, int], rule: BalanceRule) -> dict[Strategy, int]:
    """How many pairs of each strategy may stay.

    Args:
        kept: pairs that the filter would keep, by the human's strategy.
        pool: whole pairs that it chose from, the kept ones among them.
        rule: how far the shares kept may spread. Strategies without a kept pair are left out of the calculation,
            since no cap can mend that.
    """
    strategies = [strategy for strategy in Strategy if kept.get(strategy)]
    if not strategies:
        return {}
    counts = np.array([kept[strategy] for strategy in strategies], dtype=np.float64)
    of = np.array([pool[strategy] for strategy in strategies], dtype=np.float64)
    share = max(_share(counts / of, rule.spread), rule.least * counts.sum() / of.sum())
    allowed = np.minimum(counts, np.rint(share * of))
    return {strategy: int(number) for strategy, number in zip(strategies, allowed, strict=True)}


def duel_quotas(
    kept: Mapping[StrategyPair, int], pool: Mapping[StrategyPair, int], rule: BalanceRule
) -> dict[StrategyPair, int]:
    """How many pairs of each duel may stay; those of one strategy on both sides all may.

    Args:
        kept: pairs that are kept so far.
        pool: whole pairs that the filter chose from.
        rule: by how much a duel's share may exceed its opposite's. Half a count is added everywhere, so that a duel
            whose opposite never came is cut to next to nothing, but not for a single missing pair.
    """
    return {duel: _duel_quota(duel, kept, pool, rule.duel) for duel in kept}


def _duel_quota(
    duel: StrategyPair, kept: Mapping[StrategyPair, int], pool: Mapping[StrategyPair, int], most: float
) -> int:
    opposite = (duel[1], duel[0])
    if duel == opposite:
        return kept[duel]
    share, other = ((kept.get(one, 0) + _HALF) / (pool.get(one, 0) + 2 * _HALF) for one in (duel, opposite))
    return min(kept[duel], round(min(share, most * other) * (pool[duel] + 2 * _HALF) - _HALF))


def spread_of(shares: np.ndarray) -> float:
    """The population standard deviation of shares over their mean: 0 where all are equal."""
    return float(shares.std() / shares.mean())


# The largest cap under which the shares spread no further; found by halving, since the spread grows with it.
def _share(shares: np.ndarray, spread: float) -> float:
    low, high = float(shares.min()), float(shares.max())
    if spread_of(shares) <= spread:
        return high
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if spread_of(np.minimum(shares, middle)) <= spread:
            low = middle
        else:
            high = middle
    return low


# What is kept in memory of pairs that are held back: forty bytes each, whatever their words.


_STRATEGIES = tuple(Strategy)
_CONFIGS = tuple(PAIR_CONFIGS)
# Of two near-duplicates the one that is held out stays, so that what is measured on does not shrink.
_SPLITS = (Split.TEST, Split.VALIDATION, Split.TRAIN)
_HELD_PAIRS_HALF = 2**64 - 1


@dataclass(frozen=True)
class PairTable:
    """Pairs as columns, in the order in which they came."""

    lines: np.ndarray
    """Which held row each is."""
    configs: np.ndarray
    chosen: np.ndarray
    """Number of the chosen strategy."""
    rejected: np.ndarray
    splits: np.ndarray
    """0 for the most held-out split."""
    ranks: np.ndarray
    """The halves of their row ids as numbers, a row each: digests, so as good a draw as any."""

    def of(self, config: Config) -> np.ndarray:
        """Which pairs are of a config."""
        return np.asarray(self.configs == _CONFIGS.index(config))

    def by_rank(self, places: np.ndarray) -> np.ndarray:
        """These places, the pair with the lowest row id first."""
        return places[np.lexsort((self.ranks[places, 1], self.ranks[places, 0]))]

    def row_id(self, place: int) -> str:
        """The row id of a pair."""
        high, low = self.ranks[place].tolist()
        return f"{high:016x}{low:016x}"

    def duels(self, places: np.ndarray) -> np.ndarray:
        """Both strategies of each as one number; see `_duel_of`."""
        return np.asarray(self.chosen[places].astype(np.int64) * len(_STRATEGIES) + self.rejected[places])


def _strategy_of(number: int) -> Strategy:
    return _STRATEGIES[number]


# The strategies behind a number of `PairTable.duels`.
def _duel_of(number: int) -> StrategyPair:
    chosen, rejected = divmod(number, len(_STRATEGIES))
    return _STRATEGIES[chosen], _STRATEGIES[rejected]


class HeldPairs:
    """Takes in pairs one by one."""

    def __init__(self) -> None:
        self._lines, self._ranks = array("q"), array("Q")
        self._small = array("B")

    def add(self, line: int, config: Config, duel: StrategyPair, split: Split, row_id: str) -> None:
        """Takes in the next pair; `line` says which held row it is."""
        rank = int(row_id, 16)
        self._lines.append(line)
        self._ranks.extend((rank >> 64, rank & _HELD_PAIRS_HALF))
        chosen, rejected = (_STRATEGIES.index(strategy) for strategy in duel)
        self._small.extend((_CONFIGS.index(config), chosen, rejected, _SPLITS.index(split)))

    def table(self) -> PairTable:
        """All of them; nothing may be added as long as it is used."""
        small = np.frombuffer(self._small, dtype=np.uint8).reshape(-1, 4)
        ranks = np.frombuffer(self._ranks, dtype=np.uint64).reshape(-1, 2)
        configs, chosen, rejected, splits = small.T
        return PairTable(np.frombuffer(self._lines, dtype=np.int64), configs, chosen, rejected, splits, ranks)


Row = dict[str, Any]
Add = Callable[[Config, Split, Row], None]


class _PairDecisions:
    """Which pairs go, and why: a few bytes a pair, and each reason in words once."""

    def __init__(self, pairs: PairTable) -> None:
        self.pairs = pairs
        self._reasons: list[tuple[DropReason, str]] = []
        self._reason = np.zeros(len(pairs.lines), dtype=np.int32)
        self._twin = np.full(len(pairs.lines), -1, dtype=np.int64)

    def staying(self, config: Config) -> np.ndarray:
        """The places of a config's pairs that are still there, in order."""
        return np.flatnonzero(self.pairs.of(config) & (self._reason == 0))

    def drop(self, places: np.ndarray, reason: DropReason, detail: str, twins: np.ndarray | None = None) -> None:
        """These pairs go; `twins` are those whose row ids end the detail, where there are any."""
        self._reasons.append((reason, detail))
        self._reason[places] = len(self._reasons)
        if twins is not None:
            self._twin[places] = twins

    def of_lines(self) -> Iterator[tuple[int, DropReason, str]]:
        """The line, reason and detail of every pair that goes, in order of the lines."""
        for place in np.flatnonzero(self._reason).tolist():
            reason, detail = self._reasons[self._reason[place] - 1]
            twin = int(self._twin[place])
            yield int(self.pairs.lines[place]), reason, detail + (self.pairs.row_id(twin) if twin >= 0 else "")


@dataclass
class CorpusFilter:
    """The rows of pairs and drops of one release, until `release` lets them go."""

    spec: BuildSpec
    steps: tuple[CorpusStep, ...]
    _rows: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    _sketches: Sketches = field(default_factory=Sketches)
    _lines: int = 0
    _pairs: HeldPairs = field(default_factory=HeldPairs)
    _pools: dict[Config, Counter[StrategyPair]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, result: Result) -> None:
        """Takes in a candidate of a preference config, or any drop."""
        candidate = result.candidate if isinstance(result, Drop) else result
        config, split = candidate.config, candidate.turn.placed.split
        if isinstance(result, Drop):
            self._write(Config.DROPPED, split, dropped_row(result, self.spec.layout), None)
            if candidate.turn.strategy is not None:
                self._pools[config][_duel(candidate)] += result.reason not in NEVER_A_PAIR
            return
        duel = _duel(candidate)
        self._pools[config][duel] += 1
        self._pairs.add(self._lines, config, duel, split, candidate.row_id)
        if CorpusStep.NEAR_DUPLICATES in self.steps:
            self._sketches.add(_sketch(candidate))
        dropped = dropped_row(Drop(candidate, DropReason.STRATEGY_CAP), self.spec.layout)
        self._write(config, split, pair_row(candidate, self.spec.layout), dropped)

    def release(self, add: Add) -> Iterator[tuple[Config, DropReason]]:
        """Hands every row to `add`, in order, and tells the config and reason of every pair that became a drop here."""
        fates = _PairDecisions(self._pairs.table())
        for step in self.steps:
            _STEPS[step](self, fates)
        out = fates.of_lines()
        at, reason, detail = next(out, _NONE)
        self._rows.seek(0)
        for number, line in enumerate(self._rows):
            config, split, row, dropped = orjson.loads(line)
            if number == at:
                add(Config.DROPPED, Split(split), {**dropped, "reason": reason.value, "detail": detail})
                yield Config(config), reason
                at, reason, detail = next(out, _NONE)
            else:
                add(Config(config), Split(split), row)
        self._rows.close()
        self._sketches.close()

    def near_duplicates(self, fates: _PairDecisions) -> None:
        """Of every group of pairs with nearly the same words, all but the first of the most held-out split go."""
        similarity = self.spec.near_duplicate_pairs
        assert similarity is not None, "checked when the spec was read"
        for config in PAIR_CONFIGS:
            mine = fates.staying(config)
            if config is Config.STRATEGY or not len(mine):
                continue
            groups = self._sketches.groups(similarity, mine)
            order = np.lexsort((mine, fates.pairs.splits[mine], groups))
            # Of each group, the first in this order stays; the drop of the others names it.
            leads = np.append(True, np.diff(groups[order]) != 0)
            first = mine[order][np.flatnonzero(leads)[np.cumsum(leads) - 1]]
            fates.drop(mine[order][~leads], DropReason.NEAR_DUPLICATE_PAIR, "of row ", first[~leads])

    def over_cap(self, fates: _PairDecisions) -> None:
        """Pairs above what the balance of strategies allows go, those with the highest ranks; see `balance`."""
        rule, pairs = self.spec.balance, fates.pairs
        assert rule is not None, "checked when the spec was read"
        for config in PAIR_CONFIGS:
            pool = self._pools[config]
            if config is not Config.STRATEGY:  # where every pair is a duel, balanced duels are all that is wanted
                mine = pairs.by_rank(fates.staying(config))
                kept = {_strategy_of(code): places for code, places in _grouped(mine, pairs.chosen[mine])}
                allowed = quotas({one: len(places) for one, places in kept.items()}, _by_chosen(pool), rule)
                _cap(fates, kept, allowed, str)
            if config is not Config.RESPONSE:
                mine = pairs.by_rank(fates.staying(config))
                duels = {_duel_of(code): places for code, places in _grouped(mine, pairs.duels(mine))}
                may = duel_quotas({one: len(places) for one, places in duels.items()}, pool, rule)
                _cap(fates, duels, may, " over ".join)

    def _write(self, config: Config, split: Split, row: Row, dropped: Row | None) -> None:
        self._rows.write(orjson.dumps((config, split, row, dropped)) + b"\n")
        self._lines += 1


# No line at all.
_NONE = (-1, DropReason.STRATEGY_CAP, "")

_STEPS: dict[CorpusStep, Callable[[CorpusFilter, _PairDecisions], None]] = {
    CorpusStep.NEAR_DUPLICATES: CorpusFilter.near_duplicates,
    CorpusStep.BALANCE: CorpusFilter.over_cap,
}


# The places of every code, in order.
def _grouped(places: np.ndarray, codes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    for code in np.unique(codes).tolist():
        yield code, places[codes == code]


# The pairs beyond what is allowed of their key go.
def _cap(
    fates: _PairDecisions, kept: Mapping[Any, np.ndarray], allowed: Mapping[Any, int], told: Callable[[Any], str]
) -> None:
    for key, places in kept.items():
        fates.drop(places[allowed[key] :], DropReason.STRATEGY_CAP, f"{allowed[key]} of {told(key)} stay")


def _by_chosen(pool: Mapping[StrategyPair, int]) -> Counter[Strategy]:
    found: Counter[Strategy] = Counter()
    for duel, number in pool.items():
        found[duel[0]] += number
    return found


def _duel(candidate: Candidate) -> StrategyPair:
    return candidate.turn.named, candidate.strategy or candidate.turn.named


# Of what the seeker said last and the words of both sides.
def _sketch(candidate: Candidate) -> np.ndarray:
    said = [turn.text for turn in candidate.turn.history if turn.speaker is Speaker.SEEKER][-1:]
    return sketch_of(words_of(" ".join([*said, candidate.chosen, candidate.reply or ""])))

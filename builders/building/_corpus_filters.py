"""The steps that look at all pairs of a release together: they drop near-duplicates, and balance the strategies.

So rows of pairs are held back on disk until every turn is mined, and come out in the order in which they went in.
Memory holds some tens of bytes a pair; rows and sketches are in temporary files.

**Balance** (our own design). A judge flags advice more often than questions, so what a filter keeps has other
strategies than its input, and a planner that is trained on it inherits the judge's taste. So every strategy is kept up
to one common share of its pool, the largest at which the shares spread no further than the rule allows. And where a
pair prefers one strategy to another, the share of such pairs may exceed that of the opposite ones only by a factor:
otherwise the pairs would teach which strategy wins as a rule, whatever the moment.
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

StrategyPair = tuple[Strategy, Strategy]
"""The strategies of the chosen side and of the rejected side."""
Row = dict[str, Any]
Add = Callable[[Config, Split, Row], None]

_STRATEGIES = tuple(Strategy)
_CONFIGS = tuple(PAIR_CONFIGS)
_SPLITS = (Split.TEST, Split.VALIDATION, Split.TRAIN)
"""Of near-duplicates, the one in the first of these splits stays, so that held-out data does not shrink."""
_LOW_HALF = 2**64 - 1


@dataclass(frozen=True)
class PairTable:
    """Pairs as columns, in the order in which they were added; strategies, configs and splits as their indices."""

    lines: np.ndarray
    """The number of the held row."""
    configs: np.ndarray
    chosen: np.ndarray
    rejected: np.ndarray
    splits: np.ndarray
    ranks: np.ndarray
    """Both halves of the row id as numbers: row ids are digests, so their order is as good as a random one."""

    def of(self, config: Config) -> np.ndarray:
        """A mask of the pairs of a config."""
        return np.asarray(self.configs == _CONFIGS.index(config))

    def by_rank(self, places: np.ndarray) -> np.ndarray:
        """These places, ordered by row id."""
        return places[np.lexsort((self.ranks[places, 1], self.ranks[places, 0]))]

    def row_id(self, place: int) -> str:
        high, low = self.ranks[place].tolist()
        return f"{high:016x}{low:016x}"

    def by_strategy(self, places: np.ndarray) -> dict[Strategy, np.ndarray]:
        """These places, grouped by the chosen strategy."""
        return {_STRATEGIES[code]: group for code, group in _grouped(places, self.chosen[places])}

    def by_strategy_pair(self, places: np.ndarray) -> dict[StrategyPair, np.ndarray]:
        """These places, grouped by both strategies."""
        codes = self.chosen[places].astype(np.int64) * len(_STRATEGIES) + self.rejected[places]
        grouped = ((divmod(code, len(_STRATEGIES)), group) for code, group in _grouped(places, codes))
        return {(_STRATEGIES[chosen], _STRATEGIES[rejected]): group for (chosen, rejected), group in grouped}


class PairIndex:
    """The index of the pairs on disk: forty bytes in memory for each, whatever its words."""

    def __init__(self) -> None:
        self._lines, self._ranks = array("q"), array("Q")
        self._small = array("B")

    def add(self, line: int, config: Config, strategies: StrategyPair, split: Split, row_id: str) -> None:
        """Adds the next pair; `line` is the number of its held row."""
        rank = int(row_id, 16)
        self._lines.append(line)
        self._ranks.extend((rank >> 64, rank & _LOW_HALF))
        chosen, rejected = (_STRATEGIES.index(strategy) for strategy in strategies)
        self._small.extend((_CONFIGS.index(config), chosen, rejected, _SPLITS.index(split)))

    def table(self) -> PairTable:
        """All pairs, as views of this index: add none while the table is in use."""
        small = np.frombuffer(self._small, dtype=np.uint8).reshape(-1, 4)
        ranks = np.frombuffer(self._ranks, dtype=np.uint64).reshape(-1, 2)
        configs, chosen, rejected, splits = small.T
        return PairTable(np.frombuffer(self._lines, dtype=np.int64), configs, chosen, rejected, splits, ranks)


class PairDecisions:
    """Which pairs are dropped, and why: a few bytes a pair, and each reason in words once."""

    def __init__(self, pairs: PairTable) -> None:
        self.pairs = pairs
        self._reasons: list[tuple[DropReason, str]] = []
        self._reason = np.zeros(len(pairs.lines), dtype=np.int32)
        self._twin = np.full(len(pairs.lines), -1, dtype=np.int64)

    def kept(self, config: Config) -> np.ndarray:
        """The places of a config's pairs that are not dropped, in order."""
        return np.flatnonzero(self.pairs.of(config) & (self._reason == 0))

    def drop(self, places: np.ndarray, reason: DropReason, detail: str, twins: np.ndarray | None = None) -> None:
        """Drops these pairs; the detail of each ends with the row id of its twin, if `twins` are given."""
        self._reasons.append((reason, detail))
        self._reason[places] = len(self._reasons)
        if twins is not None:
            self._twin[places] = twins

    def by_line(self) -> Iterator[tuple[int, DropReason, str]]:
        """The line, reason and detail of every dropped pair, in order of the lines."""
        for place in np.flatnonzero(self._reason).tolist():
            reason, detail = self._reasons[self._reason[place] - 1]
            twin = int(self._twin[place])
            yield int(self.pairs.lines[place]), reason, detail + (self.pairs.row_id(twin) if twin >= 0 else "")


_NO_LINE = (-1, DropReason.STRATEGY_CAP, "")


@dataclass
class CorpusFilter:
    """Holds the rows of pairs and drops of one release until `release` applies the steps to all of them."""

    spec: BuildSpec
    steps: tuple[CorpusStep, ...]
    _rows: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    _sketches: Sketches = field(default_factory=Sketches)
    _lines: int = 0
    _pairs: PairIndex = field(default_factory=PairIndex)
    _pools: dict[Config, Counter[StrategyPair]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, result: Result) -> None:
        """Holds a candidate of a preference config, or any drop."""
        candidate = result.candidate if isinstance(result, Drop) else result
        config, split = candidate.config, candidate.turn.placed.split
        if isinstance(result, Drop):
            self._write(Config.DROPPED, split, dropped_row(result, self.spec.layout), None)
            if candidate.turn.strategy is not None:
                self._pools[config][_strategies(candidate)] += result.reason not in NEVER_A_PAIR
            return
        strategies = _strategies(candidate)
        self._pools[config][strategies] += 1
        self._pairs.add(self._lines, config, strategies, split, candidate.row_id)
        if CorpusStep.NEAR_DUPLICATES in self.steps:
            self._sketches.add(_sketch(candidate))
        # The row of a drop is held too, since the candidate is gone when a step drops it.
        dropped = dropped_row(Drop(candidate, DropReason.STRATEGY_CAP), self.spec.layout)
        self._write(config, split, pair_row(candidate, self.spec.layout), dropped)

    def release(self, add: Add) -> Iterator[tuple[Config, DropReason]]:
        """Passes every row to `add`, in order, and yields the config and reason of every pair that a step dropped."""
        decisions = PairDecisions(self._pairs.table())
        for step in self.steps:
            _STEPS[step](self, decisions)
        dropped_lines = decisions.by_line()
        at, reason, detail = next(dropped_lines, _NO_LINE)
        self._rows.seek(0)
        for number, line in enumerate(self._rows):
            config, split, row, dropped = orjson.loads(line)
            if number == at:
                add(Config.DROPPED, Split(split), {**dropped, "reason": reason.value, "detail": detail})
                yield Config(config), reason
                at, reason, detail = next(dropped_lines, _NO_LINE)
            else:
                add(Config(config), Split(split), row)
        self._rows.close()
        self._sketches.close()

    def drop_near_duplicates(self, decisions: PairDecisions) -> None:
        """Drops all but the first pair, of the most held-out split, of every group with nearly the same words."""
        similarity = self.spec.near_duplicate_pairs
        assert similarity is not None, "checked when the spec was read"
        for config in PAIR_CONFIGS:
            places = decisions.kept(config)
            if config is Config.STRATEGY or not len(places):
                continue
            groups = self._sketches.groups(similarity, places)
            order = np.lexsort((places, decisions.pairs.splits[places], groups))
            # In this order the first of each group stays; the others name it in their details.
            leads = np.append(True, np.diff(groups[order]) != 0)
            first = places[order][np.flatnonzero(leads)[np.cumsum(leads) - 1]]
            decisions.drop(places[order][~leads], DropReason.NEAR_DUPLICATE_PAIR, "of row ", first[~leads])

    def balance(self, decisions: PairDecisions) -> None:
        """Drops the pairs above their strategy's quota, then those above their strategy pair's, highest ids first."""
        rule, pairs = self.spec.balance, decisions.pairs
        assert rule is not None, "checked when the spec was read"
        for config in PAIR_CONFIGS:
            pool = self._pools[config]
            if config is not Config.STRATEGY:  # there, the quotas of strategy pairs balance all that can be
                kept = pairs.by_strategy(pairs.by_rank(decisions.kept(config)))
                allowed = quotas({one: len(places) for one, places in kept.items()}, _by_chosen(pool), rule)
                _drop_above(decisions, kept, allowed, str)
            if config is not Config.RESPONSE:
                kept_pairs = pairs.by_strategy_pair(pairs.by_rank(decisions.kept(config)))
                may = pair_quotas({one: len(places) for one, places in kept_pairs.items()}, pool, rule)
                _drop_above(decisions, kept_pairs, may, " over ".join)

    def _write(self, config: Config, split: Split, row: Row, dropped: Row | None) -> None:
        self._rows.write(orjson.dumps((config, split, row, dropped)) + b"\n")
        self._lines += 1


_STEPS: dict[CorpusStep, Callable[[CorpusFilter, PairDecisions], None]] = {
    CorpusStep.NEAR_DUPLICATES: CorpusFilter.drop_near_duplicates,
    CorpusStep.BALANCE: CorpusFilter.balance,
}


def _grouped(places: np.ndarray, codes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The places of every code, in order of the codes."""
    for code in np.unique(codes).tolist():
        yield code, places[codes == code]


def _drop_above(
    decisions: PairDecisions, kept: Mapping[Any, np.ndarray], allowed: Mapping[Any, int], name: Callable[[Any], str]
) -> None:
    """Drops the pairs above their key's quota."""
    for key, places in kept.items():
        decisions.drop(places[allowed[key] :], DropReason.STRATEGY_CAP, f"{allowed[key]} of {name(key)} stay")


def _by_chosen(pool: Mapping[StrategyPair, int]) -> Counter[Strategy]:
    found: Counter[Strategy] = Counter()
    for (chosen, _), number in pool.items():
        found[chosen] += number
    return found


def _strategies(candidate: Candidate) -> StrategyPair:
    return candidate.turn.named, candidate.strategy or candidate.turn.named


def _sketch(candidate: Candidate) -> np.ndarray:
    """The sketch of the seeker's last words and of both sides."""
    said = [turn.text for turn in candidate.turn.history if turn.speaker is Speaker.SEEKER][-1:]
    return sketch_of(words_of(" ".join([*said, candidate.chosen, candidate.reply or ""])))


# Each halving of the interval adds a binary digit, and a float has 53.
_HALVINGS = 60
# Half a pair is added to every count (Haldane 1956; Anscombe 1956), so that a share of few pairs is never 0 or 1.
_HALF = 0.5


def quotas(kept: Mapping[Strategy, int], pool: Mapping[Strategy, int], rule: BalanceRule) -> dict[Strategy, int]:
    """How many pairs of each strategy may stay.

    Args:
        kept: pairs that the filter would keep, by the human's strategy.
        pool: complete pairs that it chose from, the kept ones among them.
        rule: how far the shares kept may spread. A strategy without a kept pair is ignored, because no cap can change
            its share.
    """
    strategies = [strategy for strategy in Strategy if kept.get(strategy)]
    if not strategies:
        return {}
    counts = np.array([kept[strategy] for strategy in strategies], dtype=np.float64)
    of = np.array([pool[strategy] for strategy in strategies], dtype=np.float64)
    share = max(_largest_cap(counts / of, rule.spread), rule.least * counts.sum() / of.sum())
    allowed = np.minimum(counts, np.rint(share * of))
    return {strategy: int(number) for strategy, number in zip(strategies, allowed, strict=True)}


def pair_quotas(
    kept: Mapping[StrategyPair, int], pool: Mapping[StrategyPair, int], rule: BalanceRule
) -> dict[StrategyPair, int]:
    """How many pairs of each strategy pair may stay; those with one strategy on both sides all may.

    Args:
        kept: pairs that are kept so far.
        pool: complete pairs that the filter chose from.
        rule: by what factor (`duel`) a share may exceed that of the opposite strategy pair. Half a count is added
            everywhere: a strategy pair whose opposite never occurs is cut to next to nothing, but one that lacks a
            single pair is not.
    """
    return {strategies: _pair_quota(strategies, kept, pool, rule.duel) for strategies in kept}


def _pair_quota(
    strategies: StrategyPair, kept: Mapping[StrategyPair, int], pool: Mapping[StrategyPair, int], most: float
) -> int:
    opposite = (strategies[1], strategies[0])
    if strategies == opposite:
        return kept[strategies]
    share, other = ((kept.get(one, 0) + _HALF) / (pool.get(one, 0) + 2 * _HALF) for one in (strategies, opposite))
    return min(kept[strategies], round(min(share, most * other) * (pool[strategies] + 2 * _HALF) - _HALF))


def spread_of(shares: np.ndarray) -> float:
    """The population standard deviation of shares over their mean: 0 if all are equal."""
    return float(shares.std() / shares.mean())


def _largest_cap(shares: np.ndarray, spread: float) -> float:
    """The largest cap under which the shares spread no further, by bisection, since the spread grows with the cap."""
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

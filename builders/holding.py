"""Holds rows back on disk until every turn was mined, for the steps that look at all pairs together.

Rows come out in the order in which they went in. What is held in memory is some tens of bytes a pair; words and
sketches lie in temporary files.
"""

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
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
from .held_pairs import HeldPairs, PairTable, duel_of, strategy_of
from .mining.candidate import Candidate, Drop, Result
from .mining.rows import dropped_row, pair_row
from .mining.steps import Whole
from .release.sketches import Sketches, sketch_of

Row = dict[str, Any]
Add = Callable[[Config, Split, Row], None]


class _Fates:
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
class Holding:
    """The rows of pairs and drops of one release, until `release` lets them go."""

    spec: BuildSpec
    steps: tuple[Whole, ...]
    _rows: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    _sketches: Sketches = field(default_factory=Sketches)
    _lines: int = 0
    _pairs: HeldPairs = field(default_factory=HeldPairs)
    _pools: dict[Config, Counter[Duel]] = field(default_factory=lambda: defaultdict(Counter))

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
        if Whole.NEAR_DUPLICATES in self.steps:
            self._sketches.add(_sketch(candidate))
        dropped = dropped_row(Drop(candidate, DropReason.STRATEGY_CAP), self.spec.layout)
        self._write(config, split, pair_row(candidate, self.spec.layout), dropped)

    def release(self, add: Add) -> Iterator[tuple[Config, DropReason]]:
        """Hands every row to `add`, in order, and tells the config and reason of every pair that became a drop here."""
        fates = _Fates(self._pairs.table())
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

    def near_duplicates(self, fates: _Fates) -> None:
        """Of every group of pairs with nearly the same words, all but the first of the most held-out split go."""
        similarity = self.spec.near_duplicate_pairs
        assert similarity is not None, "checked when the spec was read"
        for config in PAIR_CONFIGS:
            mine = fates.staying(config)
            if config is Config.STRATEGY or not len(mine):
                continue
            groups = self._sketches.groups(similarity, mine)
            order = np.lexsort((mine, fates.pairs.splits[mine], groups))
            # Of each group, the first in this order stays; the others are told which that is.
            leads = np.append(True, np.diff(groups[order]) != 0)
            first = mine[order][np.flatnonzero(leads)[np.cumsum(leads) - 1]]
            fates.drop(mine[order][~leads], DropReason.NEAR_DUPLICATE_PAIR, "of row ", first[~leads])

    def over_cap(self, fates: _Fates) -> None:
        """Pairs above what the balance of strategies allows go, those with the highest ranks; see `balance`."""
        rule, pairs = self.spec.balance, fates.pairs
        assert rule is not None, "checked when the spec was read"
        for config in PAIR_CONFIGS:
            pool = self._pools[config]
            if config is not Config.STRATEGY:  # where every pair is a duel, balanced duels are all that is wanted
                mine = pairs.by_rank(fates.staying(config))
                kept = {strategy_of(code): places for code, places in _grouped(mine, pairs.chosen[mine])}
                allowed = quotas({one: len(places) for one, places in kept.items()}, _by_chosen(pool), rule)
                _cap(fates, kept, allowed, str)
            if config is not Config.RESPONSE:
                mine = pairs.by_rank(fates.staying(config))
                duels = {duel_of(code): places for code, places in _grouped(mine, pairs.duels(mine))}
                may = duel_quotas({one: len(places) for one, places in duels.items()}, pool, rule)
                _cap(fates, duels, may, " over ".join)

    def _write(self, config: Config, split: Split, row: Row, dropped: Row | None) -> None:
        self._rows.write(orjson.dumps((config, split, row, dropped)) + b"\n")
        self._lines += 1


_NONE = (-1, DropReason.STRATEGY_CAP, "")
"""No line at all."""

_STEPS: dict[Whole, Callable[[Holding, _Fates], None]] = {
    Whole.NEAR_DUPLICATES: Holding.near_duplicates,
    Whole.BALANCE: Holding.over_cap,
}


def _grouped(places: np.ndarray, codes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """The places of every code, in order."""
    for code in np.unique(codes).tolist():
        yield code, places[codes == code]


def _cap(fates: _Fates, kept: Mapping[Any, np.ndarray], allowed: Mapping[Any, int], told: Callable[[Any], str]) -> None:
    """The pairs beyond what is allowed of their key go."""
    for key, places in kept.items():
        fates.drop(places[allowed[key] :], DropReason.STRATEGY_CAP, f"{allowed[key]} of {told(key)} stay")


def _by_chosen(pool: Mapping[Duel, int]) -> Counter[Strategy]:
    found: Counter[Strategy] = Counter()
    for duel, number in pool.items():
        found[duel[0]] += number
    return found


def _duel(candidate: Candidate) -> Duel:
    """The strategies of both sides."""
    return candidate.turn.named, candidate.strategy or candidate.turn.named


def _sketch(candidate: Candidate) -> np.ndarray:
    """Of what the seeker said last and the words of both sides."""
    said = [turn.text for turn in candidate.turn.history if turn.speaker is Speaker.SEEKER][-1:]
    return sketch_of(words_of(" ".join([*said, candidate.chosen, candidate.reply or ""])))

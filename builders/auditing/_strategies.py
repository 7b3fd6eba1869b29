"""Measure: what choosing among pairs does to the strategies that a model would learn to prefer.

The estimators are ours (see `statistics.strengths`); here they count what the data prefers, not what a model predicts.
"""

from collections import Counter, defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.audit import Chatter, Conservation, CrossTable, FilterBias, Flow, FlowStep, Interval, LabelCounts
from ...schemas.config import PAIR_CONFIGS, Config
from ...schemas.drops import DropReason
from ...schemas.error_type import ErrorType
from ...schemas.strategy import Strategy
from ..mining.turns import chatter_in
from ..statistics.bootstrap import interval, ratio, sums_by_group
from ..statistics.bounds import PRIOR, bias_of, pair_strengths
from ._measure import Drops, Measure, OtherTable, Pairs, codes_of

# Measure: how often each strategy and error occurs, by split and together.


_ORDER = {name: at for at, name in enumerate([*(one.value for one in Strategy), *(one.value for one in ErrorType)])}
_TABLES = (("chosen_strategy", "error"), ("rejected_strategy", "error"), ("chosen_strategy", "rejected_strategy"))


class Labels(Measure):
    """Counts labels, not rows: its memory is that of the names."""

    def __init__(self) -> None:
        self._labels: dict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
        self._pairs: dict[tuple[str, str, str], Counter[tuple[str, str]]] = defaultdict(Counter)

    def take_pairs(self, pairs: Pairs) -> None:
        """Counts the labels of a batch."""
        config, split = pairs.place.config, pairs.place.split
        columns = {name: getattr(pairs, name) for name in ("chosen_strategy", "rejected_strategy", "error")}
        for name, column in columns.items():
            if column is not None:
                self._labels[config, split, name].update(values_of(column))
        for one, other in _TABLES:
            if columns[one] is not None and columns[other] is not None:
                both = zip(columns[one].to_pylist(), columns[other].to_pylist(), strict=True)
                self._pairs[config, one, other].update((a, b) for a, b in both if a is not None and b is not None)

    def result(self) -> dict[str, Any]:
        labels = tuple(
            LabelCounts(config=config, split=split, label=label, counts=ordered(counts))
            for (config, split, label), counts in self._labels.items()
        )
        return {"labels": labels, "tables": tuple(_table(key, counts) for key, counts in self._pairs.items() if counts)}


def ordered(counts: Counter[str]) -> dict[str, int]:
    """The counts in the usual order of strategies and errors, other names after them by the alphabet."""
    return {name: counts[name] for name in sorted(counts, key=_place)}


def _place(name: str) -> tuple[int, str]:
    return _ORDER.get(name, len(_ORDER)), name


def values_of(column: pa.Array) -> dict[str, int]:
    """How often each string of a column occurs; nulls are left out."""
    counted = column.value_counts()
    names, numbers = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    return {name: number for name, number in zip(names, numbers, strict=True) if name is not None}


def _table(key: tuple[str, str, str], counts: Counter[tuple[str, str]]) -> CrossTable:
    rows = sorted({row for row, _ in counts}, key=_place)
    columns = sorted({column for _, column in counts}, key=_place)
    cells = tuple(tuple(counts[row, column] for column in columns) for row in rows)
    return CrossTable(
        config=key[0], rows_are=key[1], columns_are=key[2], rows=tuple(rows), columns=tuple(columns), counts=cells
    )


_NAMES = [strategy.value for strategy in Strategy]
_SIZE = len(_NAMES)


def share_strengths(counts: np.ndarray) -> np.ndarray:
    """Smoothed shares of counts (… × n), summing to the number of strategies."""
    smoothed = counts + PRIOR
    return np.asarray(smoothed * counts.shape[-1] / smoothed.sum(axis=-1, keepdims=True))


def keeping_strengths(kept: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Smoothed shares kept, summing to the number of strategies: what a filter makes of equally frequent ones."""
    rates = (kept + PRIOR) / (np.maximum(kept, of) + 2 * PRIOR)
    return np.asarray(rates * kept.shape[-1] / rates.sum(axis=-1, keepdims=True))


def _duel_strengths(kept: np.ndarray, of: np.ndarray) -> np.ndarray:
    """The same where one strategy is chosen over another: strengths as if all pairs had met equally often.

    Args:
        kept: … × n × n, how often *i* was chosen over *j* among the kept pairs; the diagonal is unused.
        of: the same among all that the filter chose from.
    """
    apart = 1 - np.eye(kept.shape[-1])
    shares = (kept + PRIOR) / (np.maximum(kept, of) + 2 * PRIOR)
    usual = (of * apart).sum(axis=(-2, -1), keepdims=True) / apart.sum()
    return pair_strengths(shares * usual)


class Bias(Measure):
    """Keeps tables of chosen against rejected strategies, per bootstrap replicate, of rows and of filtered pairs."""

    def __init__(self) -> None:
        self._kept: dict[str, np.ndarray] = {}
        self._filtered: dict[str, np.ndarray] = {}
        self._dialogues: dict[str, np.ndarray] = {}

    def take_pairs(self, pairs: Pairs) -> None:
        """Counts the pairs that were kept."""
        if pairs.chosen_strategy is not None:
            rejected = pairs.chosen_strategy if pairs.rejected_strategy is None else pairs.rejected_strategy
            table = _tables(pairs.chosen_strategy, rejected, pairs.weights)
            self._kept[pairs.place.config] = self._kept.get(pairs.place.config, 0) + table
            self._note(pairs.place.config, pairs.dialogues)

    def take_drops(self, drops: Drops) -> None:
        """Counts the pairs that were not."""
        if drops.config in PAIR_CONFIGS and drops.by_filter.any():
            mask = pa.array(drops.by_filter)
            sides = (drops.chosen_strategy.filter(mask), drops.rejected_strategy.filter(mask))
            table = _tables(*sides, drops.weights[drops.by_filter])
            self._filtered[drops.config] = self._filtered.get(drops.config, 0) + table
            self._note(drops.config, drops.dialogues[drops.by_filter])

    def result(self) -> dict[str, Any]:
        configs = [config for config in PAIR_CONFIGS if {config} & {*self._kept, *self._filtered}]
        return {"filter_bias": tuple(self._result(config) for config in configs)}

    def _note(self, config: str, dialogues: np.ndarray) -> None:
        known = self._dialogues.get(config, np.zeros(0, dtype=np.uint64))
        self._dialogues[config] = np.union1d(known, dialogues)

    def _result(self, config: Config) -> FilterBias:
        none = np.zeros_like(next(iter((self._kept or self._filtered).values())))
        kept = self._kept.get(config, none)
        pool = kept + self._filtered.get(config, none)
        alone = config is Config.RESPONSE
        strengths = (lambda table: share_strengths(table.sum(axis=-1))) if alone else pair_strengths
        before, after = bias_of(strengths(pool)), bias_of(strengths(kept))
        by_pool, by_kept = pool.sum(axis=-1), kept.sum(axis=-1)
        of_keeping = (by_kept, by_pool) if alone else (kept, pool)
        n, rows = round(by_pool[0].sum()), round(by_kept[0].sum())
        return FilterBias(
            config=config,
            estimator="share" if alone else "bradley_terry",
            before=interval(before, n),
            after=interval(after, rows),
            shift=interval(after - before, rows),
            keeping=interval(bias_of((keeping_strengths if alone else _duel_strengths)(*of_keeping)), n),
            kept=_kept_shares(by_kept, by_pool),
            before_by_strategy=_counts(by_pool[0]),
            after_by_strategy=_counts(by_kept[0]),
            dialogues=len(self._dialogues[config]),
        )


def _kept_shares(kept: np.ndarray, pool: np.ndarray) -> dict[str, Interval]:
    shares = ratio(kept, pool)
    return {name: interval(shares[:, at], round(pool[0, at])) for at, name in enumerate(_NAMES)}


def _counts(numbers: np.ndarray) -> dict[str, int]:
    return ordered(Counter({name: round(number) for name, number in zip(_NAMES, numbers, strict=True)}))


# Replicates × strategies × strategies; pairs in which either strategy is not known are left out.
def _tables(chosen: pa.Array, rejected: pa.Array, weights: np.ndarray) -> np.ndarray:
    one, other = codes_of(chosen, _NAMES, len(chosen)), codes_of(rejected, _NAMES, len(chosen))
    groups = np.where((one < 0) | (other < 0), -1, one * _SIZE + other)
    return sums_by_group(weights, groups, _SIZE**2).reshape(-1, _SIZE, _SIZE)


# Measure: where the candidates went, and whether all of them are accounted for.


_FLOW_ORDER = {reason.value: at for at, reason in enumerate(DropReason)}


class DropFlow(Measure):
    """Counts rows and drops by strategy.

    Args:
        candidates: by config, as the manifest counts them; empty where there is no manifest.
    """

    def __init__(self, candidates: dict[str, int]) -> None:
        self._candidates = candidates
        self._rows: dict[str, Counter[str]] = defaultdict(Counter)
        self._drops: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))

    def take_demonstrations(self, table: OtherTable) -> None:
        """Counts the rows of an SFT config."""
        self._rows[table.place.config].update(_names(table.texts("strategy")))

    def take_traces(self, table: OtherTable) -> None:
        """Counts the rows of a reasoning config, by the human's strategy, as its drops are."""
        self._rows[table.place.config].update(_names(table.texts("human_strategy")))

    def take_pairs(self, pairs: Pairs) -> None:
        """Counts the rows of a preference config."""
        strategies = pairs.chosen_strategy
        none = pa.nulls(pairs.size, pa.string())
        self._rows[pairs.place.config].update(_names(none if strategies is None else strategies))

    def take_drops(self, drops: Drops) -> None:
        both = zip(drops.reasons.to_pylist(), _names(drops.chosen_strategy), strict=True)
        for (reason, strategy), number in Counter(both).items():
            self._drops[drops.config][reason][strategy] += number

    def result(self) -> dict[str, Any]:
        flows = tuple(self._flow(config) for config in self._candidates)
        told = []
        for flow, stated in zip(flows, self._candidates.values(), strict=True):
            dropped = sum(step.dropped for step in flow.steps)
            lost = stated - flow.rows - dropped
            told.append(
                Conservation(config=flow.config, candidates=stated, rows=flow.rows, dropped=dropped, lost=abs(lost))
            )
        return {"flows": flows, "conservation": tuple(told)}

    def _flow(self, config: str) -> Flow:
        rows, drops = self._rows[config], self._drops[config]
        left = rows + sum(drops.values(), Counter())
        candidates, steps = Counter(left), []
        for reason in sorted(drops, key=lambda name: (_FLOW_ORDER.get(name, len(_FLOW_ORDER)), name)):
            left = left - drops[reason]
            steps.append(
                FlowStep(
                    reason=reason,
                    dropped=drops[reason].total(),
                    dropped_by_strategy=_known(drops[reason]),
                    left=left.total(),
                    left_by_strategy=_known(left),
                )
            )
        return Flow(
            config=config,
            candidates=candidates.total(),
            by_strategy=_known(candidates),
            steps=tuple(steps),
            rows=rows.total(),
            rows_by_strategy=_known(rows),
        )


def _names(column: pa.Array) -> list[str]:
    return ["" if name is None else name for name in column.to_pylist()]


def _known(counts: Counter[str]) -> dict[str, int]:
    return ordered(Counter({name: number for name, number in counts.items() if name}))


# Measure: chosen replies that talk of the crowd task in which a corpus was made.


# Every rule needs at least one of these words, so Arrow rules out most replies in one pass.
_MAYBE = (
    r"(?i)turk|\bhits?\b|quit|finish|exit|button|link|session|chat|survey|\bend\b|requester|bonus|\brole|window|page"
    r"|system|messages|turns|minutes|exchanges|lines|supporter|listener|seeker|conversation|app\b|end it"
)


class ChatterMeasure(Measure):
    """Counts, per bootstrap replicate."""

    def __init__(self) -> None:
        self._found: dict[str, np.ndarray] = {}
        self._all: dict[str, np.ndarray] = {}
        self._kinds: dict[str, Counter[str]] = {}

    def take_pairs(self, pairs: Pairs) -> None:
        """Looks at the chosen sides; those of pairs of strategies are names."""
        if pairs.place.config == "strategy":
            return
        config = pairs.place.config
        kinds = self._kinds.setdefault(config, Counter())
        found = np.zeros(pairs.size, dtype=bool)
        texts = pairs.chosen.texts
        for at in np.flatnonzero(np.asarray(pc.match_substring_regex(texts, _MAYBE))).tolist():
            if (kind := chatter_in(texts[at].as_py())) is not None:
                found[at] = True
                kinds[kind] += 1
        self._found[config] = self._found.get(config, 0) + pairs.weights[found].sum(axis=0, dtype=np.float64)
        self._all[config] = self._all.get(config, 0) + pairs.weights.sum(axis=0, dtype=np.float64)

    def result(self) -> dict[str, Any]:
        return {"chatter": tuple(self._result(config) for config in self._all)}

    def _result(self, config: str) -> Chatter:
        found, of = self._found[config], self._all[config]
        share = interval(ratio(found, of), round(of[0]))
        return Chatter(config=config, found=round(found[0]), kinds=ordered(self._kinds[config]), share=share)

"""Measure: what the judges answered, and how often they find an error under which strategy."""

from collections import Counter, defaultdict
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.audit import FlagRate, VerdictCount
from ...schemas.config import PAIR_CONFIGS
from ...schemas.strategy import Strategy
from ..statistics.bootstrap import interval, ratio, sums_by_group
from .batch import Pairs, codes_of, field_of
from .drops import Drops
from .labels import ordered, values_of
from .measure import Measure

_STRATEGIES = [strategy.value for strategy in Strategy]
_NONE = len(_STRATEGIES)
"""The group of sides whose strategy is not known."""
Side = Literal["human", "inferred"]
_SIDES: tuple[Side, Side] = ("human", "inferred")
Key = tuple[str, Side]


class Flags(Measure):
    """Counts verdicts over rows and drops, since a filter leaves only flagged inferred sides among the rows."""

    def __init__(self) -> None:
        self._judged: dict[Key, np.ndarray] = {}
        self._flagged: dict[Key, np.ndarray] = {}
        self._errors: dict[tuple[str, Side, int], Counter[str]] = defaultdict(Counter)
        self._answers: dict[tuple[str, Side, str], Counter[str]] = defaultdict(Counter)

    def take_pairs(self, pairs: Pairs) -> None:
        """Counts the verdicts of kept pairs."""
        config, weights = pairs.place.config, pairs.weights
        self._take(config, "human", pairs.chosen_verdict, pairs.chosen_strategy, weights)
        self._take(config, "inferred", pairs.rejected_verdict, pairs.rejected_strategy, weights)

    def take_drops(self, drops: Drops) -> None:
        """Counts the verdicts of dropped candidates."""
        if drops.config in PAIR_CONFIGS:
            human, inferred = (drops.rows.column(f"{side}_verdict") for side in ("chosen", "rejected"))
            self._take(drops.config, "human", human, drops.chosen_strategy, drops.weights)
            self._take(drops.config, "inferred", inferred, drops.rejected_strategy, drops.weights)

    def tell(self) -> dict[str, Any]:
        """`flags` and `verdicts`."""
        flags = [
            self._rate((config, side), group)
            for config in dict.fromkeys(config for config, _ in self._judged)
            for side in _SIDES
            if (config, side) in self._judged
            for group in (None, *range(len(_STRATEGIES)))
        ]
        verdicts = [
            VerdictCount(
                config=config,
                side=side,
                judge=judge,
                parsed=counts["parsed"],
                unparsed=counts["unparsed"],
                failed=counts["failed"],
            )
            for (config, side, judge), counts in sorted(self._answers.items())
        ]
        return {"flags": tuple(flags), "verdicts": tuple(verdicts)}

    def _take(
        self,
        config: str,
        side: Side,
        verdict: pa.Array | None,
        strategy: pa.Array | None,
        weights: np.ndarray,
    ) -> None:
        error, read, raw = (field_of(verdict, name) for name in ("error", "rationale", "raw"))
        if verdict is None or error is None or read is None or raw is None:
            return
        there, parsed = np.asarray(verdict.is_valid()), np.asarray(read.is_valid())
        self._count_answers((config, side), verdict, there, parsed, np.asarray(raw.is_valid()))
        groups = codes_of(strategy, _STRATEGIES, len(verdict))
        groups = np.where(groups < 0, _NONE, groups)
        flagged = parsed & np.asarray(error.is_valid())
        for sums, mask in ((self._judged, parsed), (self._flagged, flagged)):
            if parsed.any():
                added = sums_by_group(weights[mask], groups[mask], _NONE + 1)
                sums[config, side] = sums.get((config, side), 0) + added
        for group, name in zip(groups[flagged].tolist(), error.filter(pa.array(flagged)).to_pylist(), strict=True):
            self._errors[config, side, group][name] += 1

    def _count_answers(
        self, key: Key, verdict: pa.StructArray, there: np.ndarray, parsed: np.ndarray, raw: np.ndarray
    ) -> None:
        models, revisions = (field_of(verdict, name) for name in ("model", "revision"))
        if models is None or revisions is None:
            return
        judges = pc.binary_join_element_wise(pc.fill_null(models, ""), pc.fill_null(revisions, ""), "#")
        for answer, mask in (("parsed", parsed), ("unparsed", ~parsed & raw), ("failed", ~parsed & ~raw)):
            for judge, number in values_of(judges.filter(pa.array(mask & there))).items():
                self._answers[(*key, judge.removesuffix("#"))][answer] += number

    def _rate(self, key: Key, group: int | None) -> FlagRate:
        """The rate under a strategy, or under all."""
        taken = slice(None) if group is None else slice(group, group + 1)
        judged, flagged = (sums[key][:, taken].sum(axis=1) for sums in (self._judged, self._flagged))
        errors: Counter[str] = Counter()
        for at in range(_NONE + 1) if group is None else (group,):
            errors.update(self._errors[(*key, at)])
        return FlagRate(
            config=key[0],
            side=key[1],
            strategy=None if group is None else _STRATEGIES[group],
            flagged=round(flagged[0]),
            rate=interval(ratio(flagged, judged), round(judged[0])),
            errors=ordered(errors),
        )

"""Measure: what the judges answered, and how often they find an error under which strategy."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.audit import FlagRate, VerdictCount
from ...schemas.config import PAIR_CONFIGS
from ...schemas.strategy import Strategy
from ..mining.panel import NO_REPLY
from ..statistics.bootstrap import interval, ratio, sums_by_group
from ._measure import Drops, Measure, Pairs, codes_of, field_of
from ._strategies import ordered, values_of

# What judges said of single sides, in one form, whatever the layout of the rows.


Side = Literal["human", "inferred"]
SIDES: tuple[Side, Side] = ("human", "inferred")


@dataclass(frozen=True)
class Verdicts:
    """Answers about one side of the rows of a batch; several a row where several judges or orders were asked."""

    rows: np.ndarray
    """The number of each answer's row in the batch."""
    error: pa.Array
    """The error found; null where none was, and where the answer could not be read."""
    parsed: np.ndarray
    """Answers that could be read."""
    raw: np.ndarray
    """Answers that came, read or not."""
    judges: pa.Array
    """Model and revision."""

    def answers(self) -> tuple[tuple[Literal["parsed", "unparsed", "failed"], np.ndarray], ...]:
        """Counts parsed, unparsed and failed answers, by judge."""
        return (
            ("parsed", self.parsed),
            ("unparsed", ~self.parsed & self.raw),
            ("failed", ~self.parsed & ~self.raw),
        )


def verdicts_of(side: Side, verdict: pa.Array | None, judgements: pa.Array | None) -> Verdicts | None:
    """The answers about a side, from the column of its verdicts or from that of all judgements; None without either."""
    if judgements is not None and pa.types.is_list(judgements.type):
        error = "chosen_error" if side == "human" else "rejected_error"
        return _read(judgements.flatten(), error, np.asarray(pc.list_parent_indices(judgements)))
    if verdict is None:
        return None
    there = np.flatnonzero(np.asarray(verdict.is_valid()))
    return _read(verdict.take(pa.array(there)), "error", there)


def _read(answers: pa.Array, field: str, rows: np.ndarray) -> Verdicts | None:
    problem = field_of(answers, "problem")
    if problem is not None and (none := np.asarray(pc.fill_null(pc.starts_with(problem, NO_REPLY), False))).any():
        # Such an answer was read: it says that a side is not a reply at all, which is neither an error nor its absence.
        answers, rows = answers.filter(pa.array(~none)), rows[~none]
    names = (field, "rationale", "raw", "model", "revision")
    error, read, raw, model, revision = (field_of(answers, name) for name in names)
    if error is None or read is None or raw is None or model is None or revision is None:
        return None
    judges = pc.binary_join_element_wise(pc.fill_null(model, ""), pc.fill_null(revision, ""), "#")
    judges = pc.utf8_rtrim(judges, "#")
    return Verdicts(rows, error, np.asarray(read.is_valid()), np.asarray(raw.is_valid()), judges)


_STRATEGIES = [strategy.value for strategy in Strategy]
# The group of sides whose strategy is not known.
_NONE = len(_STRATEGIES)
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
        config, weights, judged = pairs.place.config, pairs.weights, pairs.judgements
        human = verdicts_of("human", pairs.chosen_verdict, judged)
        inferred = verdicts_of("inferred", pairs.rejected_verdict, judged)
        self._take(config, "human", human, pairs.chosen_strategy, weights)
        self._take(config, "inferred", inferred, pairs.rejected_strategy, weights)

    def take_drops(self, drops: Drops) -> None:
        """Counts the verdicts of dropped candidates."""
        if drops.config not in PAIR_CONFIGS:
            return
        judged = drops.rows.column("judgements")
        human = verdicts_of("human", drops.rows.column("chosen_verdict"), judged)
        inferred = verdicts_of("inferred", drops.rows.column("rejected_verdict"), judged)
        self._take(drops.config, "human", human, drops.chosen_strategy, drops.weights)
        self._take(drops.config, "inferred", inferred, drops.rejected_strategy, drops.weights)

    def result(self) -> dict[str, Any]:
        flags = [
            self._rate((config, side), group)
            for config in dict.fromkeys(config for config, _ in self._judged)
            for side in SIDES
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
        self, config: str, side: Side, verdicts: Verdicts | None, strategy: pa.Array | None, weights: np.ndarray
    ) -> None:
        if verdicts is None:
            return
        for answer, mask in verdicts.answers():
            for judge, number in values_of(verdicts.judges.filter(pa.array(mask))).items():
                self._answers[config, side, judge][answer] += number
        groups = codes_of(strategy, _STRATEGIES, len(weights))[verdicts.rows]
        groups, weights = np.where(groups < 0, _NONE, groups), weights[verdicts.rows]
        flagged = verdicts.parsed & np.asarray(verdicts.error.is_valid())
        for sums, mask in ((self._judged, verdicts.parsed), (self._flagged, flagged)):
            if verdicts.parsed.any():
                added = sums_by_group(weights[mask], groups[mask], _NONE + 1)
                sums[config, side] = sums.get((config, side), 0) + added
        errors = verdicts.error.filter(pa.array(flagged)).to_pylist()
        for group, name in zip(groups[flagged].tolist(), errors, strict=True):
            self._errors[config, side, group][name] += 1

    # The rate under a strategy, or under all.
    def _rate(self, key: Key, group: int | None) -> FlagRate:
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

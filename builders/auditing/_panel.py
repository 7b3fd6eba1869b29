"""Measure: whether judges mind the order of the sides, and how far the judges of a panel agree.

Over rows and drops, since the rows alone are those on which the judges agreed. Every table adds up over batches, one a
bootstrap replicate, so that nothing of the stream is kept.
"""

from collections import defaultdict
from dataclasses import dataclass
from itertools import combinations, permutations
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.audit import OrderCheck, PanelAgreement
from ...schemas.config import PAIR_CONFIGS
from ...schemas.error_type import ErrorType
from ...schemas.measures import Interval, JudgePair
from ..statistics.bootstrap import alpha, interval, kappa, ratio, same_share, sums_by_group
from ._measure import Drops, Measure, Pairs, codes_of, field_of

_ERRORS = [error.value for error in ErrorType]
_VOTES = ("worse", "flip", "chosen_flawed", "rejected_sound", "not_worse")
# How many labels a judge may give.
_LABELS = {"vote": len(_VOTES), "worse": 2, "chosen_error": len(_ERRORS) + 1, "rejected_error": len(_ERRORS) + 1}

Judges = tuple[str, ...]


@dataclass(frozen=True)
class _Answers:
    """The answers of every judge on every candidate of a batch, in both orders; candidates × judges, -1 if unread."""

    judges: Judges
    labels: dict[str, np.ndarray]
    flips: np.ndarray
    """1 where the two orders disagree, 0 where they do not."""
    first: np.ndarray
    """For both orders, candidates × judges × 2: 1 if the first side is preferred, else 0."""
    weights: np.ndarray
    dialogues: np.ndarray
    """Digests."""


class PanelMeasure(Measure):
    """Sums tables of labels."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str, str], np.ndarray] = {}
        self._tables: dict[tuple[str, Judges, str], np.ndarray] = {}
        self._confusions: dict[tuple[str, Judges, str, int, int], np.ndarray] = {}
        self._units: dict[tuple[str, Judges, str], int] = defaultdict(int)
        self._dialogues: dict[tuple[str, str], np.ndarray] = {}

    def take_pairs(self, pairs: Pairs) -> None:
        """Looks at the answers about kept pairs."""
        self._take(pairs.place.config, pairs.judgements, pairs.weights, pairs.dialogues)

    def take_drops(self, drops: Drops) -> None:
        """Looks at the answers about dropped candidates."""
        if drops.config in PAIR_CONFIGS:
            self._take(drops.config, drops.rows.column("judgements"), drops.weights, drops.dialogues)

    def result(self) -> dict[str, Any]:
        judges = dict.fromkeys((config, judge) for config, judge, _ in self._counts)
        return {
            "orders": tuple(self._order(config, judge) for config, judge in judges),
            "agreement": tuple(self._agreement(*key) for key in self._tables),
        }

    def _take(self, config: str, judgements: pa.Array | None, weights: np.ndarray, dialogues: np.ndarray) -> None:
        for answers in _answers(judgements, weights, dialogues):
            self._take_orders(config, answers)
            if len(answers.judges) > 1:
                for label, size in _LABELS.items():
                    self._take_labels(config, answers, label, size)

    def _take_orders(self, config: str, answers: _Answers) -> None:
        for at, judge in enumerate(answers.judges):
            self._add((config, judge, "flips"), sums_by_group(answers.weights, answers.flips[:, at], 2))
            known = self._dialogues.get((config, judge), np.zeros(0, dtype=np.uint64))
            self._dialogues[config, judge] = np.union1d(known, answers.dialogues[answers.flips[:, at] >= 0])
            for order in (0, 1):
                self._add((config, judge, "first"), sums_by_group(answers.weights, answers.first[:, at, order], 2))

    def _add(self, key: tuple[str, str, str], sums: np.ndarray) -> None:
        self._counts[key] = self._counts.get(key, 0) + sums

    def _take_labels(self, config: str, answers: _Answers, label: str, size: int) -> None:
        found = answers.labels[label]
        labelled = (found >= 0).sum(axis=1)
        key = (config, answers.judges, label)
        self._units[key] += int((labelled > 1).sum())
        # Every ordered pair of a unit's m labels counts 1 / (m - 1), as Krippendorff has it.
        shared = answers.weights / np.maximum(labelled - 1, 1)[:, None]
        for one, other in permutations(range(len(answers.judges)), 2):
            both = (found[:, one] >= 0) & (found[:, other] >= 0)
            groups = np.where(both, found[:, one] * size + found[:, other], -1)
            table = sums_by_group(shared, groups, size**2).reshape(-1, size, size)
            self._tables[key] = self._tables.get(key, 0) + table
            if one < other:
                table = sums_by_group(answers.weights, groups, size**2).reshape(-1, size, size)
                self._confusions[*key, one, other] = self._confusions.get((*key, one, other), 0) + table

    def _order(self, config: str, judge: str) -> OrderCheck:
        return OrderCheck(
            config=config,
            judge=judge,
            flips=_share(self._counts[config, judge, "flips"]),
            first=_share(self._counts[config, judge, "first"]),
            dialogues=len(self._dialogues[config, judge]),
        )

    def _agreement(self, config: str, judges: Judges, label: str) -> PanelAgreement:
        key = (config, judges, label)
        pairs = [
            JudgePair(
                one=judges[one],
                other=judges[other],
                same=_of(same_share, self._confusions[*key, one, other]),
                kappa=_of(kappa, self._confusions[*key, one, other]),
            )
            for one, other in combinations(range(len(judges)), 2)
        ]
        found = interval(alpha(self._tables[key]), self._units[key])
        return PanelAgreement.model_validate(
            {"config": config, "label": label, "judges": judges, "alpha": found, "pairs": tuple(pairs)}
        )


# The share of the second of two counts.
def _share(counts: np.ndarray) -> Interval:
    return interval(ratio(counts[:, 1], counts.sum(axis=1)), round(counts[0].sum()))


def _of(statistic: Any, confusions: np.ndarray) -> Interval:
    return interval(statistic(confusions), round(confusions[0].sum()))


# The answers of a batch, by how many judges a candidate had.
def _answers(judgements: pa.Array | None, weights: np.ndarray, dialogues: np.ndarray) -> list[_Answers]:
    if judgements is None or not pa.types.is_list(judgements.type) or not len(judgements):
        return []
    flat, offsets = judgements.flatten(), np.asarray(judgements.offsets)
    offsets = offsets - offsets[0]
    halves = np.diff(offsets) // 2
    columns = _columns(flat)
    if columns is None:
        return []
    found = []
    for number in (one for one in np.unique(halves).tolist() if one):
        rows = np.flatnonzero(halves == number)
        first = offsets[rows][:, None] + np.arange(number)[None, :]
        found.append(_read(columns, first, first + number, weights[rows], dialogues[rows]))
    return found


def _columns(flat: pa.StructArray) -> dict[str, np.ndarray] | None:
    names = ("better", "chosen_error", "rejected_error", "rationale", "model", "revision", "draw")
    fields = {name: column for name in names if (column := field_of(flat, name)) is not None}
    if len(fields) < len(names):
        return None
    parts = [pc.fill_null(fields["model"], ""), pc.fill_null(fields["revision"], "")]
    judges = pc.binary_join_element_wise(*parts, pc.cast(fields["draw"], pa.string()), "#")
    return {
        "better": codes_of(fields["better"], ("chosen", "rejected", "tie"), len(flat)),
        "chosen_error": codes_of(fields["chosen_error"], _ERRORS, len(flat)),
        "rejected_error": codes_of(fields["rejected_error"], _ERRORS, len(flat)),
        "parsed": np.asarray(fields["rationale"].is_valid()),
        "judge": np.asarray(judges.to_numpy(zero_copy_only=False)),
    }


def _read(
    columns: dict[str, np.ndarray], first: np.ndarray, second: np.ndarray, weights: np.ndarray, dialogues: np.ndarray
) -> _Answers:
    one, two = ({name: values[at] for name, values in columns.items()} for at in (first, second))
    read = one["parsed"] & two["parsed"]
    chosen, rejected = one["chosen_error"] >= 0, one["rejected_error"] >= 0
    same = (one["better"] == two["better"]) & (chosen == (two["chosen_error"] >= 0))
    same &= rejected == (two["rejected_error"] >= 0)
    votes = np.select([~same, chosen, ~rejected, one["better"] != 0], [1, 2, 3, 4], 0)
    labels = {
        "vote": votes,
        "worse": (votes != 0).astype(np.int64),
        "chosen_error": one["chosen_error"] + 1,
        "rejected_error": one["rejected_error"] + 1,
    }
    judges = tuple(_named(name) for name in one["judge"][0].tolist())
    return _Answers(
        judges,
        {name: np.where(read, values, -1) for name, values in labels.items()},
        np.where(read, ~same, -1),
        np.stack([_prefers(one, 0), _prefers(two, 1)], axis=-1),
        weights,
        dialogues,
    )


# 1 where the side that stands first is preferred, 0 where the other is, -1 where neither, or unread.
def _prefers(answers: dict[str, np.ndarray], stands_first: int) -> np.ndarray:
    decided = answers["parsed"] & (answers["better"] < 2)
    return np.where(decided, answers["better"] == stands_first, -1)


# `model#revision`, and the draw where it is not the first.
def _named(joined: str) -> str:
    name, _, draw = joined.rpartition("#")
    return name.removesuffix("#") + (f" (draw {draw})" if draw != "0" else "")

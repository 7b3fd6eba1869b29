"""Measure: pairs that are not pairs."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.audit import FaultCount
from ...schemas.config import PAIR_CONFIGS, SFT_CONFIGS
from ..release.cross_tables import digests
from ..release.rules import contents
from ._measure import BatchPosition, Measure, OtherTable, Pairs, field_of

# Places listed for each kind of fault; the count is always complete.
_SHOWN = 20
_TWINS = dict(zip(SFT_CONFIGS, PAIR_CONFIGS, strict=True))

Bools = npt.NDArray[np.bool_]
Mask = Callable[[Pairs], Bools | None]


def _bool(mask: pa.Array) -> Bools:
    return np.asarray(pc.fill_null(mask, False), dtype=bool)


def _blank(texts: pa.Array) -> Bools:
    return _bool(pc.equal(pc.utf8_trim_whitespace(texts), ""))


def _equal(pairs: Pairs) -> Bools:
    return _bool(pc.equal(pairs.chosen.texts, pairs.rejected.texts)) & ~_empty_side(pairs)


def _equal_normalised(pairs: Pairs) -> Bools:
    same = _bool(pc.equal(pairs.chosen.normalised, pairs.rejected.normalised))
    return same & ~_equal(pairs) & ~_empty_side(pairs)


def _empty_side(pairs: Pairs) -> Bools:
    return _blank(pairs.chosen.texts) | _blank(pairs.rejected.texts)


def _empty_prompt(pairs: Pairs) -> Bools:
    return _blank(pairs.prompt.texts)


def _prompt_roles(pairs: Pairs) -> Bools:
    return np.asarray(~pairs.prompt.well_formed & ~_empty_prompt(pairs))


def _side_roles(pairs: Pairs) -> Bools:
    return np.asarray(~(pairs.chosen.well_formed & pairs.rejected.well_formed) & ~_empty_side(pairs))


# Of pairs that are about strategies alone: their sides are the very names.
def _same_strategies(pairs: Pairs) -> Bools | None:
    if pairs.chosen_strategy is None or pairs.rejected_strategy is None:
        return None
    named = pc.equal(pairs.chosen.texts, pairs.chosen_strategy)
    return _bool(pc.and_(named, pc.equal(pairs.chosen_strategy, pairs.rejected_strategy))) & ~_equal(pairs)


# What the judge found in either side, null where it found nothing or was not asked.
def _errors(pairs: Pairs) -> tuple[pa.Array, pa.Array] | None:
    chosen, rejected = (field_of(side, "error") for side in (pairs.chosen_verdict, pairs.rejected_verdict))
    return None if chosen is None or rejected is None else (chosen, rejected)


# Sides with a verdict that could be read.
def _judged(verdict: pa.StructArray | None) -> Bools:
    rationale = field_of(verdict, "rationale")
    return np.zeros(0, dtype=bool) if rationale is None else np.asarray(rationale.is_valid())


def _chosen_flawed(pairs: Pairs) -> Bools | None:
    errors = _errors(pairs)
    return None if errors is None else np.asarray(errors[0].is_valid()) & ~_verdict_tie_of(pairs, errors)


def _verdict_tie(pairs: Pairs) -> Bools | None:
    errors = _errors(pairs)
    return None if errors is None else _verdict_tie_of(pairs, errors)


def _verdict_tie_of(pairs: Pairs, errors: tuple[pa.Array, pa.Array]) -> Bools:
    both_judged = _judged(pairs.chosen_verdict) & _judged(pairs.rejected_verdict)
    same = _bool(pc.equal(*errors)) | ~(np.asarray(errors[0].is_valid()) | np.asarray(errors[1].is_valid()))
    return np.asarray(both_judged & same)


# Where judges compared both sides: counted from their answers, whatever the row says that they come to.
def _no_majority(pairs: Pairs) -> Bools | None:
    answers = None if pairs.judgements is None else pairs.judgements.flatten()
    better, chosen, rejected = (field_of(answers, name) for name in ("better", "chosen_error", "rejected_error"))
    if pairs.judgements is None or better is None or chosen is None or rejected is None:
        return None
    worse = _bool(pc.equal(better, "chosen")) & np.asarray(chosen.is_null()) & np.asarray(rejected.is_valid())
    rows = np.asarray(pc.list_parent_indices(pairs.judgements))
    asked, found = (np.bincount(at, minlength=pairs.size) for at in (rows, rows[worse]))
    return np.asarray(2 * found <= asked)


@dataclass(frozen=True)
class FaultKind:
    """One kind of fault."""

    about: str
    mask: Mask | None
    """Which pairs of a batch have it, or None where the batch cannot tell; no function where one batch never can."""


KINDS: dict[str, FaultKind] = {
    "equal_sides": FaultKind("chosen and rejected are the same text", _equal),
    "equal_normalised_sides": FaultKind("they differ in case, punctuation and spacing alone", _equal_normalised),
    "empty_side": FaultKind("a side has no words", _empty_side),
    "empty_prompt": FaultKind("the prompt has no words", _empty_prompt),
    "prompt_roles": FaultKind("the prompt does not end with the user", _prompt_roles),
    "side_roles": FaultKind("a side is not one assistant message", _side_roles),
    "same_strategies": FaultKind("a pair of strategies names one strategy twice", _same_strategies),
    "verdict_tie": FaultKind("the judge says the same of both sides", _verdict_tie),
    "chosen_flawed": FaultKind("the judge found an error in the chosen side", _chosen_flawed),
    "no_majority": FaultKind("no majority of the judges finds the rejected side worse", _no_majority),
    "prompt_shift": FaultKind("the prompt is another turn's", None),
    "duplicate_pair": FaultKind("the same pair stands earlier in the config", None),
    "contradicting_pair": FaultKind("the same pair stands elsewhere in the config with its sides changed over", None),
    "duplicate_row_id": FaultKind("the same row_id stands earlier in the config", None),
}
"""Every kind; a pair may have several, and each is reported once."""


@dataclass
class _Column:
    """Digests of a column of a config, and where they came from."""

    parts: list[np.ndarray] = field(default_factory=list)

    def all(self) -> np.ndarray:
        return np.concatenate(self.parts) if self.parts else np.zeros(0, dtype=np.uint64)


class Faults(Measure):
    """Counts the faults of every preference config; keeps digests, never words."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int | None] = {}
        self._shown: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._columns: dict[tuple[str, str], _Column] = defaultdict(_Column)
        self._places: dict[str, list[tuple[BatchPosition, int]]] = defaultdict(list)
        self._prompts: dict[str, _Column] = defaultdict(_Column)
        self._turns: dict[str, _Column] = defaultdict(_Column)
        self._twins: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def take_demonstrations(self, table: OtherTable) -> None:
        """Remembers the prompt of every turn: a pair of that turn must have the same."""
        config = next((pair for sft, pair in _TWINS.items() if sft == table.place.config), None)
        ids, turns, prompt = (table.column(name) for name in ("dialogue_id", "turn", "prompt"))
        if config is not None and ids is not None and turns is not None and prompt is not None:
            self._turns[config].parts.append(_turn_digests(ids, turns))
            self._prompts[config].parts.append(digests(pc.fill_null(contents(table.rows, "prompt"), "")))

    def take_pairs(self, pairs: Pairs) -> None:
        """Looks for every kind of fault that a batch shows, and keeps digests for the rest."""
        config = pairs.place.config
        for name, kind in KINDS.items():
            mask = self._prompt_shift(pairs) if name == "prompt_shift" else kind.mask and kind.mask(pairs)
            if mask is not None:
                rows = [_place_of(pairs.place, int(row)) for row in np.flatnonzero(mask)[:_SHOWN]]
                self._note(name, config, int(mask.sum()), rows)
            else:
                self._counts.setdefault((name, config), None)
        self._places[config].append((pairs.place, pairs.size))
        self._columns["pair", config].parts.append(digests(pairs.pair_texts))
        self._columns["swapped", config].parts.append(digests(pairs.swapped_texts))
        if pairs.row_ids is not None:
            self._columns["row_id", config].parts.append(digests(pairs.row_ids))

    def result(self) -> dict[str, Any]:
        """`faults` and what the kinds mean."""
        for config in self._places:
            self._note_over_config(config)
        found = tuple(
            FaultCount(kind=kind, config=config, count=count, places=tuple(self._shown[kind, config]))
            for config in self._places
            for kind in KINDS
            for count in [self._counts[kind, config]]
        )
        return {"faults": found, "fault_kinds": {name: kind.about for name, kind in KINDS.items()}}

    def _note(self, kind: str, config: str, count: int, rows: list[str]) -> None:
        self._counts[kind, config] = (self._counts.get((kind, config)) or 0) + count
        shown = self._shown[kind, config]
        shown += rows[: _SHOWN - len(shown)]

    def _prompt_shift(self, pairs: Pairs) -> Bools | None:
        config = pairs.place.config
        if config not in self._turns or pairs.dialogue_ids is None or pairs.turns is None:
            return pairs.shifted
        if config not in self._twins:
            turns, first = np.unique(self._turns.pop(config).all(), return_index=True)
            self._twins[config] = (turns, self._prompts.pop(config).all()[first])
            self._turns[config] = _Column()
        turns, prompts = self._twins[config]
        wanted = _turn_digests(pairs.dialogue_ids, pairs.turns)
        at = np.minimum(np.searchsorted(turns, wanted), max(0, len(turns) - 1))
        if not len(turns):
            return np.zeros(pairs.size, dtype=bool)
        other = (turns[at] == wanted) & (prompts[at] != digests(pairs.prompt.texts))
        return np.asarray(other & ~_empty_prompt(pairs))

    # The faults that only all rows of a config show.
    def _note_over_config(self, config: str) -> None:
        pairs, swapped = self._columns["pair", config].all(), self._columns["swapped", config].all()
        self._note_rows("duplicate_pair", config, _repeated(pairs))
        # A pair with equal sides also contradicts itself; it is reported as equal.
        self._note_rows("contradicting_pair", config, np.isin(swapped, pairs) & (swapped != pairs))
        if ("row_id", config) in self._columns:
            self._note_rows("duplicate_row_id", config, _repeated(self._columns["row_id", config].all()))

    def _note_rows(self, kind: str, config: str, mask: np.ndarray) -> None:
        starts = np.cumsum([0, *(size for _, size in self._places[config])])
        rows = list(_places(np.flatnonzero(mask)[:_SHOWN], starts, self._places[config]))
        self._note(kind, config, int(mask.sum()), rows)


def _repeated(values: np.ndarray) -> Bools:
    again = np.ones(len(values), dtype=bool)
    again[np.unique(values, return_index=True)[1]] = False
    return again


def _places(rows: np.ndarray, starts: np.ndarray, places: list[tuple[BatchPosition, int]]) -> Iterator[str]:
    for row in rows:
        part = int(np.searchsorted(starts, row, side="right")) - 1
        yield _place_of(places[part][0], int(row - starts[part]))


def _place_of(place: BatchPosition, row: int) -> str:
    return f"{place.file}: row {place.first + row}"


def _turn_digests(ids: pa.Array, turns: pa.Array) -> np.ndarray:
    return digests(pc.binary_join_element_wise(pc.fill_null(ids, ""), pc.cast(pc.fill_null(turns, -1), "string"), "/"))

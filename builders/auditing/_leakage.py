"""Measure: rows and dialogues of each split, and texts that are in more than one split word for word."""

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...schemas.audit import Leakage, NearDuplicates
from ...schemas.text import normalise_text
from ..release.cross_tables import digests
from ..statistics.near_duplicates import near_duplicate_groups, sketch_of
from ._measure import DialogueSample, Measure, OtherTable, Pairs

TRAIN = "train"
_LONG_REPLY = r"^(\S+ ){7}\S+"


class Leaks(Measure):
    """Keeps 64-bit digests of every row of the preference configs.

    Args:
        splits: the splits of every config, so that empty ones are reported, too.
    """

    def __init__(self, splits: dict[str, tuple[str, ...]]) -> None:
        self._rows = {config: dict.fromkeys(names, 0) for config, names in splits.items()}
        self._digests: dict[tuple[str, str, str], list[np.ndarray]] = defaultdict(list)
        self._named: dict[str, bool] = {}

    def take_pairs(self, pairs: Pairs) -> None:
        """Keeps the digests of a batch."""
        config, split = pairs.place.config, pairs.place.split
        rows = self._rows.setdefault(config, {})
        rows[split] = rows.get(split, 0) + pairs.size
        self._named[config] = pairs.dialogue_ids is not None
        self._digests["dialogue", config, split].append(np.unique(pairs.dialogues))
        self._digests["pair", config, split].append(digests(pairs.pair_texts))
        self._digests["prompt", config, split].append(digests(pairs.prompt.texts))
        long = pairs.chosen.normalised.filter(pc.match_substring_regex(pairs.chosen.normalised, _LONG_REPLY))
        self._digests["reply", config, split].append(digests(long))

    def result(self) -> dict[str, Any]:
        dialogues = {
            config: {split: len(np.unique(self._all("dialogue", config, split))) for split in rows}
            for config, rows in self._rows.items()
            if self._named.get(config)
        }
        leakage = tuple(self._leakage(config) for config in self._rows)
        return {"rows": self._rows, "dialogues": dialogues, "leakage": leakage}

    def _leakage(self, config: str) -> Leakage:
        splits = list(self._rows[config])
        held_out = [split for split in splits if split != TRAIN]
        shared = sum(
            int(np.isin(self._all("pair", config, split), self._others("pair", config, splits, split)).sum())
            for split in held_out
        )
        prompts, replies = (
            sum(
                int(np.isin(self._all(what, config, split), self._all(what, config, TRAIN)).sum()) for split in held_out
            )
            for what in ("prompt", "reply")
        )
        return Leakage(
            config=config,
            dialogues=self._shared_dialogues(config, splits) if self._named.get(config, True) else None,
            pairs=shared,
            prompts=prompts,
            replies=replies,
            held_out=sum(self._rows[config][split] for split in held_out),
        )

    def _shared_dialogues(self, config: str, splits: list[str]) -> int:
        every = [np.unique(self._all("dialogue", config, split)) for split in splits]
        _, times = np.unique(np.concatenate(every), return_counts=True) if every else (None, np.zeros(0))
        return int((times > 1).sum())

    def _all(self, what: str, config: str, split: str) -> np.ndarray:
        parts = self._digests.get((what, config, split))
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.uint64)

    def _others(self, what: str, config: str, splits: list[str], split: str) -> np.ndarray:
        return np.concatenate([self._all(what, config, other) for other in splits if other != split] or [np.zeros(0)])


# Measure: near-duplicates within and across splits and sources, by the sketches that splits are made with.


# Units compared, at most: a sketch of each is held in memory.
_COMPARED = 20_000
# Groups listed, and ids in each.
_SHOWN = 20
# Characters of a unit that are sketched.
_LONGEST = 20_000


class Near(Measure):
    """Sketches the dialogues of a release; of other data its pairs, one a dialogue where dialogues are named.

    Args:
        similarity: estimated Jaccard similarity of word triples from which two units count.
        compared: units compared, at most.
    """

    def __init__(self, similarity: float, compared: int = _COMPARED) -> None:
        self._similarity = similarity
        self._sample = DialogueSample(compared)
        self._unit = "dialogue"
        self._has_sources = False

    def take_dialogues(self, table: OtherTable) -> None:
        """Sketches dialogues; those that are withheld have no words to compare."""
        turns = table.column("turns")
        if turns is None:
            return
        self._has_sources = True
        words = pc.binary_join(pa.ListArray.from_arrays(turns.offsets, turns.values.field("text")), " ")
        there = pc.greater(pc.list_value_length(turns), 0)
        ids, sources = (table.texts(name).filter(there) for name in ("dialogue_id", "source"))
        self._add(digests(ids), words.filter(there), ids, sources, table.place.split)

    def take_pairs(self, pairs: Pairs) -> None:
        """Sketches pairs, if there are no dialogues."""
        if self._has_sources:
            return
        rows = np.arange(pairs.size)
        ids = pa.array([f"{pairs.place.file}: row {pairs.place.first + row}" for row in rows])
        if pairs.dialogue_ids is None:
            self._unit, units = "pair", digests(pairs.pair_texts)
        else:
            # The last pair of a dialogue has most of it in its prompt.
            units = pairs.dialogues
            rows = len(units) - 1 - np.unique(units[::-1], return_index=True)[1]
        words = pc.binary_join_element_wise(pairs.prompt.texts, pairs.chosen.texts, " ").take(rows)
        ids = (ids if pairs.dialogue_ids is None else pc.fill_null(pairs.dialogue_ids, "")).take(rows)
        self._add(units[rows], words, ids, pa.nulls(len(rows), pa.string()), pairs.place.split)

    def result(self) -> dict[str, Any]:
        columns = self._sample.rows()
        if not columns or not len(columns[0]):
            return {"near_duplicates": None}
        units, ids, sources, splits, sketches = columns
        if self._unit == "dialogue":  # one of each dialogue and split, though it came in several batches
            _, first = np.unique(np.char.add(ids.astype(str), splits.astype(str)), return_index=True)
            units, ids, sources, splits, sketches = (
                column[first] for column in (units, ids, sources, splits, sketches)
            )
        groups = near_duplicate_groups(len(sketches), sketches.__getitem__, self._similarity)
        return {"near_duplicates": self._result(groups, ids, sources, splits)}

    def _result(self, groups: np.ndarray, ids: np.ndarray, sources: np.ndarray, splits: np.ndarray) -> NearDuplicates:
        order = np.argsort(groups, kind="stable")
        members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
        together = [group for group in members if len(group) > 1]
        across = [group for group in together if len(set(splits[group])) > 1]
        shown = sorted(tuple(sorted(map(str, ids[group][:_SHOWN]))) for group in across or together)
        by_source = sum(len(set(sources[group])) > 1 for group in together)
        return NearDuplicates(
            unit="dialogue" if self._unit == "dialogue" else "pair",
            looked_at=len(groups),
            of=max(self._sample.seen, len(groups)),
            similarity=self._similarity,
            groups=len(together),
            units=sum(map(len, together)),
            across_splits=len(across),
            across_sources=by_source if self._has_sources else None,
            examples=tuple(shown[:_SHOWN]),
        )

    def _add(self, units: np.ndarray, words: pa.Array, ids: pa.Array, sources: pa.Array, split: str) -> None:
        rows = self._sample.wanted(units)
        if not len(rows):
            return
        texts = pc.utf8_slice_codeunits(words.take(rows), 0, _LONGEST).to_pylist()
        sketches = np.stack([sketch_of(normalise_text(text or "").split()) for text in texts])
        names = [np.array(column.take(rows).to_pylist(), dtype=object) for column in (ids, sources)]
        self._sample.add(units[rows], *names, np.full(len(rows), split, dtype=object), sketches)

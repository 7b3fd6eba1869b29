"""Measure: how many rows and dialogues each split has, and what stands in more than one of them word for word."""

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow.compute as pc

from ...schemas.audit import Leakage
from ..release.seen import digests
from .batch import Pairs
from .measure import Measure

TRAIN = "train"
_LONG_REPLY = r"^(\S+ ){7}\S+"


class Leaks(Measure):
    """Keeps 64-bit digests of every row of the preference configs.

    Args:
        splits: the splits of every config, so that those without rows are told too.
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

    def tell(self) -> dict[str, Any]:
        """`rows`, `dialogues` and `leakage`."""
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

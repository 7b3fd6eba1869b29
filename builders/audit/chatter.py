"""Measure: chosen replies that talk of the crowd task in which a corpus was made."""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow.compute as pc

from ...schemas.audit import Chatter
from ..mining.human import chatter_in
from ..statistics.bootstrap import interval, ratio
from .batch import Pairs
from .labels import ordered
from .measure import Measure

_MAYBE = (
    r"(?i)turk|\bhits?\b|quit|finish|exit|button|link|session|chat|survey|\bend\b|requester|bonus|\brole|window|page"
    r"|system|messages|turns|minutes|exchanges|lines|supporter|listener|seeker|conversation|app\b|end it"
)
"""Words of which every rule needs at least one: so that most replies are looked at once, by Arrow."""


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

    def tell(self) -> dict[str, Any]:
        """`chatter`."""
        return {"chatter": tuple(self._told(config) for config in self._all)}

    def _told(self, config: str) -> Chatter:
        found, of = self._found[config], self._all[config]
        share = interval(ratio(found, of), round(of[0]))
        return Chatter(config=config, found=round(found[0]), kinds=ordered(self._kinds[config]), share=share)

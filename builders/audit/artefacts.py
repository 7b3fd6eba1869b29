"""Measure: how well a model that never reads the prompt tells chosen from rejected.

A logistic regression over features of single sides, fitted on some dialogues and asked about the others. What it finds
is an artefact: a policy can learn it in place of what the pair is meant to teach. It looks at a sample of whole
dialogues, so that memory does not grow with the data; the sample's size is told.
"""

from typing import Any

import numpy as np

from ...schemas.audit import Artefact, TellingWord
from .batch import Pairs
from .measure import Measure
from .sample import DialogueSample
from .telling import FEATURE_SETS, Sides, tell_apart

SAMPLE = 10_000
"""Pairs of a config that are looked at, at most."""
_LONGEST = 4_000
"""Characters of a side whose words are looked at; its length counts in full."""


class Artefacts(Measure):
    """Samples the sides of every config and fits the models when all is read.

    Args:
        sample: pairs of a config that are looked at, at most.
    """

    def __init__(self, sample: int = SAMPLE) -> None:
        self._limit = sample
        self._samples: dict[str, DialogueSample] = {}

    def take_pairs(self, pairs: Pairs) -> None:
        """Samples a batch."""
        sample = self._samples.setdefault(pairs.place.config, DialogueSample(self._limit))
        rows = sample.wanted(pairs.dialogues)
        if len(rows):
            sides = [side.texts.take(rows).to_pylist() for side in (pairs.chosen, pairs.rejected)]
            sample.add(pairs.dialogues[rows], *(make(side) for side in sides for make in (_cut, _lengths)))

    def tell(self) -> dict[str, Any]:
        """`artefacts`."""
        return {"artefacts": tuple(one for config, sample in self._samples.items() for one in _measure(config, sample))}


def _measure(config: str, sample: DialogueSample) -> list[Artefact]:
    dialogues, chosen, chosen_lengths, rejected, rejected_lengths = sample.rows()
    sides = Sides(
        dialogues, np.concatenate([chosen, rejected]), np.concatenate([chosen_lengths, rejected_lengths]).astype(float)
    )
    told = []
    for features in FEATURE_SETS:
        result = tell_apart(sides, features)
        words = tuple(TellingWord(word=word, weight=weight) for word, weight in result.words)
        told.append(
            Artefact(
                config=config,
                features=features,
                auc=result.auc,
                paired=result.paired,
                of=sample.seen,
                telling=words,
                dialogues=len(np.unique(dialogues)),
                error=None if result.error is None else round(result.error, 6),
                dimension=None if result.dimension is None else round(result.dimension, 2),
            )
        )
    return told


def _cut(texts: list[str]) -> np.ndarray:
    cut = np.empty(len(texts), dtype=object)
    cut[:] = [text[:_LONGEST] for text in texts]
    return cut


def _lengths(texts: list[str]) -> np.ndarray:
    return np.array([(len(text), len(text.split())) for text in texts], dtype=np.int64).reshape(-1, 2)

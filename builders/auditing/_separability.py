"""Measure: how well a model that never reads the prompt tells chosen from rejected.

A logistic regression over features of single sides, fitted on some dialogues and asked about the others. What it finds
is an artefact: a policy can learn it in place of what the pair is meant to teach. It looks at a sample of whole
dialogues, so that memory does not grow with the data; the result states the sample's size.
"""

from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from ...schemas.audit import Artefact, Interval, TellingWord
from ..statistics.bootstrap import SEED, interval, ratio, weighted_auc, weights_of
from ..statistics.bounds import FOLDS, auc_error, dimension_of
from ._measure import DialogueSample, Measure, Pairs

# Tells chosen from rejected sides by simple features, out-of-fold, and says how well that goes.


Features = Literal["words", "words_case_punctuation", "length", "first_word"]
# What the model sees: words alone; words, case and punctuation; the length; the first word.
_FEATURE_SETS: tuple[Features, ...] = get_args(Features)

_VOCABULARIES: dict[str, dict[str, Any]] = {
    "words": {"token_pattern": r"(?u)\b\w+\b", "lowercase": True},
    "words_case_punctuation": {"token_pattern": r"(?u)\w+|[^\w\s]", "lowercase": False},
    "first_word": {"token_pattern": r"(?us)\A\W*(\w+)", "lowercase": True},
}


@dataclass(frozen=True)
class SidesOfPairs:
    """Sides of pairs: all chosen ones, then the rejected ones in the same order."""

    dialogues: np.ndarray
    """Digests, of the pairs."""
    texts: np.ndarray
    lengths: np.ndarray
    """Characters and words of each text."""

    @property
    def is_chosen(self) -> np.ndarray:
        """1 for chosen, 0 for rejected."""
        return np.repeat((1, 0), len(self.dialogues))


@dataclass(frozen=True)
class SeparabilityResult:
    """The result of a model."""

    auc: Interval
    paired: Interval
    words: tuple[tuple[str, float], ...]
    """The strongest words and their weights, in order of weight."""
    error: float | None = None
    """Standard error of the AUC, see `statistics.bounds`; None where there is no AUC."""
    dimension: float | None = None
    """Directions that the features vary in."""


def measure_separability(sides: SidesOfPairs, features: Features, words: int = 20) -> SeparabilityResult:
    """The separability by a model of these features; its values are null if there is too little data to fit one.

    Args:
        sides: of one config.
        features: what the model sees.
        words: how many telling words to name.
    """
    pairs = len(sides.dialogues)
    undefined = Interval(value=None, low=None, high=None, n=pairs)
    inputs, names = _inputs(sides, features)
    if inputs is None:
        return SeparabilityResult(undefined, undefined, ())
    scores = _out_of_fold(sides, inputs)
    if scores is None:
        return SeparabilityResult(undefined, undefined, ())
    weights = weights_of(sides.dialogues)
    better = (np.sign(scores[:pairs] - scores[pairs:]) / 2 + 0.5).astype(np.float64)
    paired = ratio(weights.T.astype(np.float64) @ better, weights.sum(axis=0, dtype=np.float64))
    auc = weighted_auc(scores, sides.is_chosen, np.concatenate([weights, weights]))
    strongest = _strongest(_fit(inputs, sides.is_chosen), names, words) if len(names) else ()
    error = auc_error(scores, sides.dialogues)
    return SeparabilityResult(
        interval(auc, pairs), interval(paired, pairs), strongest, error, dimension_of(_some_of(inputs, pairs))
    )


# Rows × features, and the features' names where they are words; None where there is no feature.
def _inputs(sides: SidesOfPairs, features: Features) -> tuple[Any, np.ndarray]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    nameless = np.array([], dtype=object)
    if features == "length":
        logs = np.log1p(sides.lengths)
        columns = np.column_stack([logs, logs**2])
        spread = columns.std(axis=0)
        return (columns - columns.mean(axis=0)) / np.where(spread > 0, spread, 1), nameless
    # The vocabulary is made without the labels, so that it may see every fold.
    words = TfidfVectorizer(min_df=2, sublinear_tf=True, dtype=np.float64, **_VOCABULARIES[features])
    try:
        return words.fit_transform(sides.texts), words.get_feature_names_out()
    except ValueError:  # scikit-learn's word for "no text has a word that another has too"
        return None, nameless


# A score per side from a model that saw no pair of its dialogue; None where there is but one dialogue.
def _out_of_fold(sides: SidesOfPairs, inputs: Any) -> np.ndarray | None:
    unique, group = np.unique(sides.dialogues, return_inverse=True)
    folds = min(FOLDS, len(unique))
    if folds < 2:
        return None
    fold = (np.random.default_rng(SEED).permutation(len(unique)) % folds)[group]
    of_side = np.concatenate([fold, fold])
    scores = np.zeros(len(of_side))
    for number in range(folds):
        held_out = np.flatnonzero(of_side == number)
        fitted_on = np.flatnonzero(of_side != number)
        model = _fit(inputs[fitted_on], sides.is_chosen[fitted_on])
        scores[held_out] = model.decision_function(inputs[held_out])
    return scores.round(12)


# The sides of the first pairs, in the order of a hash.
def _some_of(inputs: Any, pairs: int, most: int = 500) -> Any:
    first = np.arange(min(pairs, most))
    return inputs[np.concatenate([first, first + pairs])]


def _fit(inputs: Any, labels: np.ndarray) -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(solver="liblinear", random_state=SEED).fit(inputs, labels)


def _strongest(model: Any, names: np.ndarray, number: int) -> tuple[tuple[str, float], ...]:
    weights = model.coef_[0]
    order = np.lexsort((names, -np.abs(weights)))[:number]
    return tuple(sorted(((str(names[at]), round(float(weights[at]), 3)) for at in order), key=lambda one: -one[1]))


SAMPLE = 10_000
"""Pairs of a config that are looked at, at most."""
# Characters of a side whose words are looked at; its length counts in full.
_LONGEST = 4_000


class Artefacts(Measure):
    """Samples the sides of every config and fits the models when all is read.

    Args:
        sample: pairs of a config that are looked at, at most.
    """

    def __init__(self, sample: int = SAMPLE) -> None:
        self._limit = sample
        self._samples: dict[str, DialogueSample] = {}

    def take_pairs(self, pairs: Pairs) -> None:
        sample = self._samples.setdefault(pairs.place.config, DialogueSample(self._limit))
        rows = sample.wanted(pairs.dialogues)
        if len(rows):
            sides = [side.texts.take(rows).to_pylist() for side in (pairs.chosen, pairs.rejected)]
            sample.add(pairs.dialogues[rows], *(make(side) for side in sides for make in (_cut, _lengths)))

    def result(self) -> dict[str, Any]:
        return {"artefacts": tuple(one for config, sample in self._samples.items() for one in _measure(config, sample))}


def _measure(config: str, sample: DialogueSample) -> list[Artefact]:
    dialogues, chosen, chosen_lengths, rejected, rejected_lengths = sample.rows()
    sides = SidesOfPairs(
        dialogues, np.concatenate([chosen, rejected]), np.concatenate([chosen_lengths, rejected_lengths]).astype(float)
    )
    told = []
    for features in _FEATURE_SETS:
        result = measure_separability(sides, features)
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

"""The figures of a review, computed from its labelled pairs alone.

All intervals are bootstrap intervals over dialogues, since the pairs of one dialogue are not independent.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from ...schemas.error_type import ErrorType
from ...schemas.measures import Interval
from ...schemas.review import (
    NO_ERROR,
    AmongPeople,
    AnnotatorCounts,
    Better,
    ConfigReview,
    Found,
    Label,
    PairwiseKappa,
    Preference,
    ReviewedPair,
    SideAgreement,
    WithJudge,
)
from ..statistics.bootstrap import (
    Resampling,
    Statistic,
    alpha,
    coincidences_of,
    confusions_of,
    kappa,
    merged,
    same_share,
    share_of,
    weights_of,
)

_ERRORS = (NO_ERROR, *ErrorType)
_BETTER = tuple(Better)
_EACH = range(len(_ERRORS))
_ANY_ERROR = tuple(int(one != NO_ERROR) for one in _ERRORS)

Units = list[list[int]]
"""The labels of each unit (a reply, or the pair), as numbers."""
Both = list[tuple[int, int]]
"""The labels of two raters for each unit that both labelled, as numbers."""
Reader = Callable[[Label], int | None]
"""Reads one cell of a label as a number; None if it is blank."""
Grouped = Callable[[Sequence[int]], Interval]
"""Computes a statistic of error labels after merging the labels into groups."""


def review_of(pairs: Iterable[ReviewedPair]) -> ConfigReview:
    """The review of a config, from its labelled pairs."""
    ordered = tuple(sorted(pairs, key=lambda pair: pair.row_id))
    figures = _Figures(ordered)
    return ConfigReview(
        annotators={name: _counts(ordered, name) for name in figures.annotators},
        among=figures.among(),
        judge=figures.judge(),
        preference=figures.preference(),
        pairs=ordered,
    )


def _counts(pairs: Sequence[ReviewedPair], name: str) -> AnnotatorCounts:
    filled = [sum(cell is not None for cell in _cells(pair.labels[name])) for pair in pairs if name in pair.labels]
    cells = sum(filled)
    return AnnotatorCounts(
        pairs=sum(number > 0 for number in filled), cells=cells, blank=len(filled) * len(Label.model_fields) - cells
    )


def _cells(label: Label) -> tuple[str | None, ...]:
    return label.chosen_error, label.rejected_error, label.better


def _chosen_error(label: Label) -> int | None:
    return None if label.chosen_error is None else _ERRORS.index(label.chosen_error)


def _rejected_error(label: Label) -> int | None:
    return None if label.rejected_error is None else _ERRORS.index(label.rejected_error)


def _better(label: Label) -> int | None:
    return None if label.better is None else _BETTER.index(label.better)


_REPLIES: tuple[Reader, ...] = (_chosen_error, _rejected_error)


def resample_dialogues(dialogue_ids: Sequence[str]) -> Resampling:
    """A bootstrap over dialogues, for units that belong to these dialogues."""
    dialogues = np.array([int(one, 16) for one in dialogue_ids], dtype=np.uint64)
    return Resampling(dialogues, weights_of(dialogues))


@dataclass(frozen=True)
class _Figures:
    pairs: tuple[ReviewedPair, ...]

    @cached_property
    def annotators(self) -> list[str]:
        return sorted({name for pair in self.pairs for name in pair.labels})

    @cached_property
    def _resampling(self) -> Resampling:
        return resample_dialogues([pair.dialogue_id for pair in self.pairs])

    def among(self) -> AmongPeople:
        """Krippendorff's alpha of all annotators, and Cohen's kappa of every two."""
        errors = [_said(pair, _REPLIES) for pair in self.pairs]
        better = [_said(pair, (_better,)) for pair in self.pairs]
        # One table a pair, not one in all: the bootstrap weighs the tables of a dialogue's pairs together.
        tables = np.array([coincidences_of(units, len(_ERRORS)) for units in errors])
        grouped = self._of(alpha, tables, _pairable(errors))
        return AmongPeople(
            flagged=grouped(_ANY_ERROR),
            error=grouped(_EACH),
            by_error=_one_vs_rest(grouped),
            better=self._resampling.interval(
                alpha, np.array([coincidences_of(units, len(_BETTER)) for units in better]), _pairable(better)
            ),
            pairwise=tuple(self._pairwise(one, other) for one, other in combinations(self.annotators, 2)),
        )

    def _pairwise(self, one: str, other: str) -> PairwiseKappa:
        errors = [_both(pair.labels, one, other, _REPLIES) for pair in self.pairs]
        better = [_both(pair.labels, one, other, (_better,)) for pair in self.pairs]
        grouped = self._confused(kappa, errors)
        tables = np.array([confusions_of(both, len(_BETTER)) for both in better])
        return PairwiseKappa(
            annotators=(one, other),
            flagged=grouped(_ANY_ERROR),
            error=grouped(_EACH),
            better=self._resampling.interval(kappa, tables, sum(map(len, better))),
        )

    def judge(self) -> WithJudge:
        """Agreement of every label of a judged reply with the judge's."""
        chosen = [_against(pair.judge_chosen, pair, _chosen_error) for pair in self.pairs]
        rejected = [_against(pair.judge_rejected, pair, _rejected_error) for pair in self.pairs]
        grouped = self._confused(kappa, [one + other for one, other in zip(chosen, rejected, strict=True)])
        return WithJudge(
            flagged=grouped(_ANY_ERROR),
            error=grouped(_EACH),
            by_error=_one_vs_rest(grouped),
            chosen=self._side(chosen),
            rejected=self._side(rejected),
        )

    def _side(self, both: Sequence[Both]) -> SideAgreement:
        same, chance_corrected = self._confused(same_share, both), self._confused(kappa, both)
        return SideAgreement(same=same(_ANY_ERROR), kappa=chance_corrected(_ANY_ERROR))

    def preference(self) -> Preference:
        """How often each side is preferred."""
        given = [[one for unit in _said(pair, (_better,)) for one in unit] for pair in self.pairs]
        counts = np.array([np.bincount(labels, minlength=len(_BETTER)) for labels in given], dtype=np.float64)
        total = sum(map(len, given))
        return Preference(
            **{
                side.value: self._resampling.interval(share_of(number), counts, total)
                for number, side in enumerate(_BETTER)
            }
        )

    def _confused(self, statistic: Statistic, both: Sequence[Both]) -> Grouped:
        tables = np.array([confusions_of(of_pair, len(_ERRORS)) for of_pair in both])
        return self._of(statistic, tables, sum(map(len, both)))

    def _of(self, statistic: Statistic, tables: np.ndarray, n: int) -> Grouped:
        return lambda groups: self._resampling.interval(statistic, merged(tables, groups), n)


def _one_vs_rest(grouped: Grouped) -> dict[ErrorType, Interval]:
    return {error: grouped([int(one == error) for one in _ERRORS]) for error in ErrorType}


# The labels of all annotators, by unit: the two replies, or the pair.
def _said(pair: ReviewedPair, readers: Sequence[Reader]) -> Units:
    answers = ([reader(label) for label in pair.labels.values()] for reader in readers)
    return [[answer for answer in unit if answer is not None] for unit in answers]


def _both(labels: Mapping[str, Label], one: str, other: str, readers: Sequence[Reader]) -> Both:
    if one not in labels or other not in labels:
        return []
    answers = ((reader(labels[one]), reader(labels[other])) for reader in readers)
    return [(first, second) for first, second in answers if first is not None and second is not None]


# The labels of each annotator and the judge for one reply.
def _against(judge: Found | None, pair: ReviewedPair, read: Reader) -> Both:
    answers = (read(label) for label in pair.labels.values())
    return [(one, _ERRORS.index(judge)) for one in answers if one is not None and judge is not None]


def _pairable(units: Iterable[Units]) -> int:
    return sum(len(unit) > 1 for of_pair in units for unit in of_pair)

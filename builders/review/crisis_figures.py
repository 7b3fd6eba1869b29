"""All figures of what people decided about signs of a crisis, computed from their decisions and from nothing else."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ...schemas.measures import Interval
from ...schemas.review import CrisisDecision, CrisisReview, ReaderKappa, ReadFinding
from ..statistics.agreement import Resampling, alpha, coincidences_of, confusions_of, kappa
from ..statistics.bootstrap import weights_of
from .crisis_items import CrisisItem, dialogues_unread

_DECISIONS = tuple(CrisisDecision)


def crisis_review_of(items: Sequence[CrisisItem], read: Sequence[ReadFinding]) -> CrisisReview:
    """The review that decisions make.

    Args:
        items: every sign in the holdout.
        read: those that somebody decided on, in order of their ids.
    """
    ids = {one.finding for one in read}
    unread = {item.dialogue_id for item in items if item.finding not in ids}
    dialogues = {item.dialogue_id for item in items}
    given = Counter(decision for one in read for decision in one.decisions.values())
    readers = Counter(reader for one in read for reader in one.decisions)
    return CrisisReview(
        dialogues=len(dialogues),
        dialogues_read=len(dialogues - unread),
        findings=len(items),
        findings_read=len(read),
        decisions={decision: given[decision] for decision in CrisisDecision},
        readers=dict(sorted(readers.items())),
        alpha=_alpha(read) if read else Interval(value=None, low=None, high=None, n=0),
        pairwise=tuple(_pairwise(read, one, other) for one, other in combinations(sorted(readers), 2)),
        read=tuple(read),
        dialogues_unread=dialogues_unread(items),
        findings_unread=sum(item.unread for item in items),
    )


def _alpha(read: Sequence[ReadFinding]) -> Interval:
    """Of all readers."""
    units = [[_DECISIONS.index(decision) for decision in one.decisions.values()] for one in read]
    tables = np.array([coincidences_of([unit], len(_DECISIONS)) for unit in units])
    return _resampled(read).interval(alpha, tables, sum(len(unit) > 1 for unit in units))


def _pairwise(read: Sequence[ReadFinding], one: str, other: str) -> ReaderKappa:
    both = [
        [(_DECISIONS.index(found.decisions[one]), _DECISIONS.index(found.decisions[other]))]
        if {one, other} <= found.decisions.keys()
        else []
        for found in read
    ]
    tables = np.array([confusions_of(decisions, len(_DECISIONS)) for decisions in both])
    return ReaderKappa(readers=(one, other), kappa=_resampled(read).interval(kappa, tables, sum(map(len, both))))


def _resampled(read: Sequence[ReadFinding]) -> Resampling:
    dialogues = np.array([int(one.dialogue_id, 16) for one in read], dtype=np.uint64)
    return Resampling(dialogues, weights_of(dialogues))

"""How much of a system's replies was said before: within a dialogue, and in other dialogues (measures of our own).

What is compared are phrases, runs of three words, since replies that share common words do not repeat each other.
Self-BLEU and Distinct look at all replies together, and do not tell where a repetition stands.
"""

from collections import Counter, defaultdict

import numpy as np

from .measured import NO_REPLIES, Measured, Metric, mean_of, undefined
from .sample import Sample
from .words import WORDS, Phrases, phrases_of

_OF = f"mean share of a reply's runs of three words, 0 to 1 ({WORDS}),"

METRICS = {
    "repeats_supporter": Metric(
        "repeats the supporter",
        f"{_OF} that the human supporter used earlier in the dialogue, at turns that are scored; of replies that have "
        "such a turn before them",
        "lower",
    ),
    "repeats_itself": Metric(
        "repeats itself",
        f"{_OF} that the system itself used earlier in the dialogue; of replies that have one before them",
        "lower",
    ),
    "repeats_elsewhere": Metric(
        "repeats across dialogues",
        f"{_OF} that the system also uses in another dialogue, where it replies in several; rises with the number of "
        "replies by nature",
        "lower",
    ),
}
NO_HUMAN = "there are no human replies to compare with"
NOTHING_BEFORE = "no reply has one before it in its dialogue"
ONE_DIALOGUE = "it replies in one dialogue alone"


def measure_repetition(sample: Sample) -> dict[str, Measured]:
    """Every metric of `METRICS`; undefined where no reply has anything that it could repeat."""
    replicates = sample.weights.shape[1] - 1
    if not sample.replied.any():
        return dict.fromkeys(METRICS, undefined(NO_REPLIES, replicates))
    own = {int(row): phrases_of(sample.answers[row].reply or "") for row in np.flatnonzero(sample.replied)}
    human = {int(row): phrases_of(sample.answers[row].reference or "") for row in np.flatnonzero(sample.compared)}
    found = {
        "repeats_supporter": (_earlier(sample, own, human), NOTHING_BEFORE if human else NO_HUMAN),
        "repeats_itself": (_earlier(sample, own, own), NOTHING_BEFORE),
        "repeats_elsewhere": (_elsewhere(sample, own), ONE_DIALOGUE),
    }
    return {
        name: _mean(shares, sample.weights) if shares else undefined(why, replicates)
        for name, (shares, why) in found.items()
    }


def _mean(shares: dict[int, float], weights: np.ndarray) -> Measured:
    return mean_of(np.array(list(shares.values())), weights[list(shares)])


def _earlier(sample: Sample, own: dict[int, Phrases], said: dict[int, Phrases]) -> dict[int, float]:
    """The share of a reply that was said at an earlier turn of its dialogue, by row; of those with such a turn."""
    by_dialogue: dict[str, list[int]] = defaultdict(list)
    for row, one in enumerate(sample.answers):
        by_dialogue[one.dialogue].append(row)
    shares: dict[int, float] = {}
    for rows in by_dialogue.values():
        before: set[tuple[str, ...]] = set()
        for row in sorted(rows, key=lambda at: sample.answers[at].turn):
            if row in own and before:  # a first reply can repeat nothing, which is no merit
                shares[row] = len(own[row] & before) / len(own[row])
            before |= said.get(row, frozenset())
    return shares


def _elsewhere(sample: Sample, own: dict[int, Phrases]) -> dict[int, float]:
    """The share of a reply that also stands in a reply of another dialogue, by row; nothing of one dialogue alone."""
    by_dialogue: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for row, phrases in own.items():
        by_dialogue[sample.answers[row].dialogue] |= phrases
    if len(by_dialogue) < 2:
        return {}
    held_by = Counter(phrase for phrases in by_dialogue.values() for phrase in phrases)
    return {row: sum(held_by[phrase] > 1 for phrase in phrases) / len(phrases) for row, phrases in own.items()}

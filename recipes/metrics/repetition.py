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
        f"{_OF} that the human supporter used earlier in the dialogue, at turns that are scored",
        "lower",
    ),
    "repeats_itself": Metric("repeats itself", f"{_OF} that the system itself used earlier in the dialogue", "lower"),
    "repeats_elsewhere": Metric(
        "repeats across dialogues",
        f"{_OF} that the system also uses in another dialogue; rises with the number of replies by nature",
        "lower",
    ),
}


def measure_repetition(sample: Sample) -> dict[str, Measured]:
    """Every metric of `METRICS`; undefined where the system gives no replies at all, or there are no human ones."""
    if not sample.replied.any():
        return dict.fromkeys(METRICS, undefined(NO_REPLIES, sample.weights.shape[1] - 1))
    rows = np.flatnonzero(sample.replied)
    own = {int(row): phrases_of(sample.answers[row].reply or "") for row in rows}
    human = {
        row: phrases_of(one.reference)
        for row, one in enumerate(sample.answers)
        if one.reference and one.reference.strip()
    }
    found = {"repeats_itself": _earlier(sample, own, own), "repeats_elsewhere": _elsewhere(sample, own)}
    if human:
        found["repeats_supporter"] = _earlier(sample, own, human)
    nothing = undefined("there are no human replies to compare with", sample.weights.shape[1] - 1)
    means = {name: mean_of(np.array(shares), sample.weights[rows]) for name, shares in found.items()}
    return {name: means.get(name, nothing) for name in METRICS}


def _earlier(sample: Sample, own: dict[int, Phrases], said: dict[int, Phrases]) -> list[float]:
    """Of each reply the share that was said at an earlier turn of its dialogue, in the order of `own`."""
    by_dialogue: dict[str, list[int]] = defaultdict(list)
    for row, one in enumerate(sample.answers):
        by_dialogue[one.dialogue].append(row)
    shares: dict[int, float] = {}
    for rows in by_dialogue.values():
        before: set[tuple[str, ...]] = set()
        for row in sorted(rows, key=lambda at: sample.answers[at].turn):
            if row in own:
                shares[row] = len(own[row] & before) / len(own[row])
            before |= said.get(row, frozenset())
    return [shares[row] for row in own]


def _elsewhere(sample: Sample, own: dict[int, Phrases]) -> list[float]:
    """Of each reply the share that also stands in a reply of another dialogue, in the order of `own`."""
    by_dialogue: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for row, phrases in own.items():
        by_dialogue[sample.answers[row].dialogue] |= phrases
    held_by = Counter(phrase for phrases in by_dialogue.values() for phrase in phrases)
    return [sum(held_by[phrase] > 1 for phrase in phrases) / len(phrases) for phrases in own.values()]

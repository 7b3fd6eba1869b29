"""How varied a system's replies are, and how long: what collapses where training goes wrong. Only replies count."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from .measured import NO_REPLIES, Metric, MetricResult, around, mean_of, undefined
from .sample import WORDS, AnswerSample, Phrases, codes_of, ngrams, phrases_of, tokens

ORDERS = (1, 2, 3)
SELF_BLEU_REPLIES = 100
"""Replies that self-BLEU looks at, at most: it compares each with every other one."""

DIVERSITY_METRICS = {
    **{
        f"distinct_{order}": Metric(
            f"Distinct-{order}",
            f"share of different n-grams among those of all replies together, 0 to 1 ({WORDS}); falls with "
            "the number of replies by nature; its interval is a jackknife's",
            "higher",
        )
        for order in ORDERS
    },
    "self_bleu": Metric(
        "self-BLEU",
        f"mean BLEU-4 of a reply against all the others, 0 to 100 (sacreBLEU), over {SELF_BLEU_REPLIES} replies at "
        "most, at the same turns in every system",
        "lower",
    ),
    "words": Metric("words", f"mean length of a reply ({WORDS})", "neither"),
    "replied": Metric("replied", "share of turns with a reply, 0 to 1", "higher"),
}


def measure_diversity(sample: AnswerSample) -> dict[str, MetricResult]:
    """Every metric of `METRICS`; all but `replied` undefined where the system gives no replies at all."""
    replied = mean_of(sample.replied, sample.weights)
    if not sample.replied.any():
        nothing = undefined(NO_REPLIES, sample.weights.shape[1] - 1)
        return {**dict.fromkeys(DIVERSITY_METRICS, nothing), "replied": replied}
    rows = np.flatnonzero(sample.replied)
    weights = sample.weights[rows]
    said = [tokens(sample.answers[row].reply) for row in rows]
    dialogues = [sample.answers[row].dialogue for row in rows]
    distinct = {f"distinct_{order}": distinct_of(said, dialogues, weights, order) for order in ORDERS}
    words = mean_of(np.array([len(one) for one in said]), weights)
    return {**distinct, "self_bleu": _self_bleu(sample), "words": words, "replied": replied}


def distinct_of(said: list[list[str]], dialogues: list[str], weights: np.ndarray, order: int) -> MetricResult:
    """The share of different n-grams, with the interval that `measured.around` gives it.

    Args:
        said: the words of every reply.
        dialogues: the dialogue of each: one row of weights each.
        weights: replies × columns.
    """
    found: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    first: dict[str, int] = {}
    for row, (words, dialogue) in enumerate(zip(said, dialogues, strict=True)):
        found[dialogue].update(ngrams(words, order))
        first.setdefault(dialogue, row)
    held_by = Counter(gram for grams in found.values() for gram in grams)
    all_grams = sum(grams.total() for grams in found.values())
    if not all_grams:
        return undefined(f"no reply has {order} word{'s' * (order > 1)}", weights.shape[1] - 1)
    own = (sum(held_by[gram] == 1 for gram in grams) for grams in found.values())
    rest = [(len(held_by) - alone, all_grams - grams.total()) for alone, grams in zip(own, found.values(), strict=True)]
    left_out = np.array([different / of if of else np.nan for different, of in rest])
    return MetricResult(around(len(held_by) / all_grams, left_out, weights[list(first.values())]), len(said))


def _self_bleu(sample: AnswerSample) -> MetricResult:
    """Self-BLEU (Zhu et al. 2018, arXiv 1802.01886) over the turns with the lowest digests."""
    rows = _spread(f"{one.dialogue} {one.turn}" for one in sample.answers)
    rows = rows[sample.replied[rows]]
    if len(rows) < 2:
        return undefined("fewer than two replies", sample.weights.shape[1] - 1)
    values = self_bleu([(sample.answers[row].reply or "").strip() for row in rows])
    return mean_of(np.array(values), sample.weights[rows])


def _spread(names: Iterable[str]) -> np.ndarray:
    """The places of a repeatable sample: the same turns whatever the system."""
    return np.sort(np.argsort(codes_of(names), kind="stable")[:SELF_BLEU_REPLIES])


def self_bleu(replies: list[str]) -> list[float]:
    """BLEU-4 of each reply against all the others."""
    from sacrebleu.metrics.bleu import BLEU

    scorer = BLEU(effective_order=True)
    return [
        float(scorer.sentence_score(reply, replies[:at] + replies[at + 1 :]).score) for at, reply in enumerate(replies)
    ]


# How much of a system's replies was said before: within a dialogue, and in other dialogues (measures of our own).
#
# What is compared are phrases, runs of three words, since replies that share common words do not repeat each other.
# Self-BLEU and Distinct look at all replies together, and do not tell where a repetition stands.


_OF = f"mean share of a reply's runs of three words, 0 to 1 ({WORDS}),"

REPETITION_METRICS = {
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


def measure_repetition(sample: AnswerSample) -> dict[str, MetricResult]:
    """Every metric of `METRICS`; undefined where no reply has anything that it could repeat."""
    replicates = sample.weights.shape[1] - 1
    if not sample.replied.any():
        return dict.fromkeys(REPETITION_METRICS, undefined(NO_REPLIES, replicates))
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


def _mean(shares: dict[int, float], weights: np.ndarray) -> MetricResult:
    return mean_of(np.array(list(shares.values())), weights[list(shares)])


def _earlier(sample: AnswerSample, own: dict[int, Phrases], said: dict[int, Phrases]) -> dict[int, float]:
    """The share of a reply that was said at an earlier turn of its dialogue, by row; of those with such a turn."""
    by_dialogue: dict[str, list[int]] = defaultdict(list)
    for row, one in enumerate(sample.answers):
        by_dialogue[one.dialogue].append(row)
    shares: dict[int, float] = {}
    for rows in by_dialogue.values():
        before: set[tuple[str, ...]] = set()
        for row in sorted(rows, key=lambda at: sample.answers[at].turn):
            if row in own and before:  # a first reply can repeat nothing, which is not a merit
                shares[row] = len(own[row] & before) / len(own[row])
            before |= said.get(row, frozenset())
    return shares


def _elsewhere(sample: AnswerSample, own: dict[int, Phrases]) -> dict[int, float]:
    """The share of a reply that also stands in a reply of another dialogue, by row; nothing of one dialogue alone."""
    by_dialogue: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for row, phrases in own.items():
        by_dialogue[sample.answers[row].dialogue] |= phrases
    if len(by_dialogue) < 2:
        return {}
    held_by = Counter(phrase for phrases in by_dialogue.values() for phrase in phrases)
    return {row: sum(held_by[phrase] > 1 for phrase in phrases) / len(phrases) for row, phrases in own.items()}

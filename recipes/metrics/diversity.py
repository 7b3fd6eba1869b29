"""How varied a system's replies are, how long, and how much they repeat: what collapses when training goes wrong.

Distinct-n and self-BLEU (Zhu et al. 2018) look at all replies together, and do not show where a repetition is. So the
measures of repetition, which are our own, look for the phrases of a reply earlier in its dialogue, and in other
dialogues. A phrase is a run of three words, since replies that share common words do not repeat each other. Turns
without a reply do not count.
"""

from collections import Counter, defaultdict

import numpy as np

from .measured import NO_REPLIES, Metric, MetricResult, jackknife_samples, mean_of, undefined
from .sample import WORDS, AnswerSample, Phrases, codes_of, ngrams, phrases_of, tokens

ORDERS = (1, 2, 3)
# Self-BLEU compares every reply with every other one, so it looks at no more than these.
_SELF_BLEU_REPLIES = 100

DIVERSITY_METRICS = {
    **{
        f"distinct_{order}": Metric(
            f"Distinct-{order}",
            f"share of different n-grams among those of all replies together, 0 to 1 ({WORDS}); falls with "
            "the number of replies; its interval is a jackknife's",
            "higher",
        )
        for order in ORDERS
    },
    "self_bleu": Metric(
        "self-BLEU",
        f"mean BLEU-4 of a reply against all the others, 0 to 100 (sacreBLEU), over at most {_SELF_BLEU_REPLIES} "
        "replies, at the same turns in every system",
        "lower",
    ),
    "words": Metric("words", f"mean length of a reply ({WORDS})", "neither"),
    "replied": Metric("replied", "share of turns with a reply, 0 to 1", "higher"),
}

_SHARE = f"mean share of a reply's runs of three words, 0 to 1 ({WORDS}),"

REPETITION_METRICS = {
    "repeats_supporter": Metric(
        "repeats the supporter",
        f"{_SHARE} that the human supporter used earlier in the dialogue, at turns that are scored; over replies "
        "with such a turn before them",
        "lower",
    ),
    "repeats_itself": Metric(
        "repeats itself",
        f"{_SHARE} that the system itself used earlier in the dialogue; over replies with one before them",
        "lower",
    ),
    "repeats_elsewhere": Metric(
        "repeats across dialogues",
        f"{_SHARE} that the system also uses in another dialogue, if it replies in several; rises with the number "
        "of replies",
        "lower",
    ),
}
NO_HUMAN = "there are no human replies to compare with"
NOTHING_BEFORE = "no reply has one before it in its dialogue"
_ONE_DIALOGUE = "it replies in only one dialogue"


def measure_diversity(sample: AnswerSample) -> dict[str, MetricResult]:
    """Every metric of `DIVERSITY_METRICS`; all but `replied` are undefined if the system gives no replies."""
    replied = mean_of(sample.replied, sample.weights)
    if not sample.replied.any():
        nothing = undefined(NO_REPLIES, sample.weights.shape[1] - 1)
        return {**dict.fromkeys(DIVERSITY_METRICS, nothing), "replied": replied}
    rows = np.flatnonzero(sample.replied)
    weights = sample.weights[rows]
    replies = [tokens(sample.answers[row].reply) for row in rows]
    dialogues = [sample.answers[row].dialogue for row in rows]
    distinct = {f"distinct_{order}": _distinct_of(replies, dialogues, weights, order) for order in ORDERS}
    words = mean_of(np.array([len(one) for one in replies]), weights)
    return {**distinct, "self_bleu": _self_bleu(sample), "words": words, "replied": replied}


def _distinct_of(replies: list[list[str]], dialogues: list[str], weights: np.ndarray, order: int) -> MetricResult:
    """Distinct-n (Li et al. 2016, arXiv 1510.03055), with the samples of `measured.jackknife_samples`.

    Args:
        replies: the words of every reply.
        dialogues: the dialogue of every reply.
        weights: replies × columns; equal within a dialogue.
        order: n of the n-grams.
    """
    found: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    first: dict[str, int] = {}
    for row, (words, dialogue) in enumerate(zip(replies, dialogues, strict=True)):
        found[dialogue].update(ngrams(words, order))
        first.setdefault(dialogue, row)
    in_dialogues = Counter(gram for grams in found.values() for gram in grams)
    all_grams = sum(grams.total() for grams in found.values())
    if not all_grams:
        return undefined(f"no reply has {order} word{'s' * (order > 1)}", weights.shape[1] - 1)
    left_out = []
    for grams in found.values():
        unique = sum(in_dialogues[gram] == 1 for gram in grams)
        others = all_grams - grams.total()
        left_out.append((len(in_dialogues) - unique) / others if others else np.nan)
    drawn = weights[list(first.values())]
    return MetricResult(jackknife_samples(len(in_dialogues) / all_grams, np.array(left_out), drawn), len(replies))


# Self-BLEU (Zhu et al. 2018, arXiv 1802.01886) over a repeatable sample: the turns with the lowest digests.
def _self_bleu(sample: AnswerSample) -> MetricResult:
    digests = codes_of(f"{one.dialogue} {one.turn}" for one in sample.answers)
    rows = np.sort(np.argsort(digests, kind="stable")[:_SELF_BLEU_REPLIES])
    rows = rows[sample.replied[rows]]
    if len(rows) < 2:
        return undefined("fewer than two replies", sample.weights.shape[1] - 1)
    values = self_bleu([(sample.answers[row].reply or "").strip() for row in rows])
    return mean_of(np.array(values), sample.weights[rows])


def self_bleu(replies: list[str]) -> list[float]:
    """BLEU-4 of each reply against all the others."""
    from sacrebleu.metrics.bleu import BLEU

    scorer = BLEU(effective_order=True)
    return [
        float(scorer.sentence_score(reply, replies[:at] + replies[at + 1 :]).score) for at, reply in enumerate(replies)
    ]


def measure_repetition(sample: AnswerSample) -> dict[str, MetricResult]:
    """Every metric of `REPETITION_METRICS`; undefined if no reply has anything that it could repeat."""
    replicates = sample.weights.shape[1] - 1
    if not sample.replied.any():
        return dict.fromkeys(REPETITION_METRICS, undefined(NO_REPLIES, replicates))
    own = {int(row): phrases_of(sample.answers[row].reply or "") for row in np.flatnonzero(sample.replied)}
    human = {int(row): phrases_of(sample.answers[row].reference or "") for row in np.flatnonzero(sample.compared)}
    found = {
        "repeats_supporter": (_earlier(sample, own, human), NOTHING_BEFORE if human else NO_HUMAN),
        "repeats_itself": (_earlier(sample, own, own), NOTHING_BEFORE),
        "repeats_elsewhere": (_elsewhere(sample, own), _ONE_DIALOGUE),
    }
    return {
        name: _mean(shares, sample.weights) if shares else undefined(why, replicates)
        for name, (shares, why) in found.items()
    }


def _mean(shares: dict[int, float], weights: np.ndarray) -> MetricResult:
    return mean_of(np.array(list(shares.values())), weights[list(shares)])


# The share of a reply in `said` at earlier turns of its dialogue, by row; only for replies with such a turn.
def _earlier(sample: AnswerSample, own: dict[int, Phrases], said: dict[int, Phrases]) -> dict[int, float]:
    by_dialogue: dict[str, list[int]] = defaultdict(list)
    for row, one in enumerate(sample.answers):
        by_dialogue[one.dialogue].append(row)
    shares: dict[int, float] = {}
    for rows in by_dialogue.values():
        before: set[tuple[str, ...]] = set()
        for row in sorted(rows, key=lambda at: sample.answers[at].turn):
            if row in own and before:  # a first reply has nothing to repeat, so its 0 would only flatter the mean
                shares[row] = len(own[row] & before) / len(own[row])
            before |= said.get(row, frozenset())
    return shares


# The share of a reply that occurs in another dialogue, too, by row; empty for a single dialogue.
def _elsewhere(sample: AnswerSample, own: dict[int, Phrases]) -> dict[int, float]:
    by_dialogue: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for row, phrases in own.items():
        by_dialogue[sample.answers[row].dialogue] |= phrases
    if len(by_dialogue) < 2:
        return {}
    in_dialogues = Counter(phrase for phrases in by_dialogue.values() for phrase in phrases)
    return {row: sum(in_dialogues[phrase] > 1 for phrase in phrases) / len(phrases) for row, phrases in own.items()}

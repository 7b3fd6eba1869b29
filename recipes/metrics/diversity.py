"""How varied a system's replies are, and how long: what collapses where training goes wrong. Only replies count."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from .measured import NO_REPLIES, Measured, Metric, around, mean_of, undefined
from .sample import Sample, codes_of
from .words import WORDS, ngrams, tokens

ORDERS = (1, 2, 3)
SELF_BLEU_REPLIES = 100
"""Replies that self-BLEU looks at, at most: it compares each with every other one."""

METRICS = {
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


def measure_diversity(sample: Sample) -> dict[str, Measured]:
    """Every metric of `METRICS`; all but `replied` undefined where the system gives no replies at all."""
    replied = mean_of(sample.replied, sample.weights)
    if not sample.replied.any():
        nothing = undefined(NO_REPLIES, sample.weights.shape[1] - 1)
        return {**dict.fromkeys(METRICS, nothing), "replied": replied}
    rows = np.flatnonzero(sample.replied)
    weights = sample.weights[rows]
    said = [tokens(sample.answers[row].reply) for row in rows]
    dialogues = [sample.answers[row].dialogue for row in rows]
    distinct = {f"distinct_{order}": distinct_of(said, dialogues, weights, order) for order in ORDERS}
    words = mean_of(np.array([len(one) for one in said]), weights)
    return {**distinct, "self_bleu": _self_bleu(sample), "words": words, "replied": replied}


def distinct_of(said: list[list[str]], dialogues: list[str], weights: np.ndarray, order: int) -> Measured:
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
    return Measured(around(len(held_by) / all_grams, left_out, weights[list(first.values())]), len(said))


def _self_bleu(sample: Sample) -> Measured:
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

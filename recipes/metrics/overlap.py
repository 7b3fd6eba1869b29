"""Overlap of words between a reply and the human's. A missing reply scores 0.

The figures are those of the standard libraries, with their own tokenisers if they have one. They differ from those of
papers that average over turns, or tokenise otherwise. BLEU: Papineni et al. 2002, by sacreBLEU (Post 2018); ROUGE-L:
Lin 2004; METEOR: Banerjee and Lavie 2005.
"""

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .measured import NO_REPLIES, Metric, MetricResult, mask_single_dialogue, mean_of, undefined
from .sample import WORDS, AnswerSample, tokens

ORDERS = (1, 2, 3, 4)

METRICS = {
    **{
        f"bleu_{order}": Metric(
            f"BLEU-{order}",
            "corpus BLEU of n-grams up to that order, 0 to 100 (sacreBLEU: 13a tokens, case kept, exp smoothing)",
            "higher",
        )
        for order in ORDERS
    },
    "rouge_l": Metric(
        "ROUGE-L", "mean F of the longest common subsequence, 0 to 1 (rouge-score, no stemmer)", "higher"
    ),
    "meteor": Metric(
        "METEOR, exact and stem",
        f"mean METEOR with exact and Porter-stem matches and no synonyms, 0 to 1 (NLTK's, without WordNet; {WORDS})",
        "higher",
    ),
    "unigram_f1": Metric("unigram F1", f"mean F1 of the words that both share, 0 to 1 ({WORDS})", "higher"),
}


def measure_overlap(sample: AnswerSample) -> dict[str, MetricResult]:
    """Every metric of `METRICS`; undefined if there are no human replies, or the system gives none."""
    replicates = sample.weights.shape[1] - 1
    if not sample.compared.any():
        return dict.fromkeys(METRICS, undefined("there are no human replies to compare with", replicates))
    if not (sample.replied & sample.compared).any():
        return dict.fromkeys(METRICS, undefined(NO_REPLIES, replicates))
    rows = np.flatnonzero(sample.compared)
    pairs = [((sample.answers[row].reply or "").strip(), sample.answers[row].reference or "") for row in rows]
    weights = sample.weights[rows]
    by_turn: dict[str, Callable[[str, str], float]] = {
        "rouge_l": _rouge_l(),
        "meteor": _meteor(),
        "unigram_f1": unigram_f1,
    }
    means = {name: mean_of(np.array([score(*pair) for pair in pairs]), weights) for name, score in by_turn.items()}
    return {**_bleu(pairs, weights), **means}


def _bleu(pairs: list[tuple[str, str]], weights: np.ndarray) -> dict[str, MetricResult]:
    """Corpus BLEU of every order, under every column of weights, from each turn's n-gram counts."""
    from sacrebleu.metrics.bleu import BLEU

    counter = BLEU(effective_order=True)  # only counts are used; without it, sacreBLEU warns about single sentences
    scores = [counter.sentence_score(reply, [reference]) for reply, reference in pairs]
    counts = np.array([[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in scores], dtype=np.int64)
    sums = np.rint(weights.T.astype(np.float64) @ counts).astype(np.int64).tolist()
    values = {order: np.array([_corpus_bleu(row, order) for row in sums]) for order in ORDERS}
    return {
        f"bleu_{order}": MetricResult(mask_single_dialogue(one, weights), len(pairs)) for order, one in values.items()
    }


def _corpus_bleu(sums: list[int], order: int) -> float:
    from sacrebleu.metrics.bleu import BLEU

    *counts, length, reference_length = sums
    if not length:
        return 0.0
    score: float = BLEU.compute_bleu(
        correct=counts[:order],
        total=counts[4 : 4 + order],
        sys_len=length,
        ref_len=reference_length,
        smooth_method="exp",
        max_ngram_order=order,
    ).score
    return score


def _rouge_l() -> Callable[[str, str], float]:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    return lambda reply, reference: float(scorer.score(reference, reply)["rougeL"].fmeasure)


class _NoSynonyms:
    """Replaces WordNet, which would have to be downloaded: no word has a synonym."""

    def synsets(self, word: str, *_: Any, **__: Any) -> list[Any]:
        return []


def _meteor() -> Callable[[str, str], float]:
    from nltk.stem.porter import PorterStemmer
    from nltk.translate.meteor_score import single_meteor_score

    stemmer: Any = PorterStemmer()
    stemmer.stem = lru_cache(maxsize=65_536)(stemmer.stem)
    return lambda reply, reference: float(
        single_meteor_score(tokens(reference), tokens(reply), stemmer=stemmer, wordnet=_NoSynonyms())
    )


def unigram_f1(reply: str, reference: str) -> float:
    """F1 of the words of two texts as multisets; 0 if either has none."""
    ours, theirs = tokens(reply), tokens(reference)
    shared = (Counter(ours) & Counter(theirs)).total()
    return 2 * shared / (len(ours) + len(theirs)) if shared else 0.0

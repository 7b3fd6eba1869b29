"""How much of the human's words a reply has. A missing reply shares none of them, and counts as such.

The numbers are the standard libraries', with their own tokenisers where they have one; so they are not those of papers
that score each turn alone, or after another tokenisation.
"""

from collections import Counter
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .measured import NO_REPLIES, Metric, MetricResult, mean_of, of_several, undefined
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
    """Every metric of `METRICS`; undefined where there is nothing to compare, or the system gives no replies at all."""
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

    counted = BLEU(
        effective_order=True
    )  # says so little of a single turn that it warns otherwise; only counts are used
    scores = [counted.sentence_score(reply, [reference]) for reply, reference in pairs]
    counts = np.array([[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in scores], dtype=np.int64)
    sums = np.rint(weights.T.astype(np.float64) @ counts).astype(np.int64).tolist()
    return {
        f"bleu_{order}": MetricResult(
            of_several(np.array([_corpus_bleu(row, order) for row in sums]), weights), len(pairs)
        )
        for order in ORDERS
    }


def _corpus_bleu(sums: list[int], order: int) -> float:
    from sacrebleu.metrics.bleu import BLEU

    *counts, length, of = sums
    if not length:
        return 0.0
    score: float = BLEU.compute_bleu(
        correct=counts[:order],
        total=counts[4 : 4 + order],
        sys_len=length,
        ref_len=of,
        smooth_method="exp",
        max_ngram_order=order,
    ).score
    return score


def _rouge_l() -> Callable[[str, str], float]:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], use_stemmer=False)
    return lambda reply, reference: float(scorer.score(reference, reply)["rougeL"].fmeasure)


class _NoSynonyms:
    """Stands in for WordNet, which would have to be downloaded: no word has a synonym."""

    def synsets(self, word: str, *_: Any, **__: Any) -> list[Any]:
        """None."""
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
    """F1 of the words of two texts as bags; 0 where either has none."""
    ours, theirs = tokens(reply), tokens(reference)
    shared = (Counter(ours) & Counter(theirs)).total()
    return 2 * shared / (len(ours) + len(theirs)) if shared else 0.0

"""Overlap of words between a reply and the human's. A missing reply scores 0.

The figures are those of the standard libraries, with their own tokenisers if they have one. They differ from those of
papers that average over turns, or tokenise otherwise. BLEU: Papineni et al. 2002, by sacreBLEU (Post 2018); ROUGE-L:
Lin 2004; METEOR: Banerjee and Lavie 2005.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ...schemas.errors import UsageError
from .measured import NO_REPLIES, Metric, MetricResult, mask_single_dialogue, mean_of, undefined
from .sample import WORDS, AnswerSample, tokens

ORDERS = (1, 2, 3, 4)

OVERLAP_METRICS = {
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
        return dict.fromkeys(OVERLAP_METRICS, undefined("there are no human replies to compare with", replicates))
    if not (sample.replied & sample.compared).any():
        return dict.fromkeys(OVERLAP_METRICS, undefined(NO_REPLIES, replicates))
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


# Corpus BLEU of every order, under every column of weights, from each turn's n-gram counts.
def _bleu(pairs: list[tuple[str, str]], weights: np.ndarray) -> dict[str, MetricResult]:
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


# Similarity of meaning between a reply and the human's, by a language model: after BERTScore.
#
# As in Zhang et al. 2020 (arXiv 1904.09675), every token of one text is matched with the most similar token of the
# other, by the cosine of their contextual vectors, and precision and recall give F1. Unlike BERTScore it has no IDF
# weights and no rescaling, and uses the last hidden layer of the given model. Compare its figures only under one
# model.


LIKENESS_METRICS = {
    "likeness": Metric(
        "likeness",
        "mean F1 of greedily matched token vectors, at most 1 (after BERTScore, not rescaled; by the model that "
        "--similarity-model names)",
        "higher",
    ),
}
# Replies that are embedded at a time, each cut after so many tokens.
_BATCH = 32
_MAX_TOKENS = 256


def measure_likeness(sample: AnswerSample, folder: Path) -> dict[str, MetricResult]:
    """The metric of `METRICS`, by the model in `folder`.

    Raises:
        UsageError: the folder holds no model with a tokeniser.
    """
    rows = np.flatnonzero(sample.compared)
    if not (sample.replied & sample.compared).any():
        return {"likeness": undefined("there are no replies to compare", sample.weights.shape[1] - 1)}
    replies = [(sample.answers[row].reply or "").strip() for row in rows]
    references = [sample.answers[row].reference or "" for row in rows]
    return {"likeness": mean_of(likeness(replies, references, folder), sample.weights[rows])}


def likeness(replies: Sequence[str], references: Sequence[str], folder: Path) -> np.ndarray:
    """F1 of each reply against its reference; 0 if either is empty."""
    vectors = Vectors(folder)
    scores = [
        _match_tokens(ours, theirs)
        for start in range(0, len(replies), _BATCH)
        for ours, theirs in zip(
            vectors.of(replies[start : start + _BATCH]),
            vectors.of(references[start : start + _BATCH]),
            strict=True,
        )
    ]
    return np.array(scores)


class Vectors:
    """The contextual vectors of a text's tokens, normalised to length 1; special tokens are left out."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModel, AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            self._model: Any = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        except (OSError, ValueError) as error:
            raise UsageError(f"{folder}: not a model with its tokeniser: {str(error).splitlines()[0]}") from error
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        self._length = min(_MAX_TOKENS, getattr(self._model.config, "max_position_embeddings", _MAX_TOKENS))

    def of(self, texts: Sequence[str]) -> list[np.ndarray]:
        """Tokens × dimensions for each text."""
        import torch

        encoded = self._tokenizer(
            [text or " " for text in texts],
            padding=True,
            truncation=True,
            max_length=self._length,
            return_tensors="pt",
            return_special_tokens_mask=True,
        )
        special = encoded.pop("special_tokens_mask").bool()
        encoded.pop("token_type_ids", None)
        with torch.no_grad():
            hidden = self._model(**encoded).last_hidden_state.float()
        hidden = torch.nn.functional.normalize(hidden, dim=-1)
        kept = encoded["attention_mask"].bool() & ~special
        return [
            hidden[at][kept[at]].numpy() if text.strip() else np.zeros((0, hidden.shape[-1]))
            for at, text in enumerate(texts)
        ]


def _match_tokens(ours: np.ndarray, theirs: np.ndarray) -> float:
    if not len(ours) or not len(theirs):
        return 0.0
    cosines = ours @ theirs.T
    precision, recall = float(cosines.max(axis=1).mean()), float(cosines.max(axis=0).mean())
    return 2 * precision * recall / (precision + recall) if precision + recall > 0 else 0.0

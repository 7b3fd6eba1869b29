"""Similarity of meaning between a reply and the human's, by a language model: after BERTScore.

As in Zhang et al. 2020 (arXiv 1904.09675), every token of one text is matched with the most similar token of the other,
by the cosine of their contextual vectors, and precision and recall give F1. Unlike BERTScore it has no IDF weights and
no rescaling, and uses the last hidden layer of the given model. Compare its figures only under one model.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...schemas.errors import UsageError
from .measured import Metric, MetricResult, mean_of, undefined
from .sample import AnswerSample

METRICS = {
    "likeness": Metric(
        "likeness",
        "mean F1 of greedily matched token vectors, at most 1 (after BERTScore, not rescaled; by the model that "
        "--similarity-model names)",
        "higher",
    ),
}
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

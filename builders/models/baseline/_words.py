"""How much the words of a text weigh among the training dialogues."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .text import content_words, tokenise

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


def rarities(documents: Iterable[Iterable[str]]) -> Mapping[str, float]:
    """How rare each content word is among the documents (each a list of texts): from 0 in all to 1 in none."""
    stems = [set().union(*(content_words(text) for text in texts)) for texts in documents]
    counts = Counter(stem for document in stems for stem in document)
    scale = math.log(2 + len(stems))
    return {stem: 1 - math.log(1 + count) / scale for stem, count in counts.items()}


@dataclass(frozen=True, eq=False, repr=False)
class Weighed:
    """A text as a sparse unit vector over a vocabulary."""

    terms: Ints
    """Numbers of the terms that occur, ascending, each once."""
    weights: Floats
    """Their weights, in the same order; their squares add up to 1 unless there are none."""


@dataclass(frozen=True, eq=False, repr=False)
class Tfidf:
    """A vocabulary with inverse document frequencies, fitted once and applied a text at a time."""

    vocabulary: dict[str, int]
    """Number of each term."""
    idf: Floats
    """Smoothed inverse document frequency by number."""

    @classmethod
    def fit(cls, texts: Iterable[str], *, min_count: int) -> "Tfidf":
        """The vocabulary of all terms that stand in at least `min_count` of `texts`."""
        documents = [set(tokenise(text)) for text in texts]
        counts = Counter(term for document in documents for term in document)
        kept = sorted(term for term, count in counts.items() if count >= min_count)
        idf = [math.log((1 + len(documents)) / (1 + counts[term])) + 1 for term in kept]
        return cls(vocabulary={term: number for number, term in enumerate(kept)}, idf=np.array(idf, dtype=np.float64))

    def weigh(self, text: str) -> Weighed:
        """`text` as a unit vector: logarithmic counts times idf."""
        counts = Counter(self.vocabulary[term] for term in tokenise(text) if term in self.vocabulary)
        terms = np.array(sorted(counts), dtype=np.intp)
        weights = np.array([1 + math.log(counts[term]) for term in terms.tolist()], dtype=np.float64) * self.idf[terms]
        norm = math.sqrt(float(weights @ weights))
        return Weighed(terms=terms, weights=weights / norm if norm else weights)


def as_rows(vectors: list[Weighed], width: int) -> Any:
    """The vectors as rows of one scipy CSR matrix with `width` columns."""
    from scipy.sparse import csr_matrix  # only needed for fitting

    lengths = [len(vector.terms) for vector in vectors]
    starts = np.concatenate(([0], np.cumsum(lengths, dtype=np.intp)))
    terms = np.concatenate([vector.terms for vector in vectors])
    weights = np.concatenate([vector.weights for vector in vectors])
    return csr_matrix((weights, terms, starts), shape=(len(vectors), width))

"""The sketch of a text is the MinHash of its word triples, as `datasketch` computes it."""

import numpy as np
from datasketch import MinHash

from ipm_prefdial.builders.statistics.near_duplicates import PERMUTATIONS, sketch_of


def _minhash(shingles: set[str]) -> np.ndarray:
    sketch = MinHash(num_perm=PERMUTATIONS)
    sketch.update_batch([shingle.encode() for shingle in sorted(shingles)])
    return np.asarray(sketch.hashvalues, dtype=np.uint32)


def test_a_sketch_is_that_of_the_word_triples() -> None:
    words = "i am so tired of this".split()
    triples = {"i am so", "am so tired", "so tired of", "tired of this"}
    assert (sketch_of(words) == _minhash(triples)).all()
    assert (sketch_of(["hello"]) == _minhash({"hello"})).all()

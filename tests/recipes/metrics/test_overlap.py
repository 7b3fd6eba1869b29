"""Overlap with the human's words is the libraries', on the data and on every bootstrap sample."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU
from support.answers import spoken_sample

from ipm_prefdial.recipes.metrics.measured import NO_REPLIES
from ipm_prefdial.recipes.metrics.overlap import OVERLAP_METRICS, measure_overlap, unigram_f1

_SAID = st.lists(st.sampled_from("the kiln broke and you feel low . ? !".split()), min_size=1, max_size=9).map(" ".join)
_PAIRS = st.lists(st.tuples(_SAID, _SAID), min_size=1, max_size=8)

PAIRS = [
    ("I am sorry that the kiln broke.", "I am so sorry that your kiln broke!"),
    ("What happened on the bridge?", "What did you do on the bridge that night?"),
    ("That must have been hard for you.", "It must have been hard to stand there alone."),
]


@given(_PAIRS)
def test_bleu_is_sacrebleus_on_the_data_and_on_every_sample(pairs: list[tuple[str, str]]) -> None:
    sample = spoken_sample(pairs, replicates=4, dialogues=3)
    found = measure_overlap(sample)
    for column in range(5 if len(pairs) > 1 else 1):  # one dialogue alone has no samples
        drawn = [pair for pair, times in zip(pairs, sample.weights[:, column], strict=True) for _ in range(int(times))]
        replies, references = [one for one, _ in drawn], [other for _, other in drawn]
        for order in (1, 2, 3, 4):
            due = BLEU(max_ngram_order=order).corpus_score(replies, [references]).score if drawn else 0
            assert found[f"bleu_{order}"].values[column] == pytest.approx(due)


def test_rouge_l_is_the_mean_of_rouge_scores() -> None:
    scorer = RougeScorer(["rougeL"])
    due = np.mean([scorer.score(reference, reply)["rougeL"].fmeasure for reply, reference in PAIRS])
    assert measure_overlap(spoken_sample(PAIRS))["rouge_l"].values[0] == pytest.approx(due)


def test_rouge_l_and_unigram_f1_worked_out_by_hand() -> None:
    """`the cat is on the mat` against `the cat sat on the mat`: five of six words, in order."""
    found = measure_overlap(spoken_sample([("The cat is on the mat.", "the cat sat on the mat")]))
    assert found["rouge_l"].values[0] == pytest.approx(5 / 6)
    assert found["unigram_f1"].values[0] == pytest.approx(5 / 6)


def test_meteor_matches_exact_words_and_stems_and_no_synonyms() -> None:
    """Two of two words match, one by its stem, in one chunk: F is 1, the penalty is 0.5 · (1/2)³."""
    found = measure_overlap(spoken_sample([("feeling tired", "feelings tired")]))
    assert found["meteor"].values[0] == pytest.approx(1 - 0.5 * (1 / 2) ** 3)
    assert measure_overlap(spoken_sample([("glad", "happy")]))["meteor"].values[0] == 0


def test_missing_reply_counts_as_an_empty_one() -> None:
    whole = measure_overlap(spoken_sample(PAIRS))
    half = measure_overlap(spoken_sample([*PAIRS, *((None, reference) for _, reference in PAIRS)]))
    assert half["rouge_l"].values[0] == pytest.approx(whole["rouge_l"].values[0] / 2)
    assert half["meteor"].values[0] == pytest.approx(whole["meteor"].values[0] / 2)
    assert half["bleu_2"].values[0] < whole["bleu_2"].values[0]
    assert half["rouge_l"].n == 6


def test_nothing_is_told_where_nobody_replies_or_nothing_is_to_compare_with() -> None:
    silent = measure_overlap(spoken_sample([(None, "I hear you."), (" ", "I hear you.")]))
    assert {one.interval.value for one in silent.values()} == {None}
    assert {one.why for one in silent.values()} == {NO_REPLIES}
    alone = measure_overlap(spoken_sample([("I hear you.", None)]))
    assert {one.why for one in alone.values()} == {"there are no human replies to compare with"}
    assert silent.keys() == alone.keys() == OVERLAP_METRICS.keys()


@given(_SAID, _SAID)
def test_unigram_f1_is_symmetric_and_1_for_equal_words(one: str, other: str) -> None:
    assert unigram_f1(one, other) == unigram_f1(other, one)
    assert 0 <= unigram_f1(one, other) <= 1
    assert unigram_f1(one, one.upper()) in (0, 1)


def test_copying_the_human_is_perfect() -> None:
    found = measure_overlap(spoken_sample([(reference, reference) for _, reference in PAIRS]))
    assert found["bleu_4"].values[0] == pytest.approx(100)
    assert found["rouge_l"].values[0] == found["unigram_f1"].values[0] == 1

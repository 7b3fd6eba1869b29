"""How varied replies are, and how much they repeat."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.answers import answer, spoken_sample

from ipm_prefdial.recipes.evaluate.score import measure_human
from ipm_prefdial.recipes.metrics.diversity import (
    DIVERSITY_METRICS,
    REPETITION_METRICS,
    measure_diversity,
    measure_repetition,
    self_bleu,
)
from ipm_prefdial.recipes.metrics.measured import NO_REPLIES, jackknife_samples
from ipm_prefdial.recipes.metrics.sample import AnswerSample

_WORDS = "kiln tram hail lead bench garden oven bridge night walk".split()
_REPLIES = st.lists(st.lists(st.sampled_from(_WORDS), max_size=12).map(" ".join), min_size=1, max_size=12)


def _said(*replies: str | None, dialogues: int = 5, replicates: int = 20) -> AnswerSample:
    return spoken_sample([(reply, None) for reply in replies], dialogues=dialogues, replicates=replicates)


def test_distinct_by_hand() -> None:
    found = measure_diversity(_said("The hail, the hail!", "the tram"))
    assert found["distinct_1"].values[0] == pytest.approx(3 / 6)  # the hail tram
    assert found["distinct_2"].values[0] == pytest.approx(3 / 4)  # the hail, hail the, the tram
    assert found["distinct_3"].values[0] == 1
    assert found["words"].values[0] == 3
    assert found["words"].n == 2


@given(_REPLIES, st.integers(1, 3))
def test_distinct_is_a_plain_count_over_all_replies(replies: list[str], order: int) -> None:
    found = measure_diversity(_said(*replies))[f"distinct_{order}"]
    split = [reply.split() for reply in replies if reply]
    grams = [tuple(words[at : at + order]) for words in split for at in range(len(words) - order + 1)]
    assert found.interval.value == (pytest.approx(len(set(grams)) / len(grams), abs=1e-6) if grams else None)


def test_interval_of_distinct_has_the_jackknifes_width() -> None:
    dice = np.random.default_rng(1)
    replies = [" ".join(map(str, dice.integers(0, 60, dice.integers(3, 12)))) for _ in range(120)]
    found = measure_diversity(_said(*replies, dialogues=40, replicates=2_000))["distinct_2"]
    values = []
    for left_out in range(40):
        kept = [reply.split() for at, reply in enumerate(replies) if at % 40 != left_out]
        grams = [pair for words in kept for pair in pairwise(words)]
        values.append(len(set(grams)) / len(grams))
    deviation = (39 / 40 * np.sum((np.array(values) - np.mean(values)) ** 2)) ** 0.5
    told = found.interval
    assert told.low is not None
    assert told.high is not None
    assert told.high - told.low == pytest.approx(2 * 1.96 * deviation, rel=0.1)
    assert told.low < found.values[0] < told.high


def test_one_dialogue_has_no_interval() -> None:
    values = jackknife_samples(0.5, np.array([0.4]), np.ones((1, 11)))
    assert values[0] == 0.5
    assert np.isnan(values[1:]).all()


def test_self_bleu_knows_replies_that_are_all_alike() -> None:
    same = self_bleu(["I am sorry to hear that you feel so low."] * 3)
    assert same == pytest.approx([100, 100, 100])
    unlike = self_bleu(["kiln tram hail lead", "bench garden oven bridge", "night walk door lamp"])
    assert max(unlike) < 40


def test_self_bleu_looks_at_the_same_turns_in_every_system() -> None:
    turns = [(f"d{at % 9}", at) for at in range(400)]
    one = [answer(dialogue=dialogue, turn=turn, reply=f"reply number {turn}") for dialogue, turn in turns]
    shuffled = [one[at] for at in np.random.default_rng(0).permutation(400)]
    first, second = (measure_diversity(AnswerSample.of(answers, 5))["self_bleu"] for answers in (one, shuffled))
    assert first.n == second.n == 100
    assert first.values[0] == pytest.approx(second.values[0])


def test_only_replies_count_and_their_share_is_told() -> None:
    found = measure_diversity(_said("the hail fell", None, " ", "the hail fell"))
    assert found["replied"].values[0] == 0.5
    assert found["words"].values[0] == 3
    assert found["self_bleu"].values[0] == pytest.approx(100)


def test_silence_has_no_variety() -> None:
    found = measure_diversity(_said(None, None))
    assert found.keys() == DIVERSITY_METRICS.keys()
    assert found["replied"].values[0] == 0
    assert {one.why for name, one in found.items() if name != "replied"} == {NO_REPLIES}


def test_too_few_words_are_told() -> None:
    found = measure_diversity(_said("hail"))
    assert found["distinct_1"].values[0] == 1
    assert found["distinct_2"].why == "no reply has 2 words"
    assert found["self_bleu"].why == "fewer than two replies"


TEXTS = st.none() | st.lists(st.sampled_from("kiln tram hail lead bench".split()), max_size=6).map(" ".join)


def _values(*said: tuple[str, int, str | None, str | None]) -> dict[str, float | None]:
    """The values of dialogue, turn, reply and human reply."""
    answers = [answer(dialogue=name, turn=turn, reply=reply, reference=human) for name, turn, reply, human in said]
    return {name: one.interval.value for name, one in measure_repetition(AnswerSample.of(answers, 20)).items()}


def test_by_hand() -> None:
    found = _values(
        ("d0", 5, "The hail was loud. I see!", "I see."),  # comes second: three of its four phrases were said
        ("d0", 1, "the hail was loud tonight", "Was the hail heavy?"),
        ("d1", 1, "hail was loud", "was loud. I see"),
    )
    assert found["repeats_itself"] == 2 / 4, "the first replies have nothing before them"
    assert found["repeats_supporter"] == 0, "what the human says later, or in another dialogue, was not said before"
    assert found["repeats_elsewhere"] == pytest.approx((1 / 4 + 1 / 3 + 1) / 3, abs=1e-6)


def test_what_the_supporter_said_before_is_repeated() -> None:
    found = _values(("d0", 1, None, "You did well there."), ("d0", 3, "As I said, you did well there.", "Bye."))
    assert found["repeats_supporter"] == pytest.approx(2 / 5)
    assert found["repeats_itself"] is None, "it replies once"


def test_short_replies_are_repeated_as_a_whole() -> None:
    found = _values(("d0", 1, "I see.", "Well."), ("d0", 3, "i see", "Well."), ("d1", 1, "I see", None))
    assert found["repeats_itself"] == 1
    assert found["repeats_elsewhere"] == 1


def test_nothing_to_measure() -> None:
    silent = measure_repetition(spoken_sample([(None, "Hail.")]))
    assert {one.why for one in silent.values()} == {NO_REPLIES}
    assert _values(("d0", 1, "Hail.", None))["repeats_supporter"] is None


@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=9), st.integers(1, 3))
def test_shares_of_any_replies(pairs: list[tuple[str | None, str | None]], dialogues: int) -> None:
    sample = spoken_sample(pairs, dialogues=dialogues)
    found = measure_repetition(sample)
    assert found.keys() == REPETITION_METRICS.keys()
    values = {name: one.interval.value for name, one in found.items()}
    assert all(value is None or 0 <= value <= 1 for value in values.values())
    if dialogues == 1:
        assert values["repeats_elsewhere"] is None


def test_human_is_measured_likewise() -> None:
    sample = spoken_sample([("Well said then.", "Well said then.")] * 2, dialogues=1)
    found = measure_human(sample)
    assert found["repeats_itself"].interval.value == found["repeats_supporter"].interval.value == 1

"""A reply weighs less the more it repeats: others of its group, or what the supporter said before."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.recipes.grpo.reward import jaccard, redundancy_weights, scale_weight
from ipm_prefdial.recipes.metrics.sample import phrases_of

WORD = st.sampled_from(["that", "sounds", "hard", "what", "happened", "then", "I", "hear", "you"])
REPLIES = st.lists(st.lists(WORD, max_size=8).map(" ".join), min_size=1, max_size=6)
STRENGTH = st.floats(0, 4)


@given(REPLIES, REPLIES, STRENGTH)
def test_weight_is_above_0_and_at_most_1(replies: list[str], before: list[str], strength: float) -> None:
    weights = redundancy_weights(replies, before)
    assert len(weights) == len(replies)
    assert all(0 < weight <= 1 and 0 < scale_weight(weight, strength) <= 1 for weight in weights)


@given(st.integers(1, 9))
def test_unique_replies_weigh_1(number: int) -> None:
    replies = [f"the {at} one {at} of all {at}" for at in range(number)]
    assert redundancy_weights(replies, ["nothing of the kind"]) == [1.0] * number


@given(st.integers(1, 9))
def test_copies_share_the_reward_of_one(number: int) -> None:
    weights = redundancy_weights(["That sounds really hard."] * number)
    assert weights == pytest.approx([1 / number] * number)
    assert sum(weights) == pytest.approx(1)


@given(st.floats(0.01, 1), STRENGTH, STRENGTH)
def test_more_strength_never_raises_a_weight(weight: float, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert scale_weight(weight, high) <= scale_weight(weight, low) * (1 + 1e-12)
    assert scale_weight(weight, 0) == 1
    assert scale_weight(weight, 1) == pytest.approx(weight)
    assert scale_weight(weight, high, 0.25) == max(0.25, scale_weight(weight, high))


@given(REPLIES, REPLIES, st.randoms())
def test_order_of_the_group_does_not_matter(replies: list[str], before: list[str], random: Random) -> None:
    order = list(range(len(replies)))
    random.shuffle(order)
    weights = redundancy_weights(replies, before)
    shuffled = redundancy_weights([replies[at] for at in order], before)
    assert shuffled == pytest.approx([weights[at] for at in order])


@given(REPLIES, REPLIES)
def test_another_copy_never_raises_a_weight(replies: list[str], before: list[str]) -> None:
    alone = redundancy_weights(replies, before)
    joined = redundancy_weights([*replies, replies[0]], before)
    assert all(after <= first for first, after in zip(alone, joined, strict=False))
    assert joined[0] < alone[0]


def test_case_and_punctuation_do_not_hide_a_copy() -> None:
    assert redundancy_weights(["I hear you, truly.", "i hear you truly"]) == [0.5, 0.5]


def test_what_the_supporter_said_before_counts_by_its_share() -> None:
    assert redundancy_weights(["I hear you well"], ["Yes, I hear you."]) == [pytest.approx(1 / 1.5)]
    assert redundancy_weights(["I hear you"], ["I hear you"]) == [0.5]


def test_short_replies_are_alike_only_where_they_are_equal() -> None:
    assert jaccard(phrases_of("Oh no"), phrases_of("oh, no!")) == 1
    assert jaccard(phrases_of("Oh no"), phrases_of("Oh yes")) == 0
    assert redundancy_weights(["", ""]) == [0.5, 0.5]

"""The model that never sees which side is called chosen: what it learns, and what swapping does to its figure."""

import random
from dataclasses import replace

import pytest

from ipm_prefdial.recipes.study._release_answers import DemonstratedPair, separate_pairs

HUMAN = ("that sounds hard", "how long has it been", "you did well there", "what would help today")
OTHER = ("please stay calm", "everything happens for a reason", "just think positive", "others have it worse")


def pairs(number: int, *, like_human: bool = False) -> list[DemonstratedPair]:
    """Pairs whose rejected side is in other words than a human's; in the same kind of words where `like_human`."""
    draw = random.Random(1)
    found = []
    for at in range(number):
        human = draw.choice(HUMAN)
        rejected = draw.choice([one for one in (HUMAN if like_human else (*OTHER, *HUMAN[:1])) if one != human])
        found.append(DemonstratedPair(f"dialogue {at // 3}", "we talked", "it hurts", human, rejected, human))
    return found


def swapped(some: list[DemonstratedPair], share: float) -> list[DemonstratedPair]:
    draw = random.Random(2)
    return [replace(one, chosen=one.rejected, rejected=one.chosen) if draw.random() < share else one for one in some]


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
def test_it_estimates_the_share_that_is_swapped(share: float) -> None:
    found = separate_pairs(swapped(pairs(300), share))
    assert found.swapped.value == pytest.approx(share, abs=0.1)


def test_swapping_changes_nothing_that_it_learns_from() -> None:
    some = pairs(150)
    assert separate_pairs(some).tellable.value == pytest.approx(
        separate_pairs(swapped(some, 1.0)).tellable.value, abs=1e-3
    )


def test_it_says_so_where_sides_cannot_be_told_apart() -> None:
    tellable = separate_pairs(pairs(300, like_human=True)).tellable
    assert tellable.low is not None
    assert tellable.low < 0.55

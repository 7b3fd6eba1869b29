"""Hard pairs are those that length and words do not tell apart, and nothing is hard where no probe was fitted."""

import random

import numpy as np

from ipm_prefdial.recipes.study._rewards import are_hard

WORDS = "kiln tram hail lead bench lantern harbour".split()


def texts(number: int, seed: int, *, mark: str = "", longer: int = 0) -> list[tuple[str, str]]:
    """Pairs of random words; the chosen side has a word of its own, or some words more."""
    draw = random.Random(seed)

    def side(length: int) -> str:
        return " ".join(draw.choices(WORDS, k=length))

    return [(f"{mark} {side(8 + longer)}".strip(), side(8)) for _ in range(number)]


def test_a_cue_in_words_or_in_length_makes_pairs_easy() -> None:
    for cue in ({"mark": "surely"}, {"longer": 5}):
        assert are_hard(texts(200, 1, **cue), texts(100, 2, **cue)).mean() < 0.05  # type: ignore[arg-type]


def test_pairs_without_a_cue_and_pairs_that_turn_it_around_are_hard() -> None:
    training = texts(200, 1, mark="surely")
    turned = [(rejected, chosen) for chosen, rejected in texts(100, 2, mark="surely")]
    assert are_hard(training, turned).all()
    assert are_hard(texts(400, 1), texts(100, 2)).mean() > 0.3


def test_what_is_equal_is_hard() -> None:
    assert are_hard(texts(50, 1, mark="surely"), [("the same", "the same")]).tolist() == [True]


def test_of_nothing_nothing_is_hard() -> None:
    assert are_hard([], texts(3, 1)).tolist() == [False] * 3
    assert are_hard(texts(3, 1), []).tolist() == []
    assert isinstance(are_hard([], []), np.ndarray)

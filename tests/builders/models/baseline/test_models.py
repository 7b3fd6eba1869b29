"""Fitting: the revision, and corpora that are almost none."""

import re

import numpy as np
import pytest

from ipm_prefdial.builders.models.baseline._rubric import judge
from ipm_prefdial.builders.models.baseline.models import BaselineModels, evaluate_planner, fit_baseline
from ipm_prefdial.schemas.dialogue import Dialogue, Speaker, Turn
from ipm_prefdial.schemas.inference import Sampling
from ipm_prefdial.schemas.strategy import Strategy


def _dialogue(number: int, *strategies: Strategy) -> Dialogue:
    replies = [
        Turn(speaker=Speaker.SUPPORTER, text=f"word{n} here {number}", strategy=s) for n, s in enumerate(strategies)
    ]
    seeker = Turn(speaker=Speaker.SEEKER, text=f"trouble {number}")
    return Dialogue(source="invented", license="cc0-1.0", turns=(seeker, *replies))


def test_the_revision_is_of_the_dialogues_in_any_order(models: BaselineModels, dialogues: list[Dialogue]) -> None:
    assert re.fullmatch(r"[0-9a-f]{12}", models.revision)
    again = fit_baseline([*reversed(dialogues), dialogues[0]])
    assert again.revision == models.revision
    assert (again.planner.coefficients == models.planner.coefficients).all()
    assert fit_baseline(dialogues[1:]).revision != models.revision


def test_another_strategy_is_another_revision() -> None:
    one, other = (fit_baseline([_dialogue(0, strategy)]) for strategy in (Strategy.QUESTION, Strategy.OTHERS))
    assert one.revision != other.revision


@pytest.mark.parametrize(
    "few",
    [
        [],
        [_dialogue(0, Strategy.QUESTION)],
        [_dialogue(0, Strategy.QUESTION, Strategy.OTHERS)],
        [_dialogue(number, Strategy.QUESTION) for number in range(9)],
        [_dialogue(number, Strategy.QUESTION, Strategy.OTHERS) for number in range(9)],
        [_dialogue(number, Strategy.QUESTION, Strategy.OTHERS, Strategy.INFORMATION) for number in range(9)],
        [Dialogue(source="invented", license="cc0-1.0", turns=(Turn(speaker=Speaker.SEEKER, text="?"),))],
    ],
    ids=["none", "one turn", "two turns", "one strategy", "two strategies", "three strategies", "no supporter"],
)
def test_almost_no_corpus_is_enough_not_to_fail(few: list[Dialogue]) -> None:
    fitted = fit_baseline(few)
    history = [Turn(speaker=Speaker.SEEKER, text="trouble number 77, word0")]
    proba = fitted.planner.proba(history)
    assert (proba > 0).all()
    assert proba.sum() == pytest.approx(1)
    sampling = Sampling(temperature=1, top_p=1, max_tokens=8)
    for seed in range(5):
        rng = np.random.default_rng(seed)
        fitted.responder.reply(history, fitted.planner.sample(history, sampling, rng), seed, rng)
        fitted.responder.reply([], Strategy.QUESTION, seed, rng)
    judge(history, "word0", fitted.rarity)
    assert 0 <= evaluate_planner(fitted, few).accuracy <= 1

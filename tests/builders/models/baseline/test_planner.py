"""The planner: always a distribution over eight, drawn as asked, blind to the strategies behind a history."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.models.baseline.models import BaselineModels, evaluate_planner, fit_baseline
from ipm_prefdial.builders.models.baseline.planner import STRATEGIES
from ipm_prefdial.schemas.dialogue import Dialogue, Speaker, Turn
from ipm_prefdial.schemas.inference import Sampling
from ipm_prefdial.schemas.strategy import Strategy

_HISTORIES = st.lists(
    st.builds(
        lambda is_seeker, text: (
            Turn(speaker=Speaker.SEEKER, text=text)
            if is_seeker
            else Turn(speaker=Speaker.SUPPORTER, text=text, strategy=Strategy.OTHERS)
        ),
        st.booleans(),
        st.text(min_size=1).filter(str.strip),
    ),
    max_size=8,
)
_SAMPLINGS = st.builds(Sampling, temperature=st.floats(0, 2), top_p=st.floats(0.01, 1), max_tokens=st.just(16))


def _chat(*texts: str, strategy: Strategy = Strategy.QUESTION) -> tuple[Turn, ...]:
    return tuple(
        Turn(speaker=Speaker.SUPPORTER, text=text, strategy=strategy)
        if number % 2
        else Turn(speaker=Speaker.SEEKER, text=text)
        for number, text in enumerate(texts)
    )


def test_any_history_has_a_distribution_and_a_sample(models: BaselineModels) -> None:
    @given(history=_HISTORIES, sampling=_SAMPLINGS, seed=st.integers(0, 2**31))
    def check(history: list[Turn], sampling: Sampling, seed: int) -> None:
        proba = models.planner.proba(history)
        assert proba.shape == (8,)
        assert (proba > 0).all()
        assert proba.sum() == pytest.approx(1)
        draws = [models.planner.sample(history, sampling, np.random.default_rng(seed)) for _ in range(2)]
        assert draws[0] is draws[1]
        assert draws[0] in STRATEGIES

    check()


def test_strategies_behind_the_history_make_no_difference(models: BaselineModels) -> None:
    words = ("I feel bad about the rent.", "How long?", "A year.")
    one, other = (
        models.planner.proba(_chat(*words, strategy=strategy)) for strategy in (Strategy.OTHERS, Strategy.QUESTION)
    )
    assert (one == other).all()


def test_joining_seeker_turns_makes_no_difference(models: BaselineModels) -> None:
    apart = [Turn(speaker=Speaker.SEEKER, text=text) for text in ("The rent again.", "I am worried.")]
    joined = [Turn(speaker=Speaker.SEEKER, text="The rent again.\nI am worried.")]
    assert (models.planner.proba(apart) == models.planner.proba(joined)).all()


def test_temperature_zero_and_a_tiny_top_p_take_the_most_probable(models: BaselineModels) -> None:
    history = _chat("I feel so stressed because the bakery cut my hours.")
    best = STRATEGIES[int(models.planner.proba(history).argmax())]
    for temperature, top_p in ((0.0, 1.0), (1.0, 1e-6)):
        sampling = Sampling(temperature=temperature, top_p=top_p, max_tokens=8)
        for seed in range(20):
            assert models.planner.sample(history, sampling, np.random.default_rng(seed)) is best


def test_samples_follow_the_distribution(models: BaselineModels) -> None:
    history = _chat("I feel so stressed because the bakery cut my hours.")
    sampling = Sampling(temperature=1, top_p=1, max_tokens=8)
    rng = np.random.default_rng(0)
    drawn = [models.planner.sample(history, sampling, rng) for _ in range(4000)]
    shares = [drawn.count(strategy) / len(drawn) for strategy in STRATEGIES]
    assert shares == pytest.approx(models.planner.proba(history).tolist(), abs=0.03)


def test_the_planner_learns_what_can_be_learnt() -> None:
    def talk(number: int, asks: bool) -> Dialogue:
        said = f"what should i do, number {number}?" if asks else f"i am sad, number {number}"
        strategy = Strategy.SUGGESTIONS if asks else Strategy.REFLECTION
        reply = Turn(speaker=Speaker.SUPPORTER, text=f"reply {number}", strategy=strategy)
        return Dialogue(source="invented", license="cc0-1.0", turns=(Turn(speaker=Speaker.SEEKER, text=said), reply))

    fitted = fit_baseline(talk(number, number % 2 == 0) for number in range(40))
    scores = evaluate_planner(fitted, [talk(number, number % 2 == 0) for number in range(100, 120)])
    assert (scores.accuracy, scores.n) == (1, 20)
    assert scores.macro_f1 == pytest.approx(2 / 8)
    assert scores.majority_accuracy == pytest.approx(0.5)


def test_no_turns_have_scores(models: BaselineModels) -> None:
    scores = evaluate_planner(models, [])
    assert (scores.n, scores.accuracy, scores.macro_f1) == (0, 0, 0)

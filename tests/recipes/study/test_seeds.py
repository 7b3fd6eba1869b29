"""Figures over seeds: wider where seeds differ, undefined where one is, and adjusted for the number of questions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.recipes.metrics.measured import MetricResult, undefined
from ipm_prefdial.recipes.study._verdicts import holm, over_seeds, tail_p

INF = float("inf")


def measured(value: float, spread: float = 0.02, samples: int = 1_000, seed: int = 0) -> MetricResult:
    """A figure with samples around it."""
    drawn = value + spread * np.random.default_rng(seed).standard_normal(samples)
    return MetricResult(np.concatenate([[value], drawn]), 100)


def test_seeds_that_agree_change_little_and_seeds_that_differ_widen() -> None:
    alike = over_seeds([measured(0.1)] * 3).interval
    apart = over_seeds([measured(-0.1), measured(0.1), measured(0.3)]).interval
    assert alike.value == apart.value == pytest.approx(0.1)
    assert alike.low == pytest.approx(0.06, abs=0.01)
    assert apart.low is not None
    assert apart.high is not None
    assert apart.low < -0.05 < 0.25 < apart.high, "one good seed is not evidence"


def test_the_mean_over_seeds_has_its_unbiased_variance() -> None:
    seeds = np.random.default_rng(4).standard_normal(6)
    found = over_seeds([measured(float(one), spread=0.0, samples=20_000) for one in seeds])
    assert found.values[1:].var() == pytest.approx(seeds.var(ddof=1) / 6, rel=0.05)


@pytest.mark.parametrize(
    "nothing", [undefined("it gives no replies", 0), undefined("it gives no replies", 1_000)], ids=["bare", "sampled"]
)
def test_what_is_undefined_for_one_seed_is_undefined(nothing: MetricResult) -> None:
    found = over_seeds([measured(0.1), nothing, measured(0.1)])
    assert found.interval.value is None
    assert found.why == "it gives no replies"


def test_of_no_seed_nothing_is_told() -> None:
    assert over_seeds([]).interval.value is None


def test_p_is_where_the_interval_begins_to_lie_inside() -> None:
    inside, across = measured(0.1), measured(0.03)
    assert tail_p(inside, (0.0, INF)) == pytest.approx(2 / 1_001)
    assert 0.05 < tail_p(across, (0.0, INF)) < 0.3
    assert tail_p(inside, (-0.2, 0.12)) > 0.1
    assert tail_p(undefined("", 50), (0.0, INF)) == 1
    assert tail_p(MetricResult(np.array([0.5, np.nan, np.nan]), 1), (0.0, INF)) == 1


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({}) == {}


@given(st.dictionaries(st.text(max_size=3), st.floats(0, 1), max_size=9))
def test_adjusted_p_is_never_smaller_and_keeps_the_order(values: dict[str, float]) -> None:
    adjusted = holm(values)
    assert all(values[name] <= adjusted[name] <= 1 for name in values)
    ranked = sorted(values, key=lambda name: values[name])
    assert [adjusted[name] for name in ranked] == sorted(adjusted.values())


def test_the_p_value_is_two_sided() -> None:
    """One of nineteen samples lies beyond: twice (1 + 1) / (19 + 1)."""
    values = np.array([0.5, *np.linspace(0.1, 0.9, 18), -0.1])
    assert tail_p(MetricResult(values, 10), (0.0, 1.0)) == pytest.approx(2 * 2 / 20)

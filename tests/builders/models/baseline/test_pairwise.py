"""The embedded judge before two sides: the order of the sides makes no difference, and each is judged by itself."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.models.baseline._completer import compare_replies, compare_strategies
from ipm_prefdial.builders.models.baseline._rubric import judge
from ipm_prefdial.builders.models.baseline.models import BaselineModels
from ipm_prefdial.schemas.dialogue import Dialogue, Speaker, Turn
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.verdict import Comparison

_HISTORY = (Turn(speaker=Speaker.SEEKER, text="My violin teacher is moving away and I feel so sad about the lessons."),)
_REPLIES = {
    "It must be sad to lose a violin teacher.": None,
    "Did she tell you why?": None,
    "Elephants wander enormous distances towards rivers.": ErrorType.LACK_OF_EMPATHY,
    "You should find another violin teacher.": ErrorType.EARLY_EMOTION_SHIFT,
    "I understand, that is part of life.": ErrorType.TEMPLATE_RESPONSE,
}
"""Replies, and what the rubric finds in each; the most serious error first."""

_SERIOUS = [None, ErrorType.TEMPLATE_RESPONSE, ErrorType.EARLY_EMOTION_SHIFT, ErrorType.LACK_OF_EMPATHY]


def _said(found: Comparison) -> tuple[object, ...]:
    return found.a, found.b, found.better


def _said_in_the_other_order(found: Comparison) -> tuple[object, ...]:
    return found.b, found.a, {"a": "b", "b": "a", "tie": "tie"}[found.better]


@pytest.mark.parametrize(("one", "other"), [*permutations(_REPLIES, 2)])
def test_the_less_serious_error_is_better_whichever_stands_first(one: str, other: str) -> None:
    found = compare_replies({}, _HISTORY, one, other)
    assert (found.a, found.b) == (_REPLIES[one], _REPLIES[other])
    weights = [_SERIOUS.index(_REPLIES[reply]) for reply in (one, other)]
    assert found.better == ("tie" if weights[0] == weights[1] else "a" if weights[0] < weights[1] else "b")


@given(st.text(max_size=80), st.text(max_size=80), st.text(min_size=1, max_size=80).filter(str.strip))
def test_replies_are_judged_as_each_is_alone_and_alike_in_both_orders(one: str, other: str, said: str) -> None:
    history = (Turn(speaker=Speaker.SEEKER, text=said),)
    found = compare_replies({}, history, one, other)
    assert (found.a, found.b) == tuple(judge(history, reply, {}).error for reply in (one, other))
    assert _said(found) == _said_in_the_other_order(compare_replies({}, history, other, one))
    assert compare_replies({}, history, one, one).better == "tie"


@pytest.mark.parametrize(("one", "other"), [*permutations(Strategy, 2)])
def test_strategies_are_judged_alike_in_both_orders(models: BaselineModels, one: Strategy, other: Strategy) -> None:
    found = compare_strategies(models.planner, _HISTORY, one, other)
    assert _said(found) == _said_in_the_other_order(compare_strategies(models.planner, _HISTORY, other, one))
    assert {found.a, found.b} <= {None, ErrorType.STRATEGY_MISMATCH}


def test_a_strategy_gets_one_verdict_beside_any_other_and_a_lone_mismatch_is_never_better(
    models: BaselineModels, dialogues: list[Dialogue]
) -> None:
    verdicts = set()
    for history in (dialogues[0].turns[:at] for at in range(1, 8)):
        found = {pair: compare_strategies(models.planner, history, *pair) for pair in permutations(Strategy, 2)}
        for strategy in Strategy:
            (verdict,) = {one.a for (first, _), one in found.items() if first is strategy}
            verdicts.add(verdict)
        for one in found.values():
            assert (one.a is None) == (one.b is None) or one.better == ("a" if one.a is None else "b")
    assert verdicts == {None, ErrorType.STRATEGY_MISMATCH}


def test_a_strategy_is_as_good_as_itself(models: BaselineModels) -> None:
    for strategy in Strategy:
        assert compare_strategies(models.planner, _HISTORY, strategy, strategy).better == "tie"

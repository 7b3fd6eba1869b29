"""How close two replies are, and the hardest of those that are clearly worse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialogues import seeker, supporter, supporter_turn
from support.mining import PANELS, by_task, mined, plan_of, said
from support.panels import comparison

from ipm_prefdial.builders.mining.candidate import Candidate, Drop, Result
from ipm_prefdial.builders.mining.reply_rules import closeness_of, keep_hardest
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.inference import ModelRef, Outcome, Request, Role, Task
from ipm_prefdial.schemas.rows.layout_2 import Closeness, Panel
from ipm_prefdial.schemas.strategy import Strategy

HUMAN = "You kept the lead, and it still hurts to look at it."
TURN = supporter_turn(seeker("He kept the dog."), supporter(HUMAN, Strategy.REFLECTION))
RESPONSE, STRATEGY, JOINT = Config.RESPONSE, Config.STRATEGY, Config.JOINT

_plain = st.lists(st.sampled_from("the you and kiln tram hail lead bench ? ! , don't".split()), max_size=12).map(
    " ".join
)
_texts = _plain | st.text(max_size=60)


def _values(found: Closeness) -> list[float]:
    return list(found.model_dump().values())


@given(_texts, _texts)
def test_closeness_is_symmetric_and_between_0_and_1(one: str, other: str) -> None:
    found = closeness_of(one, other)
    assert found == closeness_of(other, one)
    assert all(0 <= value <= 1 for value in _values(found))


@given(_texts)
def test_a_text_is_as_close_to_itself_as_can_be(text: str) -> None:
    said_once = f"{text} kiln"
    assert closeness_of(said_once, said_once) == Closeness(length=1, style=1, meaning=1)


@given(_plain, st.permutations(["kiln", "the", "tram", "you", "?"]))
def test_case_spacing_and_the_order_of_words_make_no_difference(text: str, more: list[str]) -> None:
    first, second = f"{text} {' '.join(sorted(more))}", f"{text.upper()}  {' '.join(more)}"
    assert closeness_of(first, second) == Closeness(length=1, style=1, meaning=1)


@pytest.mark.parametrize(
    ("one", "other", "length", "style", "meaning"),
    [
        # words 4 and 2; function words and marks: {the: 2, you: 1} and {the: 1}; others: {kiln} and {kiln}
        ("the kiln the you", "the kiln", 0.5, 0.6667, 1.0),
        # nothing in common
        ("kiln tram", "the ?", 0.5, 0.0, 0.0),
        ("kiln!", "tram?", 1.0, 0.0, 0.0),
        # neither has function words or marks
        ("kiln", "kiln tram", 0.5, 1.0, 0.7071),
        # counts (2, 1) and (1, 2): cosine 4 / 5
        ("kiln kiln tram", "tram kiln tram", 1.0, 1.0, 0.8),
        # shares: (1/2, 1/2) of "the ?" and (1/4, 3/4)
        ("the kiln?", "the kiln???", 1.0, 0.75, 1.0),
        ("", "", 0.0, 1.0, 0.0),
        ("", "kiln", 0.0, 1.0, 0.0),
    ],
)
def test_closeness_is_what_was_reckoned_by_hand(
    one: str, other: str, length: float, style: float, meaning: float
) -> None:
    assert closeness_of(one, other) == Closeness(length=length, style=style, meaning=meaning)


# The choice.


def _reply(words: str, confidence: float = 0.75, config: Config = RESPONSE) -> Candidate:
    panel = Panel(judges=1, votes=1, margin=1.0, confidence=confidence)
    return Candidate(config, TURN, None, strategy=Strategy.REFLECTION, reply=words, panel=panel)


def _strategy(strategy: Strategy, confidence: float = 0.75) -> Candidate:
    panel = Panel(judges=1, votes=1, margin=1.0, confidence=confidence)
    return Candidate(STRATEGY, TURN, None, strategy=strategy, panel=panel)


def _kept(results: list[Result]) -> list[int]:
    chosen = keep_hardest(results, plan_of(PANELS))
    assert len(chosen) == len(results)
    for before, after in zip(results, chosen, strict=True):
        if isinstance(before, Drop):
            assert after is before
        elif isinstance(after, Drop):
            assert (after.reason, after.detail) == (DropReason.EASIER_NEGATIVE, "")
    return [at for at, result in enumerate(chosen) if isinstance(result, Candidate)]


_FAR, _NEAR = "Dogs need water.", "You kept the dog, and it still hurts to look at it."


@pytest.mark.parametrize("config", [RESPONSE, JOINT])
def test_the_closest_reply_is_the_hardest(config: Config) -> None:
    assert _kept([_reply(_FAR, 0.9, config), _reply(_NEAR, 0.5, config), _reply("Hm.", 0.9, config)]) == [1]


def test_of_equally_close_replies_the_one_that_the_panel_is_surest_of_and_then_the_first() -> None:
    assert _kept([_reply(_NEAR, 0.6), _reply(_NEAR.upper(), 0.9), _reply(_NEAR, 0.7)]) == [1]
    assert _kept([_reply(_FAR), _reply(_NEAR), _reply(_NEAR), _reply(_NEAR)]) == [1]


def test_the_strategy_that_most_candidates_propose_is_the_hardest() -> None:
    one, other = Strategy.SUGGESTIONS, Strategy.QUESTION
    assert _kept([_strategy(one, 0.9), _strategy(other, 0.5), _strategy(other, 0.5)]) == [1]
    assert _kept([_strategy(one, 0.6), _strategy(other, 0.9)]) == [1]
    assert _kept([_strategy(one), _strategy(other)]) == [0]
    assert _kept([_strategy(other, 0.6), _strategy(one, 0.9), _strategy(other, 0.7), _strategy(one, 0.7)]) == [1]


def test_candidates_that_were_dropped_stay_dropped_and_do_not_count() -> None:
    drop = Drop(_reply(HUMAN), DropReason.SAME_REPLY, "so")
    assert _kept([drop, _reply(_FAR), drop]) == [1]
    assert _kept([drop, drop]) == []
    assert _kept([]) == []
    unfit = [Drop(_strategy(Strategy.INFORMATION), DropReason.REJECTED_SOUND) for _ in range(2)]
    assert _kept([*unfit, _strategy(Strategy.QUESTION, 0.6), _strategy(Strategy.INFORMATION, 0.5)]) == [2]


def test_replies_are_measured_and_strategies_are_not() -> None:
    plan = plan_of(PANELS)
    kept, dropped = keep_hardest([_reply(_NEAR), _reply(_FAR)], plan)
    assert isinstance(kept, Candidate)
    assert isinstance(dropped, Drop)
    assert kept.closeness == closeness_of(HUMAN, _NEAR)
    assert dropped.candidate.closeness == closeness_of(HUMAN, _FAR)
    (kept,) = keep_hardest([_strategy(Strategy.QUESTION)], plan)
    assert isinstance(kept, Candidate)
    assert kept.closeness is None


def test_a_rewritten_side_is_what_closeness_is_measured_to() -> None:
    (kept,) = keep_hardest([_reply(_NEAR).with_(rewritten="Dogs need bread.")], plan_of(PANELS))
    assert isinstance(kept, Candidate)
    assert kept.closeness == closeness_of("Dogs need bread.", _NEAR)


@given(
    st.lists(
        st.tuples(st.sampled_from([_FAR, _NEAR, "Hm.", "You?", HUMAN + " Always."]), st.sampled_from([0.5, 0.75])),
        max_size=6,
    )
)
def test_exactly_one_of_those_left_is_kept_and_none_is_closer(found: list[tuple[str, float]]) -> None:
    results: list[Result] = [_reply(*one) for one in found]
    kept = _kept(results)
    assert len(kept) == min(1, len(found))
    for at in kept:
        hardness = [(sum(_values(closeness_of(HUMAN, words))), sure) for words, sure in found]
        assert hardness[at] == max(hardness)
        assert at == hardness.index(max(hardness))


def test_one_pair_a_turn_is_kept_of_several_models_and_draws() -> None:
    replies = {("small", 0): _FAR, ("small", 1): _NEAR, ("large", 0): "Hm.", ("large", 1): HUMAN}

    def answer(request: Request) -> Outcome:
        if request.ask.task is Task.RESPONDER:
            return said(replies[request.model.name, request.draw])(request)
        first = request.ask.reply == HUMAN
        return said(
            comparison(None, "template_response", "a") if first else comparison("template_response", None, "b")
        )(request)

    plan = plan_of(PANELS, draws=2, models={Role.RESPONDER: (ModelRef(name="small"), ModelRef(name="large"))})
    results = mined(TURN, RESPONSE, answer, plan).results
    assert [result.reason if isinstance(result, Drop) else result.reply for result in results] == [
        DropReason.EASIER_NEGATIVE,
        _NEAR,
        DropReason.EASIER_NEGATIVE,
        DropReason.SAME_REPLY,
    ]


def test_without_the_step_every_draw_that_is_worse_is_kept() -> None:
    steps = tuple(step for step in PANELS.steps if step != "hardest@1")
    answers = by_task(planner=lambda request: said(list(Strategy)[request.draw].value)(request), strategy_judge=_unfit)
    plan = plan_of(PANELS.model_copy(update={"steps": steps}), draws=2)
    results = mined(TURN, STRATEGY, answers, plan).results
    assert [result.strategy for result in results if isinstance(result, Candidate)] == list(Strategy)[:2]


def _unfit(request: Request) -> Outcome:
    first = request.ask.strategy is TURN.strategy
    return said(comparison(None, "strategy_mismatch", "a") if first else comparison("strategy_mismatch", None, "b"))(
        request
    )

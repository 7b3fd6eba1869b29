"""A panel is blind, sees both orders, and keeps what most of it finds worse; all else has its own reason."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialogues import histories, seeker, strategies, supporter, supporter_turn, words
from support.mining import PANELS, Answer, by_task, failed, mined, plan_of, said
from support.panels import by_judge, by_order, comparison, judgement, sees

from ipm_prefdial.builders.mining.candidate import Candidate, Drop
from ipm_prefdial.builders.mining.panel import (
    Vote,
    check_majority,
    commonest_error,
    panel_requests,
    rewritten_requests,
    votes_of,
)
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Turn
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.inference import FailureReason, ModelRef, Request, Role
from ipm_prefdial.schemas.rows.layout_2 import Judgement, Panel
from ipm_prefdial.schemas.strategy import Strategy

HUMAN = "Alone on that bridge, you must have felt forgotten."
OTHER = "Buses are often late in winter."
TURN = supporter_turn(
    seeker("The last bus left, and I walked home in the hail."), supporter(HUMAN, Strategy.REFLECTION)
)
RESPONSE, STRATEGY, JOINT = Config.RESPONSE, Config.STRATEGY, Config.JOINT
ONE, TWO, THREE = (tuple(ModelRef(name=name) for name in ("one", "two", "three")[:judges]) for judges in (1, 2, 3))


def _asked_of(judge: Answer, models: tuple[ModelRef, ...] = ONE) -> tuple[tuple[Request, ...], Candidate | Drop]:
    """What the judges are asked about a response candidate, and what becomes of it."""
    answers = by_task(responder=said(OTHER), judge=judge)
    outcome = mined(TURN, RESPONSE, answers, plan_of(PANELS, models={Role.JUDGE: models}))
    return outcome.rounds[1], outcome.only


def _reason(result: Candidate | Drop) -> DropReason | None:
    return result.reason if isinstance(result, Drop) else None


# Blind: nothing that a judge sees depends on which side is human.


def _candidate(config: Config, human: Strategy | str, inferred: Strategy | str, history: tuple[Turn, ...]) -> Candidate:
    """A candidate whose sides are these."""
    if isinstance(human, Strategy):
        assert isinstance(inferred, Strategy)
        turn = supporter_turn(*history, supporter("Any words.", human))
        return Candidate(config, turn, None, strategy=inferred)
    turn = supporter_turn(*history, supporter(human, Strategy.OTHERS))
    return Candidate(config, turn, None, strategy=Strategy.OTHERS, reply=str(inferred))


@given(words, words, histories(words))
def test_a_judge_of_replies_is_asked_the_same_whichever_of_the_two_is_human(
    one: str, other: str, history: tuple[Turn, ...]
) -> None:
    plan = plan_of(PANELS, models={Role.JUDGE: TWO})
    asked, turned = (
        panel_requests(_candidate(config, *sides, history), plan)
        for config, sides in ((RESPONSE, (one, other)), (JOINT, (other, one)))
    )
    assert sorted(request.key for request in asked) == sorted(request.key for request in turned)


@given(strategies, strategies, histories(words))
def test_a_judge_of_strategies_is_asked_the_same_whichever_of_the_two_is_human(
    one: Strategy, other: Strategy, history: tuple[Turn, ...]
) -> None:
    plan = plan_of(PANELS)
    asked, turned = (
        panel_requests(_candidate(STRATEGY, *sides, history), plan) for sides in ((one, other), (other, one))
    )
    assert sorted(request.key for request in asked) == sorted(request.key for request in turned)
    said_to_judge = "".join(message["content"] for request in asked for message in request.messages)
    assert "Any words." not in said_to_judge


def test_no_request_says_which_side_is_whose() -> None:
    """But for the two sides and the history, what a judge reads is the prompt's own words."""
    requests, _ = _asked_of(sees(OTHER), THREE)
    for request in requests:
        text = "\n".join(message["content"] for message in request.messages).casefold()
        for telling in ("human", "chosen", "reject", "prefer", "infer", "generated", "model", "original", "written by"):
            assert telling not in text, telling
        assert Strategy.REFLECTION.value.casefold() not in text


def test_every_judge_and_draw_sees_both_orders_with_the_chosen_side_first_before_all_that_are_swapped() -> None:
    spec = PANELS.model_copy(update={"judge": PANELS.judge.model_copy(update={"draws": 2})})
    answers = by_task(responder=said(OTHER), judge=sees(OTHER))
    outcome = mined(TURN, RESPONSE, answers, plan_of(spec, models={Role.JUDGE: THREE}))
    asked = [(one.model.name, one.draw, one.ask.reply, one.ask.other_reply) for one in outcome.rounds[1]]
    who = list(product(("one", "two", "three"), range(2)))
    assert asked == [
        *((*one, HUMAN, OTHER) for one in who),
        *((*one, OTHER, HUMAN) for one in who),
    ]
    kept = outcome.kept
    assert [(one.model, one.draw, one.order) for one in kept.judgements] == [
        (*one, order) for order in ("chosen_first", "rejected_first") for one in who
    ]
    assert [one.request_key for one in kept.judgements] == [request.key for request in outcome.rounds[1]]
    assert kept.panel == Panel(judges=6, votes=6, margin=1.0, confidence=round(13 / 14, 4))


def test_all_draws_of_a_turn_are_judged_in_one_round() -> None:
    replies = ["Buses are late.", HUMAN.upper(), "Hail is only ice."]
    answers = by_task(responder=lambda request: said(replies[request.draw])(request), judge=_says_always("a"))
    outcome = mined(TURN, RESPONSE, answers, plan_of(PANELS, draws=3))
    assert len(outcome.rounds) == 2
    assert [one.ask.other_reply for one in outcome.rounds[1]] == [replies[0], HUMAN, replies[2], HUMAN]
    assert [_reason(result) for result in outcome.results] == [
        DropReason.ORDER_FLIP,
        DropReason.SAME_REPLY,
        DropReason.ORDER_FLIP,
    ]


def _says_always(better: str) -> Answer:
    """A judge that prefers a place, whoever stands there."""
    return said(comparison(None, "lack_of_empathy", better))


def test_the_sides_are_told_apart_by_the_order_and_not_by_the_letters() -> None:
    requests, result = _asked_of(sees(OTHER, chosen=None, rejected="emotion_misread"))
    assert isinstance(result, Candidate)
    for one in result.judgements:
        assert (one.better, one.chosen_error, one.rejected_error) == ("chosen", None, ErrorType.EMOTION_MISREAD)
        assert one.rationale == "It was told so."
        assert one.prompt == "judge/compare_replies@1"
        assert one.problem is None
    assert [one.raw for one in result.judgements] == [
        comparison(None, "emotion_misread", "a"),
        comparison("emotion_misread", None, "b"),
    ]
    assert [one.request_key for one in result.judgements] == [one.key for one in requests]


# Votes: what one judge's two answers come to.

_SOUND = {"chosen": None, "rejected": "lack_of_empathy", "better": "chosen"}


@pytest.mark.parametrize(
    ("first", "second", "vote"),
    [
        (_SOUND, _SOUND, Vote.WORSE),
        (_SOUND, _SOUND | {"rejected": "template_response"}, Vote.WORSE),
        (_SOUND, _SOUND | {"better": "rejected"}, Vote.FLIP),
        (_SOUND, _SOUND | {"better": "tie"}, Vote.FLIP),
        (_SOUND, _SOUND | {"rejected": None}, Vote.FLIP),
        (_SOUND, _SOUND | {"chosen": "emotion_misread"}, Vote.FLIP),
        (_SOUND | {"chosen": "emotion_misread"}, _SOUND | {"chosen": "emotion_misread"}, Vote.CHOSEN_FLAWED),
        (_SOUND | {"chosen": "emotion_misread"}, _SOUND | {"chosen": "template_response"}, Vote.CHOSEN_FLAWED),
        (_SOUND | {"chosen": "emotion_misread", "rejected": None}, None, Vote.CHOSEN_FLAWED),
        (_SOUND | {"rejected": None}, None, Vote.REJECTED_SOUND),
        (_SOUND | {"rejected": None, "better": "tie"}, None, Vote.REJECTED_SOUND),
        (_SOUND | {"better": "tie"}, None, Vote.NOT_WORSE),
        (_SOUND | {"better": "rejected"}, None, Vote.NOT_WORSE),
        ({"problem": "failed: timeout: 60 s"}, _SOUND, Vote.FAILED),
        (_SOUND, {"problem": "failed: refused: no"}, Vote.FAILED),
        ({"problem": "no_json (stop)"}, {"problem": "failed: refused: no"}, Vote.FAILED),
        ({"problem": "no_json (stop)"}, _SOUND, Vote.UNPARSED),
        (_SOUND, {"problem": "not_offered (stop)"}, Vote.UNPARSED),
    ],
)
def test_a_vote_is_what_both_orders_say(first: dict[str, str], second: dict[str, str] | None, vote: Vote) -> None:
    answers = (judgement("chosen_first", **first), judgement("rejected_first", **(second or first)))
    assert votes_of(answers) == [vote]
    assert votes_of(answers[::-1]) == [vote]


def test_every_kind_of_vote_has_a_case_here() -> None:
    cases = test_a_vote_is_what_both_orders_say.pytestmark[0].args[1]
    assert {vote for _, _, vote in cases} == set(Vote)


@pytest.mark.parametrize(
    ("judge", "reason"),
    [
        (sees(OTHER), None),
        (by_order(OTHER, sees(OTHER), sees(OTHER, rejected="template_response")), None),
        (sees(OTHER, chosen="template_response"), DropReason.CHOSEN_FLAWED),
        (sees(OTHER, chosen="template_response", rejected=None, better="rejected"), DropReason.CHOSEN_FLAWED),
        (sees(OTHER, rejected=None), DropReason.REJECTED_SOUND),
        (sees(OTHER, better="tie"), DropReason.NOT_WORSE),
        (sees(OTHER, better="rejected"), DropReason.NOT_WORSE),
        (by_order(OTHER, sees(OTHER), sees(OTHER, better="rejected")), DropReason.ORDER_FLIP),
        (_says_always("a"), DropReason.ORDER_FLIP),
        (_says_always("b"), DropReason.ORDER_FLIP),
        (failed(FailureReason.TIMEOUT), DropReason.JUDGE_FAILED),
        (by_order(OTHER, failed(FailureReason.REFUSED), sees(OTHER)), DropReason.JUDGE_FAILED),
        (by_order(OTHER, sees(OTHER), failed(FailureReason.SERVER_ERROR)), DropReason.JUDGE_FAILED),
        (by_order(OTHER, sees(OTHER), said("Reply A is better.")), DropReason.UNPARSED_VERDICT),
        (said(comparison("rudeness", None, "a")), DropReason.UNPARSED_VERDICT),
        (said(comparison("lack_of_empathy", None, "neither")), DropReason.UNPARSED_VERDICT),
        (said('{"error": "none", "rationale": "another question"}'), DropReason.UNPARSED_VERDICT),
        (said(comparison(None, "lack_of_empathy", "a")[:20], "length"), DropReason.UNPARSED_VERDICT),
    ],
)
@pytest.mark.parametrize("config", [RESPONSE, JOINT])
def test_a_pair_is_kept_or_dropped_by_what_its_judge_says(
    config: Config, judge: Answer, reason: DropReason | None
) -> None:
    answers = by_task(responder=said(OTHER), joint=said(f"[Information] {OTHER}"), judge=judge)
    result = mined(TURN, config, answers, plan_of(PANELS)).only
    assert _reason(result) is reason
    candidate = result.candidate if isinstance(result, Drop) else result
    assert len(candidate.judgements) == 2
    assert candidate.panel is not None
    assert candidate.panel.votes == (reason is None)


INFORMATION = Strategy.INFORMATION.value


@pytest.mark.parametrize(
    ("judge", "reason"),
    [
        (sees(INFORMATION, rejected="strategy_mismatch"), None),
        (sees(INFORMATION, rejected=None, better="tie"), DropReason.REJECTED_SOUND),
        (sees(INFORMATION, rejected=None, better="chosen"), DropReason.REJECTED_SOUND),
        (sees(INFORMATION, chosen="strategy_mismatch", rejected="strategy_mismatch"), DropReason.CHOSEN_FLAWED),
        (sees(INFORMATION, rejected="strategy_mismatch", better="rejected"), DropReason.NOT_WORSE),
        (sees(INFORMATION, rejected="lack_of_empathy"), DropReason.UNPARSED_VERDICT),
        (by_order(INFORMATION, sees(INFORMATION, rejected="strategy_mismatch"), said("")), DropReason.UNPARSED_VERDICT),
        (failed(FailureReason.BAD_REQUEST), DropReason.JUDGE_FAILED),
    ],
)
def test_a_strategy_is_judged_for_the_moment_and_only_a_mismatch_is_offered(
    judge: Answer, reason: DropReason | None
) -> None:
    outcome = mined(TURN, STRATEGY, by_task(planner=said(INFORMATION), strategy_judge=judge), plan_of(PANELS))
    assert _reason(outcome.only) is reason
    if reason is None:
        assert outcome.kept.error is ErrorType.STRATEGY_MISMATCH
        assert {one.prompt for one in outcome.kept.judgements} == {"judge/compare_strategies@1"}


def test_a_strategy_is_judged_even_where_the_release_names_other_errors_of_replies() -> None:
    spec = PANELS.model_copy(update={"errors": (ErrorType.LACK_OF_EMPATHY,)})
    judge = sees(INFORMATION, rejected="strategy_mismatch")
    kept = mined(TURN, STRATEGY, by_task(planner=said(INFORMATION), strategy_judge=judge), plan_of(spec)).kept
    assert kept.error is ErrorType.STRATEGY_MISMATCH


def test_an_unread_answer_keeps_the_raw_reply_and_a_failed_one_its_reason() -> None:
    judge = by_order(OTHER, said("Well, it depends."), failed(FailureReason.TIMEOUT))
    _, result = _asked_of(judge)
    assert isinstance(result, Drop)
    first, second = result.candidate.judgements
    assert (first.raw, first.problem) == ("Well, it depends.", "no_json (stop)")
    assert (second.raw, second.problem) == (None, "failed: timeout: as the test wants it")
    for one in (first, second):
        assert (one.better, one.chosen_error, one.rejected_error, one.rationale) == (None, None, None, None)


# Panels: tables that were reckoned by hand.

_FOR = sees(OTHER)
_OTHER_NAME = sees(OTHER, rejected="template_response")
_FLIP = by_order(OTHER, sees(OTHER), sees(OTHER, better="rejected"))
_FLAWED = sees(OTHER, chosen="emotion_misread", rejected="lack_of_empathy", better="rejected")
_FINE = sees(OTHER, rejected=None, better="tie")
_TIE = sees(OTHER, better="tie")
_DOWN = failed(FailureReason.TIMEOUT)
_MUTE = said("I cannot say.")


@pytest.mark.parametrize(
    ("judges", "votes", "margin", "confidence", "reason", "detail"),
    [
        # one judge: for it (2 + 1) / (2 + 2)
        ([_FOR], 1, 1.0, 0.75, None, ""),
        ([_FLIP], 0, -1.0, 0.5, DropReason.ORDER_FLIP, "1 of 1 judges"),
        ([_FINE], 0, -1.0, 0.25, DropReason.REJECTED_SOUND, "1 of 1 judges"),
        ([_FLAWED], 0, -1.0, 0.25, DropReason.CHOSEN_FLAWED, "emotion_misread: 1 of 1 judges"),
        # two: both for it (4 + 1) / (4 + 2); one is not a majority
        ([_FOR, _FOR], 2, 1.0, 0.8333, None, ""),
        ([_FOR, _OTHER_NAME], 2, 1.0, 0.5, None, ""),
        ([_FOR, _FINE], 1, 0.0, 0.5, DropReason.REJECTED_SOUND, "1 of 2 judges"),
        ([_FOR, _DOWN], 1, 0.0, 0.5, DropReason.JUDGE_FAILED, "1 of 2 judges"),
        ([_TIE, _TIE], 0, -1.0, 0.1667, DropReason.NOT_WORSE, "2 of 2 judges"),
        # three: two of three are one, and the third's answers count for the confidence
        ([_FOR, _FOR, _FOR], 3, 1.0, 0.875, None, ""),
        ([_FOR, _FOR, _OTHER_NAME], 3, 1.0, 0.625, None, ""),
        ([_FOR, _FLIP, _FOR], 2, 0.3333, 0.75, None, ""),
        ([_FOR, _FOR, _DOWN], 2, 0.3333, 0.625, None, ""),
        ([_FLAWED, _FOR, _FOR], 2, 0.3333, 0.625, None, ""),
        ([_FOR, _FINE, _FINE], 1, -0.3333, 0.375, DropReason.REJECTED_SOUND, "2 of 3 judges"),
        ([_FLAWED, _FOR, _FLAWED], 1, -0.3333, 0.375, DropReason.CHOSEN_FLAWED, "emotion_misread: 2 of 3 judges"),
        ([_MUTE, _MUTE, _FOR], 1, -0.3333, 0.375, DropReason.UNPARSED_VERDICT, "2 of 3 judges"),
        # where votes against are equally common, the order is: failed, unread, flip, chosen flawed, sound, not worse
        ([_DOWN, _MUTE, _FOR], 1, -0.3333, 0.375, DropReason.JUDGE_FAILED, "1 of 3 judges"),
        ([_FLIP, _MUTE, _FINE], 0, -1.0, 0.25, DropReason.UNPARSED_VERDICT, "1 of 3 judges"),
        ([_FLAWED, _FLIP, _FOR], 1, -0.3333, 0.5, DropReason.ORDER_FLIP, "1 of 3 judges"),
        ([_TIE, _FINE, _FLAWED], 0, -1.0, 0.125, DropReason.CHOSEN_FLAWED, "emotion_misread: 1 of 3 judges"),
        ([_TIE, _FINE, _FOR], 1, -0.3333, 0.375, DropReason.REJECTED_SOUND, "1 of 3 judges"),
    ],
)
def test_a_panel_comes_to_what_was_reckoned_by_hand(
    judges: list[Answer], votes: int, margin: float, confidence: float, reason: DropReason | None, detail: str
) -> None:
    models = (ONE, TWO, THREE)[len(judges) - 1]
    _, result = _asked_of(by_judge({model.name: judge for model, judge in zip(models, judges, strict=True)}), models)
    assert _reason(result) is reason
    assert (result.detail if isinstance(result, Drop) else "") == detail
    candidate = result.candidate if isinstance(result, Drop) else result
    assert candidate.panel == Panel(judges=len(judges), votes=votes, margin=margin, confidence=confidence)


@pytest.mark.parametrize(
    ("named", "commonest"),
    [
        (["lack_of_empathy", "lack_of_empathy", "template_response", "template_response"], "lack_of_empathy"),
        (["template_response", "template_response", "emotion_misread", "emotion_misread"], "emotion_misread"),
        (["template_response", "template_response", "lack_of_empathy", "template_response"], "template_response"),
        ([None, None, "strategy_mismatch", None], "strategy_mismatch"),
        (["lack_of_empathy", "early_emotion_shift"], "lack_of_empathy"),
        ([None, None], None),
    ],
)
def test_the_error_of_a_pair_is_the_commonest_and_of_equals_the_most_serious(
    named: list[str | None], commonest: str | None
) -> None:
    for errors in (named, named[::-1]):
        found = commonest_error([error and ErrorType(error) for error in errors], PANELS.errors)  # type: ignore[misc]
        assert found == commonest


# Any panel whatever.

_judgements = st.builds(
    lambda better, chosen, rejected, problem: {
        "better": better, "chosen": chosen, "rejected": rejected, "problem": problem
    },
    st.sampled_from(["chosen", "rejected", "tie"]),
    st.sampled_from([None, None, "lack_of_empathy", "template_response"]),
    st.sampled_from([None, "lack_of_empathy", "lack_of_empathy", "template_response"]),
    st.sampled_from([None, None, None, None, "no_json (stop)", "failed: timeout: 60 s"]),
)  # fmt: skip


def _judged(answers: list[tuple[dict[str, str], dict[str, str]]]) -> tuple[Judgement, ...]:
    firsts, seconds = zip(*answers, strict=True)
    return (
        *(judgement("chosen_first", **one) for one in firsts),
        *(judgement("rejected_first", **one) for one in seconds),
    )


@given(st.lists(st.tuples(_judgements, _judgements), min_size=1, max_size=5))
def test_a_majority_is_kept_and_everything_else_has_a_reason_of_its_own(
    answers: list[tuple[dict[str, str], dict[str, str]]],
) -> None:
    judgements = _judged(answers)
    candidate = Candidate(RESPONSE, TURN, None, strategy=Strategy.OTHERS, reply=OTHER, judgements=judgements)
    result = check_majority(candidate, plan_of(PANELS))
    votes = votes_of(judgements)
    assert isinstance(result, Candidate) == (votes.count(Vote.WORSE) > len(votes) / 2)
    after = result.candidate if isinstance(result, Drop) else result
    assert after.panel is not None
    assert (after.panel.judges, after.panel.votes) == (len(answers), votes.count(Vote.WORSE))
    assert -1 <= after.panel.margin <= 1
    assert 0 < after.panel.confidence < 1
    assert (after.panel.margin > 0) == isinstance(result, Candidate)
    if isinstance(result, Candidate):
        assert result.error in {one.rejected_error for one in judgements} - {None}
    else:
        against = [vote for vote in votes if vote is not Vote.WORSE]
        names = {Vote.FAILED: "judge_failed", Vote.UNPARSED: "unparsed_verdict", Vote.FLIP: "order_flip"}
        assert result.reason.value in {names.get(vote, vote.value) for vote in against}


@given(st.lists(st.tuples(_judgements, _judgements), min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_the_order_of_the_judges_makes_no_difference(
    answers: list[tuple[dict[str, str], dict[str, str]]], random: object
) -> None:
    shuffled = list(answers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = (
        check_majority(Candidate(RESPONSE, TURN, None, reply=OTHER, judgements=_judged(some)), plan_of(PANELS))
        for some in (answers, shuffled)
    )
    assert _reason(one) is _reason(other)
    first, second = (found.candidate if isinstance(found, Drop) else found for found in (one, other))
    assert (first.panel, first.error) == (second.panel, second.error)


def test_without_judgements_there_is_no_panel_and_no_drop() -> None:
    candidate = Candidate(RESPONSE, TURN, None, reply=OTHER)
    assert check_majority(candidate, plan_of(PANELS)) is candidate


def test_only_a_rewritten_side_is_judged_anew() -> None:
    assert rewritten_requests(Candidate(RESPONSE, TURN, None, reply=OTHER), plan_of(PANELS)) == ()

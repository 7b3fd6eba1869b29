"""A flawed human reply is rewritten only where that is asked for, is judged anew, and the row says that it was."""

import pytest
from support.dialogues import seeker, supporter, supporter_turn
from support.mining import PANELS, Answer, Mined, by_task, failed, mined, plan_of, said
from support.panels import by_judge, sees

from ipm_prefdial.builders.mining.candidate import Candidate, Drop, dropped_row, pair_row
from ipm_prefdial.prompts.library import load_prompt
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.inference import FailureReason, ModelRef, Outcome, Request, Role
from ipm_prefdial.schemas.rows import rows_of
from ipm_prefdial.schemas.strategy import Strategy

HUMAN = "Just take the next bus."
OTHER = "Buses are often late in winter."
BETTER = "Alone in that hail, you must have felt forgotten."
TURN = supporter_turn(
    seeker("The last bus left, and I walked home in the hail."), supporter(HUMAN, Strategy.SUGGESTIONS)
)
RESPONSE, STRATEGY, JOINT = Config.RESPONSE, Config.STRATEGY, Config.JOINT
REWRITER = {Role.REWRITER: (ModelRef(name="the-rewriter", revision="r1"),)}

_FLAWED = sees(OTHER, chosen="early_emotion_shift", rejected="lack_of_empathy", better="tie")
_FOR = sees(OTHER)


def _judge(before: Answer = _FLAWED, after: Answer = _FOR) -> Answer:
    """A judge that says one thing while the human's words stand there, and another once they do not."""

    def answer(request: Request) -> Outcome:
        return (before if HUMAN in (request.ask.reply, request.ask.other_reply) else after)(request)

    return answer


def _made(
    rewriter: Answer | None = None,
    judge: Answer | None = None,
    config: Config = RESPONSE,
    *,
    models: dict[Role, tuple[ModelRef, ...]] = REWRITER,
) -> Mined:
    answers = by_task(
        responder=said(OTHER), joint=said(f"[Information] {OTHER}"), judge=judge or _judge(), rewriter=rewriter
    )
    return mined(TURN, config, answers, plan_of(PANELS, models=models))


@pytest.mark.parametrize("config", [RESPONSE, JOINT])
def test_rewritten_words_are_judged_anew_in_both_orders(config: Config) -> None:
    outcome = _made(said(f"  {BETTER}\n"), config=config)
    asked = [[(one.ask.role, one.ask.reply, one.ask.other_reply) for one in round_] for round_ in outcome.rounds]
    assert asked[1:] == [
        [(Role.JUDGE, HUMAN, OTHER), (Role.JUDGE, OTHER, HUMAN)],
        [(Role.REWRITER, HUMAN, None)],
        [(Role.JUDGE, BETTER, OTHER), (Role.JUDGE, OTHER, BETTER)],
    ]
    kept = outcome.kept
    assert (kept.chosen, kept.turn.text) == (BETTER, HUMAN)
    assert [one.request_key for one in kept.judgements] == [one.key for one in outcome.rounds[3]]
    assert kept.panel is not None
    assert kept.panel.votes == 1


def test_the_rewriter_is_told_the_error_the_strategy_and_the_words() -> None:
    (request,) = _made(said(BETTER)).rounds[2]
    assert (request.ask.error, request.ask.strategy) == (ErrorType.EARLY_EMOTION_SHIFT, Strategy.SUGGESTIONS)
    assert request.model == REWRITER[Role.REWRITER][0]
    system, user = (message["content"] for message in request.messages)
    assert "found this error in it: early_emotion_shift." in system
    assert "which is: Providing Suggestions." in system
    assert user.endswith(f"The reply to rewrite:\n{HUMAN}")
    assert OTHER not in system + user


@pytest.mark.parametrize("config", [RESPONSE, JOINT])
def test_the_row_says_that_the_chosen_side_is_not_the_humans(config: Config) -> None:
    outcome = _made(said(BETTER), config=config)
    row = pair_row(outcome.kept, 2)
    rows_of(2)[config].model_validate(row)
    assert row["chosen"][0]["content"] == (BETTER if config is RESPONSE else f"[Providing Suggestions] {BETTER}")
    assert row["rewrite"] == {
        "model": "the-rewriter",
        "revision": "r1",
        "draw": 0,
        "request_key": outcome.rounds[2][0].key,
        "original": HUMAN,
        "error": ErrorType.EARLY_EMOTION_SHIFT,
    }


def test_a_pair_of_the_humans_own_words_says_that_nothing_was_rewritten() -> None:
    outcome = _made(judge=_FOR)
    assert len(outcome.rounds) == 2
    assert pair_row(outcome.kept, 2)["rewrite"] is None


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (sees(OTHER, chosen="template_response", rejected="lack_of_empathy", better="tie"), DropReason.CHOSEN_FLAWED),
        (sees(OTHER, rejected=None, better="tie"), DropReason.REJECTED_SOUND),
        (sees(OTHER, better="rejected"), DropReason.NOT_WORSE),
        (failed(FailureReason.TIMEOUT), DropReason.JUDGE_FAILED),
        (said("Hm."), DropReason.UNPARSED_VERDICT),
    ],
)
def test_what_the_judges_say_of_the_rewritten_words_is_what_counts(after: Answer, reason: DropReason) -> None:
    outcome = _made(said(BETTER), _judge(after=after))
    assert outcome.drop.reason is reason
    assert [one.ask.task for one in outcome.rounds[-1]] == ["judge", "judge"]
    row = dropped_row(outcome.drop, 2)
    rows_of(2)[Config.DROPPED].model_validate(row)
    assert row["human"] == row["rewrite"]["original"] == HUMAN
    assert [one["request_key"] for one in row["judgements"]] == [one.key for one in outcome.rounds[-1]]


_ECHO = "Write the reply anew so that it is free of the error, please."


@pytest.mark.parametrize(
    ("rewriter", "problem"),
    [
        (failed(FailureReason.TIMEOUT), "call_failed timeout: as the test wants it"),
        (failed(FailureReason.REFUSED), "refused refused: as the test wants it"),
        (said("I am sorry, but I", "content_filter"), "refused content_filter"),
        (said("You walked home in the", "length"), "cut_off after 0 tokens"),
        (said(""), "empty_reply"),
        (said(" … "), "empty_reply"),
        (said("<think>They walked.</think>\n"), "empty_reply"),
        (said(HUMAN), "nothing was changed"),
        (said(f"{HUMAN.upper()}!!"), "nothing was changed"),
        (said(OTHER), "it is the inferred reply"),
        (said(f" {OTHER.lower()} "), "it is the inferred reply"),
        (said(f"[Reflection of feelings] {BETTER}"), "bracketed_strategy"),
        (said(f"Supporter: {BETTER}"), "it repeats a role label"),
        (said(_ECHO), "it repeats 8 words of the instructions"),
        (said(f"{BETTER} Write to me at someone@example.org."), "personal data"),
        (said(f"{BETTER} Call me on +44 20 7946 0958."), "personal data"),
    ],
)
@pytest.mark.parametrize("config", [RESPONSE, JOINT])
def test_a_rewriting_of_no_use_leaves_the_humans_reply_flawed(config: Config, rewriter: Answer, problem: str) -> None:
    outcome = _made(rewriter, config=config)
    assert len(outcome.rounds) == 3
    drop = outcome.drop
    assert (drop.reason, drop.detail) == (DropReason.CHOSEN_FLAWED, f"early_emotion_shift; rewritten: {problem}")
    assert (drop.candidate.rewrite, drop.candidate.chosen) == (None, HUMAN)
    row = dropped_row(drop, 2)
    rows_of(2)[Config.DROPPED].model_validate(row)
    assert len(row["judgements"]) == 2


def test_the_echo_is_one_of_the_rewriters_own_instructions() -> None:
    assert (
        "Write the reply anew so that it is free of the error" in load_prompt("rewriter/same_strategy@1").instructions
    )


def test_a_thinking_block_is_no_part_of_the_rewritten_words() -> None:
    assert _made(said(f"<think>They walked.</think>\n{BETTER}")).kept.chosen == BETTER


def test_where_nobody_plays_the_rewriter_nothing_is_rewritten() -> None:
    outcome = _made(models={})
    assert len(outcome.rounds) == 2
    assert (outcome.drop.reason, outcome.drop.detail) == (
        DropReason.CHOSEN_FLAWED,
        "early_emotion_shift: 1 of 1 judges",
    )


@pytest.mark.parametrize(
    "judge",
    [
        sees(OTHER, rejected=None, better="tie"),
        sees(OTHER, better="rejected"),
        failed(FailureReason.TIMEOUT),
        said("Hm."),
        said('{"a": "early_emotion_shift", "b": "none", "better": "b", "rationale": "always A"}'),
    ],
)
def test_only_a_flaw_that_both_orders_show_is_rewritten(judge: Answer) -> None:
    outcome = _made(judge=judge)
    assert len(outcome.rounds) == 2
    assert outcome.drop.reason is not DropReason.CHOSEN_FLAWED


@pytest.mark.parametrize(("flawed", "asked"), [(1, False), (2, True), (3, True)])
def test_only_a_flaw_that_most_judges_find_is_rewritten(flawed: int, asked: bool) -> None:
    names = ("one", "two", "three")
    judges = {name: _judge(_FLAWED if number < flawed else _FOR) for number, name in enumerate(names)}
    models = REWRITER | {Role.JUDGE: tuple(ModelRef(name=name) for name in names)}
    outcome = _made(said(BETTER) if asked else None, by_judge(judges), models=models)
    assert len(outcome.rounds) == (4 if asked else 2)
    assert (outcome.kept.rewrite is not None) is asked


def test_two_judges_of_whom_one_finds_a_flaw_ask_for_no_rewriting() -> None:
    models = REWRITER | {Role.JUDGE: (ModelRef(name="one"), ModelRef(name="two"))}
    outcome = _made(judge=by_judge({"one": _FLAWED, "two": _FOR}), models=models)
    assert outcome.drop.reason is DropReason.CHOSEN_FLAWED


def test_the_commonest_flaw_is_the_one_that_is_told() -> None:
    names = ("one", "two", "three")
    flaws = ("template_response", "template_response", "lack_of_empathy")
    judges = {
        name: _judge(sees(OTHER, chosen=flaw, rejected="lack_of_empathy", better="tie"))
        for name, flaw in zip(names, flaws, strict=True)
    }
    models = REWRITER | {Role.JUDGE: tuple(ModelRef(name=name) for name in names)}
    outcome = _made(said(BETTER), by_judge(judges), models=models)
    assert outcome.rounds[2][0].ask.error is ErrorType.TEMPLATE_RESPONSE
    assert outcome.kept.rewrite is not None
    assert outcome.kept.rewrite.error is ErrorType.TEMPLATE_RESPONSE


def test_a_strategy_has_no_words_to_rewrite() -> None:
    judge = sees("Information", chosen="strategy_mismatch", rejected="strategy_mismatch", better="tie")
    answers = by_task(planner=said("Information"), strategy_judge=judge)
    outcome = mined(TURN, STRATEGY, answers, plan_of(PANELS, models=REWRITER))
    assert outcome.drop.reason is DropReason.CHOSEN_FLAWED
    assert len(outcome.rounds) == 2


def test_only_the_draws_that_are_flawed_are_rewritten() -> None:
    """Each draw is a pair of its own; the rewritten words of one are no other's."""
    replies = (OTHER, "Hail is only ice.", "Buses are slow.")

    def judge(request: Request) -> Outcome:
        inferred = next(reply for reply in replies if reply in (request.ask.reply, request.ask.other_reply))
        before = HUMAN in (request.ask.reply, request.ask.other_reply) and inferred != replies[1]
        flawed = sees(inferred, chosen="early_emotion_shift", rejected="lack_of_empathy", better="tie")
        return (flawed if before else sees(inferred))(request)

    answers = by_task(
        responder=lambda request: said(replies[request.draw])(request), judge=judge, rewriter=said(BETTER)
    )
    steps = tuple(step for step in PANELS.steps if step != "hardest@1")
    plan = plan_of(PANELS.model_copy(update={"steps": steps}), draws=3, models=REWRITER)
    outcome = mined(TURN, RESPONSE, answers, plan)
    assert [len(round_) for round_ in outcome.rounds] == [3, 6, 2, 4]
    assert [result.chosen for result in outcome.results if isinstance(result, Candidate)] == [BETTER, HUMAN, BETTER]
    assert not any(isinstance(result, Drop) for result in outcome.results)

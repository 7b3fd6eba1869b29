"""Judges see one reply at a time, are asked what they can answer, and every grade is counted by itself."""

import asyncio
import json
from typing import Any

import pytest
from support.dialogues import SHORT_TURNS
from support.predictions import prediction, system

from ipm_prefdial.builders.models.client import ScriptedCompleter
from ipm_prefdial.prompts.library import load_prompt
from ipm_prefdial.recipes.evaluate._judging import (
    GRADES,
    PROMPTS,
    JudgeQuestion,
    JudgeVotes,
    Protocol,
    count_questions,
    judge_replies,
    panels_of,
    replies_of,
)
from ipm_prefdial.recipes.evaluate.held_out import HumanTurn
from ipm_prefdial.recipes.evaluate.options import SystemOptions, resolve_pool
from ipm_prefdial.recipes.evaluate.predictions import align
from ipm_prefdial.recipes.metrics.sample import AnswerSample
from ipm_prefdial.schemas.evaluation import JudgeFigures
from ipm_prefdial.schemas.inference import Completion, Outcome, Request, Role
from ipm_prefdial.schemas.trace import Step

URL = "http://127.0.0.1:9/v1"
TURNS = [
    HumanTurn(f"d{at}", 3, SHORT_TURNS[:3], SHORT_TURNS[3].strategy, f"The human's words {at}.")  # type: ignore[arg-type]
    for at in range(8)
]
GOOD, BAD = "A good reply.", "A bad reply."


def _systems() -> Any:
    said = [
        prediction(3, dialogue=turn.dialogue_id, gold=turn.strategy, gold_reply=turn.text, reply=GOOD) for turn in TURNS
    ]
    silent = said[-1].model_copy(update={"reply": None})
    return align([
        system("larch", said),
        system("maple", [*(one.model_copy(update={"reply": BAD}) for one in said[:-1]), silent]),
    ])  # fmt: skip


def _answer(request: Request) -> Outcome:
    """Grades good replies 4 and bad ones 2, but never tells the fluency of bad ones; finds an error in bad ones."""
    bad = (request.ask.reply or "") == BAD
    if "You grade" in request.messages[0]["content"]:
        grades: dict[str, Any] = dict.fromkeys(GRADES, 2 if bad else 4) | ({"fluency": "so-so"} if bad else {})
        text = json.dumps(grades | {"rationale": "It is so."})
    else:
        text = json.dumps({"error": "template_response" if bad else "none", "rationale": ""})
    return Completion(key=request.key, text=text, finish_reason="stop")


def _judged(script: Any = _answer, model: str = f"a-judge@{URL}") -> tuple[JudgeFigures, JudgeVotes, list[Request]]:
    pool = resolve_pool(SystemOptions(judges=(model,)), lambda: ())
    completer = ScriptedCompleter(script)
    aligned = _systems()
    replies = replies_of(aligned, TURNS)
    completers = {(Role.JUDGE, ref): completer for ref in pool.models[Role.JUDGE]}
    said = asyncio.run(judge_replies(pool, completers, replies, seed=1))
    (panel,) = panels_of(said, AnswerSample.of([one.answer for one in aligned[0].predictions], 100))
    assert len(completer.requests) == count_questions(pool, replies)
    return panel.judged(), panel, completer.requests


def test_every_question_is_asked_of_every_reply_and_the_humans_alone() -> None:
    _, _, requests = _judged()
    by_reply = {reply: sum(one.ask.reply == reply for one in requests) for reply in (GOOD, BAD, TURNS[0].text)}
    assert by_reply == {GOOD: 8 * 4, BAD: 7 * 4, TURNS[0].text: 2}
    for one in requests:
        said = one.messages[-1]["content"]
        shown = "What a human supporter said here" in said
        assert said.count("The human's words") == (1 if shown or "human" in (one.ask.reply or "") else 0)
        assert "larch" not in str(one.messages)
        assert "maple" not in str(one.messages)


def test_means_have_their_coverage_and_a_lost_grade_costs_no_other() -> None:
    judged, _, _ = _judged()
    grades = {(one.system, one.protocol, one.grade): one for one in judged.grades}
    assert grades["larch", "alone", "fluency"].mean.value == 4
    lost = grades["maple", "alone", "fluency"]
    assert (lost.mean.value, lost.mean.n, lost.asked, lost.turns) == (None, 0, 7, 8)
    kept = grades["maple", "beside_human", "empathy"]
    assert (kept.mean.value, kept.mean.n, kept.asked, kept.turns) == (2, 7, 7, 8)
    assert ("human", "alone", "empathy") in grades
    assert ("human", "beside_human", "empathy") not in grades


def test_errors_are_shares_of_the_verdicts_that_could_be_read() -> None:
    judged, _, _ = _judged()
    errors = {(one.system, one.protocol): one for one in judged.errors}
    assert errors["larch", "alone"].flagged.value == 0
    assert errors["maple", "alone"].flagged.value == 1
    assert errors["maple", "alone"].errors == {"template_response": 7}
    assert errors["maple", "beside_human"].asked == 7


def test_differences_and_wins_are_of_the_turns_that_both_were_judged_on() -> None:
    judged, panel, _ = _judged()
    told = {(one.metric, one.one, one.other): one for one in judged.comparisons}
    empathy = told["empathy, alone", "larch", "maple"]
    assert (empathy.difference.value, empathy.difference.n) == (2, 7)
    assert empathy.p == pytest.approx(1 / 101)
    assert ("fluency, alone", "larch", "maple") not in told
    assert told["any error, beside_human", "larch", "maple"].difference.value == -1
    wins = {(one.one, one.other, one.by): one for one in panel.wins()}
    assert ("larch", "maple", "mean of five grades, alone, by a-judge") not in wins
    human = wins["larch", "human", "mean of five grades, alone, by a-judge"]
    assert (human.wins.value, human.ties, human.losses) == (0, 8, 0)


def test_unreadable_answers_are_coverage_and_nothing_else() -> None:
    judged, _, _ = _judged(lambda request: "I would rather not say.")
    assert {one.mean.value for one in judged.grades} == {None}
    assert {one.mean.n for one in judged.grades} == {0}
    assert {one.flagged.n for one in judged.errors} == {0}
    assert judged.comparisons == ()


def test_embedded_judge_is_asked_for_errors_alone() -> None:
    pool = resolve_pool(SystemOptions(judges=("corpus",)), lambda: ())
    replies = replies_of(_systems(), TURNS)
    assert count_questions(pool, replies) == len(replies)
    completer = ScriptedCompleter(_answer)
    completers = {(Role.JUDGE, ref): completer for ref in pool.models[Role.JUDGE]}
    said = asyncio.run(judge_replies(pool, completers, replies, seed=1))
    (panel,) = panels_of(said, AnswerSample.of([one.answer for one in _systems()[0].predictions], 20))
    judged = panel.judged()
    assert judged.grades == ()
    assert list(judged.prompts) == ["judge/five_errors@2"]
    assert "knows three of the five errors" in judged.notes[0]


def test_replies_of_turns_that_the_release_lacks_are_not_judged() -> None:
    replies = replies_of(_systems(), TURNS[:3])
    assert {reply.turn.dialogue_id for reply in replies} == {"d0", "d1", "d2"}
    assert [reply.system for reply in replies].count("human") == 3


def test_prompts_are_released_and_want_what_a_judge_is_given() -> None:
    for (question, protocol), prompt_id in PROMPTS.items():
        prompt = load_prompt(prompt_id)
        assert ("human" in prompt.variables) == (protocol is Protocol.BESIDE_HUMAN)
        assert prompt.reply_schema is not None
        wanted = {JudgeQuestion.GRADES: set(GRADES), JudgeQuestion.ERRORS: {"error"}, JudgeQuestion.STEPS: set(Step)}[
            question
        ]
        assert wanted <= set(prompt.reply_schema.body["properties"])


def test_a_reply_that_a_judge_calls_none_counts_as_flawed() -> None:
    judged, _, _ = _judged(lambda request: json.dumps({"error": "no_reply", "rationale": "It declines to answer."}))
    assert {one.flagged.value for one in judged.errors} == {1}
    assert all(one.flagged.n == one.asked and not one.errors for one in judged.errors)

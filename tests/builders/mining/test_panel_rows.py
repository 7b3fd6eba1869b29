"""Candidates that a panel has judged become rows with exactly the columns of layout 2."""

from typing import Any

import pytest
from hypothesis import given
from support.dialogues import SHORT_TURNS, dialogues, placed, supporter_turn
from support.mining import PANELS, Answer, by_task, failed, mined, plan_of, said
from support.panels import by_judge, sees

from ipm_prefdial.builders.mining.candidate import Candidate, Drop, dropped_row, pair_row, sft_row
from ipm_prefdial.builders.mining.mine import demonstrate
from ipm_prefdial.builders.mining.reply_rules import closeness_of
from ipm_prefdial.builders.mining.steps import steps_of
from ipm_prefdial.builders.mining.turns import supporter_turns
from ipm_prefdial.schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Dialogue
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.inference import FailureReason, ModelRef, Role
from ipm_prefdial.schemas.rows import rows_of
from ipm_prefdial.schemas.strategy import Strategy

HUMAN = SHORT_TURNS[-1].text
OTHER = "Buses are often late in winter."
INFORMATION = Strategy.INFORMATION.value
TURN = supporter_turn(*SHORT_TURNS)
JUDGES = tuple(ModelRef(name=name) for name in ("one", "two", "three"))


def _answers(judge: Answer | None = None) -> Answer:
    return by_task(
        planner=said("information"),
        responder=said(f" {OTHER}"),
        joint=said(f"[Information] {OTHER}"),
        judge=judge or sees(OTHER, rejected="emotion_misread"),
        strategy_judge=judge or sees(INFORMATION, rejected="strategy_mismatch"),
    )


def _kept(config: Config) -> Candidate:
    return mined(TURN, config, _answers(), plan_of(PANELS, models={Role.JUDGE: JUDGES})).kept


def _checked(config: Config, row: dict[str, Any]) -> dict[str, Any]:
    """The row, after its columns were held against the contract: these and no others, of these types."""
    assert set(row) == set(rows_of(2)[config].model_fields)
    rows_of(2)[config].model_validate(row)
    return row


@pytest.mark.parametrize("config", PAIR_CONFIGS)
def test_a_pair_has_the_columns_of_its_config(config: Config) -> None:
    candidate = _kept(config)
    row = _checked(config, pair_row(candidate, 2))
    assert row["row_id"] == candidate.row_id
    assert candidate.request is not None
    assert row["prompt"] == list(candidate.request.messages)
    assert row["panel"] == {"judges": 3, "votes": 3, "margin": 1.0, "confidence": 0.875}
    assert [(one["model"], one["order"]) for one in row["judgements"]] == [
        (judge.name, order) for order in ("chosen_first", "rejected_first") for judge in JUDGES
    ]
    assert row["rewrite"] is None
    assert "chosen_verdict" not in row


@pytest.mark.parametrize(
    ("config", "chosen", "rejected", "error"),
    [
        (Config.STRATEGY, "Reflection of feelings", INFORMATION, ErrorType.STRATEGY_MISMATCH),
        (Config.RESPONSE, HUMAN, OTHER, ErrorType.EMOTION_MISREAD),
        (Config.JOINT, f"[Reflection of feelings] {HUMAN}", f"[Information] {OTHER}", ErrorType.EMOTION_MISREAD),
    ],
)
def test_sides_and_error_are_those_that_were_judged(
    config: Config, chosen: str, rejected: str, error: ErrorType
) -> None:
    row = pair_row(_kept(config), 2)
    assert row["chosen"] == [{"role": "assistant", "content": chosen}]
    assert row["rejected"] == [{"role": "assistant", "content": rejected}]
    assert row["rejected_error"] is error
    assert {(one["better"], one["chosen_error"], one["rejected_error"]) for one in row["judgements"]} == {
        ("chosen", None, error)
    }


def test_a_rejected_sides_error_is_the_one_that_most_answers_name() -> None:
    named = {"one": "lack_of_empathy", "two": "template_response", "three": "template_response"}
    judge = by_judge({name: sees(OTHER, rejected=error) for name, error in named.items()})
    outcome = mined(TURN, Config.RESPONSE, _answers(judge), plan_of(PANELS, models={Role.JUDGE: JUDGES}))
    row = pair_row(outcome.kept, 2)
    assert row["rejected_error"] is ErrorType.TEMPLATE_RESPONSE
    assert row["panel"]["confidence"] == 0.625


@pytest.mark.parametrize("config", PAIR_CONFIGS)
def test_closeness_is_a_measure_of_replies(config: Config) -> None:
    row = pair_row(_kept(config), 2)
    due = None if config is Config.STRATEGY else closeness_of(HUMAN, OTHER).model_dump()
    assert row["closeness"] == due


@pytest.mark.parametrize(
    ("config", "answers", "reason", "judged"),
    [
        (Config.STRATEGY, by_task(planner=said("Cheering Up")), DropReason.NOT_A_STRATEGY, None),
        (Config.STRATEGY, by_task(planner=said("Reflection of feelings")), DropReason.SAME_STRATEGY, None),
        (Config.RESPONSE, by_task(responder=failed(FailureReason.REFUSED)), DropReason.REFUSED, None),
        (Config.RESPONSE, by_task(responder=said("Write to me@example.org.")), DropReason.PERSONAL_DATA, None),
        (Config.STRATEGY, _answers(sees(INFORMATION, rejected=None)), DropReason.REJECTED_SOUND, 0),
        (Config.RESPONSE, _answers(sees(OTHER, better="tie")), DropReason.NOT_WORSE, 0),
        (Config.JOINT, _answers(failed(FailureReason.TIMEOUT)), DropReason.JUDGE_FAILED, 0),
        (Config.JOINT, _answers(said("Hm.")), DropReason.UNPARSED_VERDICT, 0),
    ],
)
def test_a_drop_has_the_columns_of_dropped_with_every_answer_of_the_judges(
    config: Config, answers: Answer, reason: DropReason, judged: int | None
) -> None:
    drop = mined(TURN, config, answers, plan_of(PANELS)).drop
    row = _checked(Config.DROPPED, dropped_row(drop, 2))
    assert (row["config"], row["reason"], row["human"], row["strategy"]) == (config, reason, HUMAN, Strategy.REFLECTION)
    assert row["reply"] == drop.candidate.raw
    assert len(row["judgements"]) == (0 if judged is None else 2)
    assert (row["panel"] and row["panel"]["votes"]) == judged


def test_a_reply_that_was_judged_and_not_taken_says_how_close_it_is() -> None:
    replies = (OTHER, HUMAN.replace("Alone", "All alone"))
    answers = by_task(
        responder=lambda request: said(replies[request.draw])(request),
        judge=lambda request: sees(next(one for one in replies if one in (request.ask.reply, request.ask.other_reply)))(
            request
        ),
    )
    easier, kept = mined(TURN, Config.RESPONSE, answers, plan_of(PANELS, draws=2)).results
    assert isinstance(kept, Candidate)
    assert isinstance(easier, Drop)
    row = _checked(Config.DROPPED, dropped_row(easier, 2))
    assert (row["reason"], row["closeness"]) == (DropReason.EASIER_NEGATIVE, closeness_of(HUMAN, OTHER).model_dump())
    assert row["panel"]["votes"] == 1


@given(dialogues())
def test_every_demonstration_and_its_drop_fit_the_contract(one: Dialogue) -> None:
    steps = steps_of(PANELS).of_turns
    for turn in supporter_turns(placed(*one.turns)):
        for config in SFT_CONFIGS:
            result = demonstrate(turn, config, steps)
            if isinstance(result, Drop):
                row = _checked(Config.DROPPED, dropped_row(result, 2))
                assert (row["judgements"], row["panel"], row["reply"], row["inferred_by"]) == ([], None, None, None)
            else:
                _checked(config, sft_row(result, [{"role": "user", "content": "Hello."}]))

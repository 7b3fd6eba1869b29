"""Candidates become rows with exactly the columns of the contract, and with the right words on the right side."""

from typing import Any

import pytest
from hypothesis import given
from support.dialogues import SHORT_TURNS, dialogues, placed, supporter, supporter_turn
from support.mining import FLAWED, SOUND, Answer, by_task, failed, judged, mined, said

from ipm_prefdial.builders.mining.candidate import Candidate, Drop, dropped_row, pair_row, sft_row
from ipm_prefdial.builders.mining.mine import demonstrate
from ipm_prefdial.builders.mining.turns import SupporterTurn, supporter_turns
from ipm_prefdial.schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Dialogue
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.inference import FailureReason
from ipm_prefdial.schemas.rows import rows_of
from ipm_prefdial.schemas.strategy import Strategy

HUMAN = SHORT_TURNS[-1].text
OTHER = "Buses are often late in winter."


def _turn() -> SupporterTurn:
    return supporter_turn(*SHORT_TURNS)


def _kept(config: Config) -> Candidate:
    judge = judged(said(SOUND), said(FLAWED), _turn())
    answers = by_task(
        planner=said("information"), responder=said(f" {OTHER}"), joint=said(f"[Information] {OTHER}"), judge=judge
    )
    return mined(_turn(), config, answers).kept


def _checked(config: Config, row: dict[str, Any]) -> dict[str, Any]:
    """The row, after its columns were held against the contract: these, in this order, of these types."""
    assert list(row) == list(rows_of(1)[config].model_fields) or set(row) == set(rows_of(1)[config].model_fields)
    rows_of(1)[config].model_validate(row)
    return row


@pytest.mark.parametrize("config", PAIR_CONFIGS)
def test_a_pair_has_the_columns_of_its_config(config: Config) -> None:
    candidate = _kept(config)
    row = _checked(config, pair_row(candidate, 1))
    assert (row["row_id"], row["dialogue_id"], row["turn"]) == (
        candidate.row_id,
        candidate.turn.dialogue.dialogue_id,
        3,
    )
    assert (row["source"], row["license"]) == ("invented", "cc-by-4.0")


@pytest.mark.parametrize(
    ("config", "chosen", "rejected"),
    [
        (Config.STRATEGY, "Reflection of feelings", "Information"),
        (Config.RESPONSE, HUMAN, OTHER),
        (Config.JOINT, f"[Reflection of feelings] {HUMAN}", f"[Information] {OTHER}"),
    ],
)
def test_the_human_is_the_chosen_side_and_the_sides_hold_the_reply_alone(
    config: Config, chosen: str, rejected: str
) -> None:
    row = pair_row(_kept(config), 1)
    assert row["chosen"] == [{"role": "assistant", "content": chosen}]
    assert row["rejected"] == [{"role": "assistant", "content": rejected}]


@pytest.mark.parametrize("config", PAIR_CONFIGS)
def test_the_prompt_is_what_was_sent_and_ends_before_the_reply(config: Config) -> None:
    candidate = _kept(config)
    row = pair_row(candidate, 1)
    assert candidate.request is not None
    assert row["prompt"] == list(candidate.request.messages)
    assert [row["prompt"][0]["role"], row["prompt"][-1]["role"]] == ["system", "user"]
    said_before = "\n".join(message["content"] for message in row["prompt"])
    assert all(turn.text in said_before for turn in SHORT_TURNS[:3])
    assert HUMAN not in said_before


def test_strategies_stand_where_they_belong() -> None:
    assert pair_row(_kept(Config.RESPONSE), 1)["strategy"] is Strategy.REFLECTION
    for config in (Config.STRATEGY, Config.JOINT):
        row = pair_row(_kept(config), 1)
        assert (row["chosen_strategy"], row["rejected_strategy"]) == (Strategy.REFLECTION, Strategy.INFORMATION)


def test_verdicts_are_those_of_their_own_sides() -> None:
    for config in (Config.RESPONSE, Config.JOINT):
        row = pair_row(_kept(config), 1)
        assert (row["chosen_verdict"]["error"], row["rejected_verdict"]["error"]) == (None, ErrorType.LACK_OF_EMPATHY)
        assert (row["chosen_verdict"]["raw"], row["rejected_verdict"]["raw"]) == (SOUND, FLAWED)
        assert row["rejected_verdict"]["prompt"] == "judge/three_errors@1"
        assert row["rejected_error"] is ErrorType.LACK_OF_EMPATHY


def test_a_strategy_pair_was_not_judged_and_says_mismatch() -> None:
    row = pair_row(_kept(Config.STRATEGY), 1)
    assert (row["chosen_verdict"], row["rejected_verdict"], row["rejected_error"]) == (
        None,
        None,
        ErrorType.STRATEGY_MISMATCH,
    )


@pytest.mark.parametrize(
    ("config", "role"), [(Config.STRATEGY, "planner"), (Config.RESPONSE, "responder"), (Config.JOINT, "joint")]
)
def test_a_pair_names_its_call(config: Config, role: str) -> None:
    candidate = _kept(config)
    assert candidate.request is not None
    assert pair_row(candidate, 1)[role] == {
        "model": f"the-{role}",
        "revision": None,
        "draw": 0,
        "request_key": candidate.request.key,
    }


@given(dialogues())
def test_every_demonstration_and_its_drop_fit_the_contract(one: Dialogue) -> None:
    for turn in supporter_turns(placed(*one.turns)):
        for config in SFT_CONFIGS:
            result = demonstrate(turn, config)
            if isinstance(result, Drop):
                row = _checked(Config.DROPPED, dropped_row(result, 1))
                assert (row["config"], row["human"], row["reply"], row["inferred_by"]) == (
                    config,
                    turn.text,
                    None,
                    None,
                )
            else:
                row = _checked(config, sft_row(result, [{"role": "user", "content": "Hello."}]))
                assert row["completion"][0]["content"].endswith(
                    turn.strategy if config is Config.STRATEGY_SFT else turn.text
                )


@pytest.mark.parametrize(
    ("config", "pairs", "completion"),
    [
        (Config.STRATEGY_SFT, Config.STRATEGY, "Reflection of feelings"),
        (Config.RESPONSE_SFT, Config.RESPONSE, HUMAN),
        (Config.JOINT_SFT, Config.JOINT, f"[Reflection of feelings] {HUMAN}"),
    ],
)
def test_a_demonstration_has_the_prompt_and_the_chosen_side_of_its_twin(
    config: Config, pairs: Config, completion: str
) -> None:
    result = demonstrate(_turn(), config)
    assert isinstance(result, Candidate)
    twin = pair_row(_kept(pairs), 1)
    row = sft_row(result, twin["prompt"])
    assert row["prompt"] == twin["prompt"]
    assert row["completion"] == twin["chosen"] == [{"role": "assistant", "content": completion}]
    assert row["row_id"] != twin["row_id"]


_ALL_WAYS_OUT: list[tuple[Config, Answer, Answer, DropReason]] = [
    (Config.STRATEGY, said("Cheering Up"), said(""), DropReason.NOT_A_STRATEGY),
    (Config.STRATEGY, failed(FailureReason.CONNECTION), said(""), DropReason.CALL_FAILED),
    (Config.RESPONSE, failed(FailureReason.REFUSED), said(""), DropReason.REFUSED),
    (Config.RESPONSE, said("Whe", "length"), said(""), DropReason.CUT_OFF),
    (Config.RESPONSE, said(OTHER), failed(FailureReason.TIMEOUT), DropReason.JUDGE_FAILED),
    (Config.RESPONSE, said(OTHER), said("Fine."), DropReason.UNPARSED_VERDICT),
    (Config.RESPONSE, said(OTHER), said(SOUND), DropReason.REJECTED_SOUND),
    (Config.JOINT, said(f"[Others] {OTHER}"), said(FLAWED), DropReason.CHOSEN_FLAWED),
    (Config.JOINT, said("[Others]"), said(""), DropReason.EMPTY_REPLY),
]


@pytest.mark.parametrize(("config", "reply", "judge", "reason"), _ALL_WAYS_OUT)
def test_a_drop_has_the_columns_of_dropped_and_keeps_the_raw_reply(
    config: Config, reply: Answer, judge: Answer, reason: DropReason
) -> None:
    drop = mined(_turn(), config, by_task(planner=reply, responder=reply, joint=reply, judge=judge)).drop
    row = _checked(Config.DROPPED, dropped_row(drop, 1))
    assert (row["config"], row["reason"], row["human"], row["strategy"]) == (config, reason, HUMAN, Strategy.REFLECTION)
    assert row["reply"] == drop.candidate.raw
    assert row["inferred_by"]["request_key"] == (drop.candidate.request.key if drop.candidate.request else None)
    judged_at_all = reason in (
        DropReason.JUDGE_FAILED,
        DropReason.UNPARSED_VERDICT,
        DropReason.REJECTED_SOUND,
        DropReason.CHOSEN_FLAWED,
    )
    assert (row["chosen_verdict"] is not None) == (row["rejected_verdict"] is not None) == judged_at_all


def test_a_turn_that_answers_nobody_is_dropped_without_a_call() -> None:
    for config in PAIR_CONFIGS:
        drop = mined(supporter_turn(supporter("Hello.", Strategy.OTHERS)), config, by_task()).drop
        row = _checked(Config.DROPPED, dropped_row(drop, 1))
        assert (row["reason"], row["reply"], row["inferred_by"], row["turn"]) == (
            DropReason.NO_SEEKER_TURN,
            None,
            None,
            0,
        )

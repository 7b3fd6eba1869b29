"""One test for each fault of the reference pipelines that this code could repeat, named after the fault."""

import asyncio
import copy
import json
from pathlib import Path
from typing import Any

import pytest
from support.dialogues import placed, seeker, supporter, supporter_turn
from support.mining import FLAWED, SOUND, by_task, failed, judged, mined, mining_prompts, plan_of, said
from support.sources import dialogues_in, written
from support.traces import TRACE

from ipm_prefdial.builders.building.conversations import answer
from ipm_prefdial.builders.mining.candidate import Drop, dropped_row, pair_row
from ipm_prefdial.builders.mining.mine import mine_pairs
from ipm_prefdial.builders.mining.steps import steps_of
from ipm_prefdial.builders.mining.turns import supporter_turns
from ipm_prefdial.builders.sources.base import to_dialogue
from ipm_prefdial.builders.sources.files import read_records
from ipm_prefdial.builders.sources.formats import FORMATS
from ipm_prefdial.prompts.context import draw_profile
from ipm_prefdial.prompts.library import load_prompt
from ipm_prefdial.prompts.parsers._verdict import read_verdict
from ipm_prefdial.schemas.config import PAIR_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Turn
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.error_type import ErrorType, parse_error_type, says_no_error
from ipm_prefdial.schemas.errors import SourceError
from ipm_prefdial.schemas.inference import Ask, Completion, FailureReason, ModelRef, Outcome, Request, Role, Task
from ipm_prefdial.schemas.strategy import Strategy
from ipm_prefdial.schemas.verdict import Verdict

HUMAN = "You kept the lead, and it still hurts to look at it."
OTHER = "Dogs need plenty of water."
TURNS = (seeker("He kept the dog, and I kept the lead."), supporter(HUMAN, Strategy.REFLECTION))
PAUSED = (
    seeker("He kept the dog."),
    supporter("Oh no.", Strategy.OTHERS),
    supporter("When was that?", Strategy.QUESTION),
    supporter("Take your time.", Strategy.AFFIRMATION),
)


def _ask(prompt_id: str, history: tuple[Turn, ...] = TURNS[:1]) -> Ask:
    """An ask that holds whatever a released prompt may want."""
    return Ask(
        task=Task(prompt_id.split("/")[0]),
        history=history,
        strategy=Strategy.OTHERS,
        other_strategy=Strategy.QUESTION,
        reply=OTHER,
        other_reply=HUMAN,
        error=ErrorType.TEMPLATE_RESPONSE,
        profile=draw_profile("a row", 1),
        trace=TRACE,
    )


def test_json_braces_in_a_prompt_or_a_turn_break_nothing() -> None:
    history = (seeker('It said {"error": {user_input}} and $strategy.'),)
    for prompt_id in mining_prompts():
        messages = load_prompt(prompt_id).messages(_ask(prompt_id, history))
        assert history[0].text in messages[-1]["content"]


def test_every_variable_of_a_released_prompt_has_a_value() -> None:
    for prompt_id in mining_prompts():
        said_to_model = load_prompt(prompt_id).messages(_ask(prompt_id))
        assert [message["content"] for message in said_to_model if "$" in message["content"]] == []


def test_a_second_json_document_in_one_file_is_no_second_half_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="line 2, column 1: not JSON: Extra data"):
        list(read_records(written(tmp_path / "twice.json", "[1]\n[2]")))


async def test_results_come_in_the_order_of_the_draws_not_of_the_answers() -> None:
    class Slow:
        """Answers the later draws first."""

        async def complete(self, request: Request) -> Outcome:
            await asyncio.sleep((3 - request.draw) / 100)
            return Completion(key=request.key, text=list(Strategy)[request.draw].value, finish_reason="stop")

    plan, turn = plan_of(draws=4), supporter_turn(seeker("Hm."), supporter("Bye.", Strategy.OTHERS))
    steps = steps_of(plan.spec).of_turns
    results = await answer(
        mine_pairs(turn, Config.STRATEGY, plan, steps), {(Role.PLANNER, ModelRef(name="the-planner")): Slow()}
    )
    assert [result.strategy for result in results if not isinstance(result, Drop)] == list(Strategy)[:4]


@pytest.mark.parametrize("file", ["esconv.json", "failed.json", "chat.json", "dialogues.jsonl"])
def test_input_records_are_not_changed(tiny: Path, file: str) -> None:
    for record in read_records(tiny / file):
        before = copy.deepcopy(record)
        shape = next(shape for shape in FORMATS.values() if shape.fits(record))
        to_dialogue(record, shape, source="s", license_id="mit")
        assert record == before


def test_a_row_shares_nothing_that_a_later_row_could_change() -> None:
    answers = by_task(planner=said("Information"))
    first = pair_row(mined(supporter_turn(*TURNS), Config.STRATEGY, answers).kept, 1)
    before = json.dumps(first, default=str)
    for row in (pair_row(mined(supporter_turn(*TURNS), Config.STRATEGY, answers).kept, 1) for _ in range(2)):
        row["prompt"][0]["content"] = row["chosen"][0]["content"] = "scribbled over"
    assert json.dumps(first, default=str) == before


@pytest.mark.parametrize("reason", FailureReason)
@pytest.mark.parametrize("config", PAIR_CONFIGS)
def test_a_failed_call_is_a_drop_and_never_missing(config: Config, reason: FailureReason) -> None:
    broken = failed(reason)
    outcome = mined(supporter_turn(*TURNS), config, by_task(broken, broken, broken), plan_of(draws=3))
    rows = [dropped_row(result, 1) for result in outcome.results if isinstance(result, Drop)]
    assert [(row["inferred_by"]["draw"], row["reply"]) for row in rows] == [(0, None), (1, None), (2, None)]
    assert all(reason.value in row["detail"] for row in rows)


def test_a_reply_that_cannot_be_read_is_a_drop_with_the_raw_text() -> None:
    turn = supporter_turn(*TURNS)
    for raw in ("Yes", '{"error": "Yes"}', "```json\n{oops}\n```", ""):
        drop = mined(
            turn, Config.RESPONSE, by_task(responder=said(OTHER), judge=judged(said(SOUND), said(raw), turn))
        ).drop
        row = dropped_row(drop, 1)
        assert (row["reason"], row["rejected_verdict"]["raw"]) == (DropReason.UNPARSED_VERDICT, raw)


@pytest.mark.parametrize("frame", ["```json\n{}\n```", "```\n{}\n```", "Here is my answer:\n{}", "<think>hm</think>{}"])
def test_a_verdict_in_a_fence_is_read(frame: str) -> None:
    turn = supporter_turn(*TURNS)
    judge = judged(said(frame.replace("{}", SOUND)), said(frame.replace("{}", FLAWED)), turn)
    assert mined(turn, Config.RESPONSE, by_task(responder=said(OTHER), judge=judge)).kept.reply == OTHER


@pytest.mark.parametrize("label", ["None", "none", " NONE ", "No", "no"])
def test_the_case_of_a_label_does_not_count(label: str) -> None:
    assert read_verdict(json.dumps({"error": label, "rationale": ""}), list(ErrorType)) == Verdict(
        error=None, rationale=""
    )


def test_the_judge_is_not_told_which_reply_is_preferred() -> None:
    judge_asked = mined(
        supporter_turn(*TURNS), Config.RESPONSE, by_task(responder=said(OTHER), judge=said(FLAWED))
    ).rounds[1]
    for request, own, others in zip(judge_asked, (HUMAN, OTHER), (OTHER, HUMAN), strict=True):
        text = "\n".join(message["content"] for message in request.messages)
        assert own in text
        assert others not in text
        assert not {"human", "preferred", "chosen", "rejected"} & set(text.casefold().split())


@pytest.mark.parametrize("reply", ["Encouragement", "Question or Information", "Let me see.", "1", "strategy"])
def test_what_is_none_of_the_eight_becomes_no_rejected_strategy(reply: str) -> None:
    assert (
        mined(supporter_turn(*TURNS), Config.STRATEGY, by_task(planner=said(reply))).drop.reason
        is DropReason.NOT_A_STRATEGY
    )


@pytest.mark.parametrize("reply", ["Question.", " question\n", "[Question]", "**Question**"])
def test_a_rejected_strategy_has_its_one_spelling(reply: str) -> None:
    row = pair_row(mined(supporter_turn(*TURNS), Config.STRATEGY, by_task(planner=said(reply))).kept, 1)
    assert row["rejected"] == [{"role": "assistant", "content": "Question"}]
    assert row["rejected_strategy"] == "Question"


@pytest.mark.parametrize(
    ("config", "reply"),
    [
        (Config.STRATEGY, "Reflection of Feelings."),
        (Config.STRATEGY, "Reflective Statements"),
        (Config.RESPONSE, HUMAN),
        (Config.RESPONSE, HUMAN.replace(",", " ,").upper()),
        (Config.JOINT, f"[Question] {HUMAN}"),
    ],
)
def test_chosen_is_never_the_rejected(config: Config, reply: str) -> None:
    flawed_alike = by_task(said(reply), said(reply), said(reply), said(FLAWED))
    assert mined(supporter_turn(*TURNS), config, flawed_alike).drop.reason in (
        DropReason.SAME_STRATEGY,
        DropReason.SAME_REPLY,
    )


@pytest.mark.parametrize("config", PAIR_CONFIGS)
def test_consecutive_supporter_turns_empty_no_seekers_text(config: Config) -> None:
    answers = by_task(said("Information"), said(OTHER), said(f"[Information] {OTHER}"), said(FLAWED))
    for turn in supporter_turns(placed(*PAUSED)):
        for request in (one for asked in mined(turn, config, answers).rounds for one in asked):
            assert [message for message in request.messages if not message["content"].strip()] == []
            text = "\n".join(message["content"] for message in request.messages)
            assert all(before.text in text for before in turn.history)


def test_blank_user_turns_of_the_chat_form_empty_no_seekers_text(tiny: Path) -> None:
    native, chat = (dialogues_in(tiny / name)[0] for name in ("esconv.json", "chat.json"))
    histories = [[turn.history for turn in supporter_turns(placed(*one.turns))] for one in (native, chat)]
    assert histories[0] == histories[1]


def test_a_reply_belongs_to_the_prompt_before_it_and_no_other() -> None:
    """A dropped row shifts no prompt: each row is made of its own turn alone."""
    turns = (
        *TURNS,
        seeker("The lead is red."),
        supporter("Red like what?"),
        seeker("Like the gate."),
        supporter("Which gate?"),
    )
    replies = {0: "Cheering Up", 1: "Others", 2: "Information"}
    for number, turn in enumerate(supporter_turns(placed(*turns))):
        result = mined(turn, Config.STRATEGY, by_task(planner=said(replies[number]))).only
        if not isinstance(result, Drop):
            row: dict[str, Any] = pair_row(result, 1)
            assert row["prompt"][-1]["content"].endswith(turn.history[-1].text)
            assert row["rejected"][0]["content"] == replies[number]


def test_beside_every_row_stand_its_source_licence_model_revision_and_request() -> None:
    plan = plan_of(models={Role.PLANNER: (ModelRef(name="small", revision="abc"),)})
    row = pair_row(mined(supporter_turn(*TURNS), Config.STRATEGY, by_task(planner=said("Information")), plan).kept, 1)
    assert (row["source"], row["license"]) == ("invented", "cc-by-4.0")
    assert (row["planner"]["model"], row["planner"]["revision"]) == ("small", "abc")
    assert len(row["planner"]["request_key"]) == 64
    assert len(row["row_id"]) == 32


@pytest.mark.parametrize("config", [Config.RESPONSE, Config.JOINT])
def test_a_thinking_block_is_no_part_of_a_rejected_reply(config: Config) -> None:
    turn = supporter_turn(*TURNS)
    judge = judged(said(SOUND), said(FLAWED), turn)
    think = "<think>They mention a dog.</think>\n\n"
    answers = by_task(responder=said(f"{think}{OTHER}"), joint=said(f"[Information] {think}{OTHER}"), judge=judge)
    result = mined(turn, config, answers).only
    assert isinstance(result, Drop) or "<think>" not in (result.reply or "")


def test_replies_that_differ_in_vowel_signs_are_not_the_same() -> None:
    turn = supporter_turn(seeker("हम्म"), supporter("की", Strategy.OTHERS))
    judge = judged(said(SOUND), said(FLAWED), turn)
    assert mined(turn, Config.RESPONSE, by_task(responder=said("का"), judge=judge)).kept.reply == "का"


def test_every_label_of_a_published_judge_is_an_error_none_or_known_to_be_neither(real_data: Path) -> None:
    labels = {row["Error Type"] for row in json.loads((real_data / "Statistic_FailedESCon.json").read_text())}
    assert {label for label in labels if parse_error_type(label) is None and not says_no_error(label)} == {"Others"}
    assert len({parse_error_type(label) for label in labels} - {None}) == 5, "the five errors of the paper"

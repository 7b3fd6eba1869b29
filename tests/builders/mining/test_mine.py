"""Mining one turn: every way out has its reason, nothing is lost, and the judge is blind."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialogues import dialogues, placed, seeker, supporter, supporter_turn
from support.mining import FLAWED, SOUND, Answer, by_task, failed, judged, mined, plan_of, said

from ipm_prefdial.builders.mining.candidate import Candidate, Drop
from ipm_prefdial.builders.mining.mine import demonstrate
from ipm_prefdial.builders.mining.turns import SupporterTurn, supporter_turns
from ipm_prefdial.schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config
from ipm_prefdial.schemas.dialogue import Dialogue, Turn
from ipm_prefdial.schemas.drops import DropReason
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.inference import Completion, Failed, FailureReason, ModelRef, Outcome, Request, Role
from ipm_prefdial.schemas.strategy import Strategy

HUMAN = "Alone on that bridge, you must have felt forgotten."
OTHER = "Buses are often late in winter."
TURNS = (seeker("The last bus left, and I walked home in the hail."), supporter(HUMAN, Strategy.REFLECTION))
ECHO = "Well: answer the feeling and the circumstances of this person, and so on."
RESPONSE, STRATEGY, JOINT = Config.RESPONSE, Config.STRATEGY, Config.JOINT


def _answers(config: Config, reply: Answer, judge: Answer | None = None) -> Answer:
    """The config's role answers with `reply`; the judge, where one is named, with its own."""
    role = {RESPONSE: "responder", STRATEGY: "planner", JOINT: "joint"}[config]
    return by_task(**{role: reply, "judge": judge})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("config", "reply", "reason"),
    [
        *((config, failed(FailureReason.REFUSED), DropReason.REFUSED) for config in PAIR_CONFIGS),
        *((config, failed(FailureReason.TIMEOUT), DropReason.CALL_FAILED) for config in PAIR_CONFIGS),
        *((config, failed(FailureReason.BAD_REQUEST), DropReason.CALL_FAILED) for config in PAIR_CONFIGS),
        *((config, said("[Question] Whe", "length"), DropReason.CUT_OFF) for config in PAIR_CONFIGS),
        (RESPONSE, said("Whe", "max_tokens"), DropReason.CUT_OFF),
        (RESPONSE, said("", "content_filter"), DropReason.REFUSED),
        (RESPONSE, said("I was going to", "content_filter"), DropReason.REFUSED),
        *((config, said(" \n"), DropReason.EMPTY_REPLY) for config in PAIR_CONFIGS),
        (RESPONSE, said("..."), DropReason.EMPTY_REPLY),
        (JOINT, said("[Question]"), DropReason.EMPTY_REPLY),
        (STRATEGY, said("Cheering Up"), DropReason.NOT_A_STRATEGY),
        (STRATEGY, said("Question or Information"), DropReason.NOT_A_STRATEGY),
        (JOINT, said("Where was it?"), DropReason.NOT_A_STRATEGY),
        (JOINT, said("[Cheering Up] Smile!"), DropReason.NOT_A_STRATEGY),
        (STRATEGY, said("Reflection of feelings"), DropReason.SAME_STRATEGY),
        (STRATEGY, said("[reflection of FEELINGS]."), DropReason.SAME_STRATEGY),
        (RESPONSE, said("[Question] Where?"), DropReason.BRACKETED_STRATEGY),
        (RESPONSE, said("Where? [Others]"), DropReason.BRACKETED_STRATEGY),
        (JOINT, said("[Question] Where? [Others] Bye."), DropReason.BRACKETED_STRATEGY),
        (RESPONSE, said("supporter: Where was it?"), DropReason.PROMPT_ECHO),
        (RESPONSE, said("Hm.\n Seeker : In the hail."), DropReason.PROMPT_ECHO),
        (RESPONSE, said("Where?<|im_end|>"), DropReason.PROMPT_ECHO),
        (RESPONSE, said(ECHO), DropReason.PROMPT_ECHO),
        (JOINT, said(f"[Question] {ECHO}"), DropReason.PROMPT_ECHO),
        (RESPONSE, said(HUMAN), DropReason.SAME_REPLY),
        (RESPONSE, said(f"  {HUMAN.upper()}!! "), DropReason.SAME_REPLY),
        (JOINT, said(f"[Question] {HUMAN}"), DropReason.SAME_REPLY),
    ],
)
def test_a_candidate_that_needs_no_judge_to_go(config: Config, reply: Answer, reason: DropReason) -> None:
    outcome = mined(supporter_turn(*TURNS), config, _answers(config, reply))
    assert outcome.drop.reason is reason
    assert len(outcome.rounds) == 1


@pytest.mark.parametrize(
    ("human", "inferred", "reason"),
    [
        (said(FLAWED), said(FLAWED), DropReason.CHOSEN_FLAWED),
        (said(FLAWED), said(SOUND), DropReason.CHOSEN_FLAWED),
        (said(SOUND), said(SOUND), DropReason.REJECTED_SOUND),
        (failed(FailureReason.TIMEOUT), said(FLAWED), DropReason.JUDGE_FAILED),
        (said(SOUND), failed(FailureReason.REFUSED), DropReason.JUDGE_FAILED),
        (said("It is fine."), said(FLAWED), DropReason.UNPARSED_VERDICT),
        (said(SOUND), said(""), DropReason.UNPARSED_VERDICT),
        (said(SOUND), said('{"error": "lack_of', "length"), DropReason.UNPARSED_VERDICT),
        (said(SOUND), said('{"error": "emotion_misread"}'), DropReason.UNPARSED_VERDICT),
        (said('{"error": "yes"}'), said(FLAWED), DropReason.UNPARSED_VERDICT),
        (said('{"rationale": "fine"}'), said(FLAWED), DropReason.UNPARSED_VERDICT),
    ],
)
@pytest.mark.parametrize("config", [RESPONSE, JOINT])
def test_a_candidate_that_the_judge_lets_go(
    config: Config, human: Answer, inferred: Answer, reason: DropReason
) -> None:
    turn = supporter_turn(*TURNS)
    reply = said(OTHER if config is RESPONSE else f"[Information] {OTHER}")
    assert mined(turn, config, _answers(config, reply, judged(human, inferred, turn))).drop.reason is reason


_REASONS_OF_1_0_0 = (
    "no_seeker_turn call_failed refused cut_off empty_reply not_a_strategy same_strategy bracketed_strategy "
    "prompt_echo same_reply judge_failed unparsed_verdict chosen_flawed rejected_sound duplicate_pair"
).split()
"""Every way out that 1.0.0 has."""


def test_every_reason_but_that_of_duplicates_is_reached_here() -> None:
    cases = [
        *test_a_candidate_that_needs_no_judge_to_go.pytestmark,
        *test_a_candidate_that_the_judge_lets_go.pytestmark,
    ]
    reached = {case[-1] for mark in cases for case in mark.args[1] if isinstance(case, tuple)}
    of_layout_1 = {DropReason(reason) for reason in _REASONS_OF_1_0_0}
    assert reached == of_layout_1 - {DropReason.NO_SEEKER_TURN, DropReason.DUPLICATE_PAIR}


@pytest.mark.parametrize("config", PAIR_CONFIGS)
@pytest.mark.parametrize("before", [(), (supporter("Hello.", Strategy.OTHERS),)])
def test_a_turn_before_the_seeker_has_spoken_asks_nobody(config: Config, before: tuple[Turn, ...]) -> None:
    outcome = mined(supporter_turn(*before, supporter("Who is there?")), config, by_task(), plan_of(draws=2))
    assert outcome.rounds == []
    assert [result.reason for result in outcome.results if isinstance(result, Drop)] == [DropReason.NO_SEEKER_TURN] * 2


@pytest.mark.parametrize("config", PAIR_CONFIGS)
def test_a_drop_keeps_the_raw_reply_and_the_call(config: Config) -> None:
    raw = "\n ``` [Cheering Up] Whe"
    drop = mined(supporter_turn(*TURNS), config, _answers(config, said(raw, "length"))).drop
    assert drop.candidate.raw == raw
    assert drop.candidate.inferred_by is not None


def test_an_unread_verdict_keeps_both_raw_replies_and_says_which_side() -> None:
    turn = supporter_turn(*TURNS)
    judge = judged(said(SOUND), said("Well, it depends."), turn)
    drop = mined(turn, RESPONSE, by_task(responder=said(OTHER), judge=judge)).drop
    chosen, rejected = drop.candidate.chosen_verdict, drop.candidate.rejected_verdict
    assert chosen is not None
    assert rejected is not None
    assert (chosen.raw, rejected.raw, rejected.error, rejected.rationale) == (SOUND, "Well, it depends.", None, None)
    assert drop.detail == "inferred reply: no_json (stop)"


def test_a_failed_call_says_why() -> None:
    drop = mined(supporter_turn(*TURNS), STRATEGY, by_task(planner=failed(FailureReason.TIMEOUT))).drop
    assert drop.detail == "timeout: as the test wants it"


@pytest.mark.parametrize("reply", [f"{OTHER}", f"  {OTHER}\n"])
def test_a_response_pair_is_kept_with_its_verdicts(reply: str) -> None:
    turn = supporter_turn(*TURNS)
    outcome = mined(turn, RESPONSE, by_task(responder=said(reply), judge=judged(said(SOUND), said(FLAWED), turn)))
    kept = outcome.kept
    assert (kept.strategy, kept.reply) == (Strategy.REFLECTION, OTHER)
    assert kept.chosen_verdict is not None
    assert kept.rejected_verdict is not None
    assert (kept.chosen_verdict.error, kept.rejected_verdict.error) == (None, ErrorType.LACK_OF_EMPATHY)
    assert [kept.chosen_verdict.request_key, kept.rejected_verdict.request_key] == [
        one.key for one in outcome.rounds[1]
    ]


@pytest.mark.parametrize("inferred", [Strategy.INFORMATION, Strategy.REFLECTION])
def test_a_joint_pair_may_share_its_strategy(inferred: Strategy) -> None:
    turn = supporter_turn(*TURNS)
    answers = by_task(joint=said(f"[{inferred}] {OTHER}"), judge=judged(said(SOUND), said(FLAWED), turn))
    assert (kept := mined(turn, JOINT, answers).kept).strategy is inferred
    assert kept.reply == OTHER


@pytest.mark.parametrize("inferred", [one for one in Strategy if one is not Strategy.REFLECTION])
def test_a_strategy_pair_needs_no_judge(inferred: Strategy) -> None:
    kept = mined(supporter_turn(*TURNS), STRATEGY, by_task(planner=said(inferred.value.lower()))).kept
    assert (kept.strategy, kept.reply, kept.chosen_verdict) == (inferred, None, None)


def test_only_the_responder_is_told_the_humans_strategy() -> None:
    turn, asks = supporter_turn(*TURNS), {}
    for config, reply in ((STRATEGY, "Others"), (RESPONSE, OTHER), (JOINT, f"[Others] {OTHER}")):
        rounds = mined(turn, config, _answers(config, said(reply), said(FLAWED))).rounds
        asks[config] = rounds[0][0].ask.strategy
        assert HUMAN not in "".join(message["content"] for message in rounds[0][0].messages)
    assert asks == {STRATEGY: None, RESPONSE: Strategy.REFLECTION, JOINT: None}


def test_the_judge_is_asked_about_the_human_first_and_the_requests_differ_in_the_reply_alone() -> None:
    rounds = mined(supporter_turn(*TURNS), RESPONSE, by_task(responder=said(OTHER), judge=said(FLAWED))).rounds
    human, inferred = rounds[1]
    assert (human.ask.reply, inferred.ask.reply) == (HUMAN, OTHER)
    assert [message["content"].replace(HUMAN, OTHER) for message in human.messages] == [
        message["content"] for message in inferred.messages
    ]
    fixed = {"model", "sampling", "draw", "reply_schema"}
    assert human.model_dump(include=fixed) == inferred.model_dump(include=fixed)
    assert human.ask.model_copy(update={"reply": OTHER}) == inferred.ask


def test_no_request_to_the_judge_says_which_reply_is_the_humans() -> None:
    for config, reply in ((RESPONSE, OTHER), (JOINT, f"[Others] {OTHER}")):
        rounds = mined(supporter_turn(*TURNS), config, _answers(config, said(reply), said(FLAWED))).rounds
        for request in rounds[1]:
            text = "\n".join(message["content"] for message in request.messages).casefold()
            assert (
                re.findall(
                    r"human|prefer|chosen|reject|better|worse|original|gold|generated|model\b|candidate|\b[ab]:", text
                )
                == []
            )
            assert Strategy.REFLECTION.value.casefold() not in text


def test_the_judge_sees_neither_brackets_nor_strategy_of_a_joint_reply() -> None:
    rounds = mined(supporter_turn(*TURNS), JOINT, by_task(joint=said(f"[Others] {OTHER}"), judge=said(FLAWED))).rounds
    assert [request.ask.reply for request in rounds[1]] == [HUMAN, OTHER]
    assert [request.ask.strategy for request in rounds[1]] == [None, None]


def test_several_models_and_draws_come_back_in_order() -> None:
    plan = plan_of(draws=3, models={Role.PLANNER: (ModelRef(name="small"), ModelRef(name="large", revision="abc"))})
    asked = mined(supporter_turn(*TURNS), STRATEGY, by_task(planner=said("Others")), plan)
    wanted = [(name, draw) for name in ("small", "large") for draw in range(3)]
    assert [(one.model.name, one.draw) for one in asked.rounds[0]] == wanted
    made = [result.inferred_by for result in asked.results if isinstance(result, Candidate)]
    assert [(one.model, one.revision, one.draw) for one in made if one] == [
        (name, "abc" if name == "large" else None, draw) for name, draw in wanted
    ]
    assert len({one.key for one in asked.rounds[0]}) == 6
    assert len({one.seed for one in asked.rounds[0]}) == 3


def test_each_draw_gets_its_own_verdicts() -> None:
    replies = [
        "First of all, buses are late.",
        HUMAN,
        "Second, hail is ice.",
        "[Others] no",
        "Third, bridges are long.",
    ]
    verdicts = {replies[0]: FLAWED, replies[2]: SOUND, replies[4]: "I cannot say.", HUMAN: SOUND}

    def answer(request: Request) -> Outcome:
        judging = request.ask.role is Role.JUDGE
        return said(verdicts[request.ask.reply or ""] if judging else replies[request.draw])(request)

    outcome = mined(supporter_turn(*TURNS), RESPONSE, answer, plan_of(draws=5))
    assert [result.reason if isinstance(result, Drop) else result.reply for result in outcome.results] == [
        replies[0],
        DropReason.SAME_REPLY,
        DropReason.REJECTED_SOUND,
        DropReason.BRACKETED_STRATEGY,
        DropReason.UNPARSED_VERDICT,
    ]
    assert [request.ask.reply for request in outcome.rounds[1]] == [
        HUMAN,
        replies[0],
        HUMAN,
        replies[2],
        HUMAN,
        replies[4],
    ]


@pytest.mark.parametrize("judges", [(), (ModelRef(name="one"), ModelRef(name="two"))])
def test_another_number_of_judges_than_one_is_refused(judges: tuple[ModelRef, ...]) -> None:
    with pytest.raises(UsageError, match="judge"):
        mined(supporter_turn(*TURNS), RESPONSE, by_task(responder=said(OTHER)), plan_of(models={Role.JUDGE: judges}))


def test_ids_tell_candidates_apart_and_are_the_same_for_kept_and_dropped() -> None:
    turn = supporter_turn(*TURNS)
    ids = {}
    for verdict in (FLAWED, SOUND):
        answers = by_task(responder=said(OTHER), judge=judged(said(SOUND), said(verdict), turn))
        result = mined(turn, RESPONSE, answers).only
        ids[verdict] = (result.candidate if isinstance(result, Drop) else result).row_id
    assert ids[FLAWED] == ids[SOUND]
    drawn = mined(turn, STRATEGY, by_task(planner=said("Others")), plan_of(draws=4)).results
    assert len({result.row_id for result in drawn if isinstance(result, Candidate)}) == 4
    other = mined(turn, RESPONSE, by_task(responder=said(OTHER + " Always."), judge=said(FLAWED))).drop
    assert other.candidate.row_id != ids[FLAWED]


@given(
    st.lists(
        st.sampled_from(
            [
                failed(FailureReason.REFUSED),
                failed(FailureReason.SERVER_ERROR),
                said("Others"),
                said("Cut", "length"),
                said(""),
                said(FLAWED),
                said(SOUND),
                said("[Others] Buses are late."),
                said("It hails."),
                said("\ufffd [Question"),
            ]
        ),
        min_size=1,
        max_size=7,
    ),
    dialogues(),
    st.integers(1, 3),
    st.integers(1, 2),
)
def test_as_many_results_as_candidates_whatever_is_answered(
    answers: list[Answer], one: Dialogue, draws: int, names: int
) -> None:
    models = tuple(ModelRef(name=f"model-{number}") for number in range(names))
    plan = plan_of(draws=draws, models=dict.fromkeys((Role.PLANNER, Role.RESPONDER, Role.JOINT), models))
    before = one.model_dump_json()
    for turn in supporter_turns(placed(*one.turns)):
        for config in PAIR_CONFIGS:
            turns_to_speak = itertools.cycle(answers)
            outcome = mined(turn, config, lambda request, script=turns_to_speak: next(script)(request), plan)  # type: ignore[misc]
            assert len(outcome.results) == draws * names
            requests = [
                (result.candidate if isinstance(result, Drop) else result).request for result in outcome.results
            ]
            assert [(one.model, one.draw) for one in requests if one] == [
                (model, draw) for model in models for draw in range(draws)
            ]
    assert one.model_dump_json() == before


@given(dialogues())
def test_a_dialogue_gives_its_supporter_turns_in_order_with_what_was_before(one: Dialogue) -> None:
    turns = list(supporter_turns(placed(*one.turns)))
    assert [turn.index for turn in turns] == [at for at, turn in enumerate(one.turns) if turn.strategy is not None]
    for turn in turns:
        assert turn.history == one.turns[: turn.index]
        assert (turn.text, turn.strategy) == (one.turns[turn.index].text, one.turns[turn.index].strategy)


@pytest.mark.parametrize("config", SFT_CONFIGS)
@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        (TURNS, None),
        ((supporter("Hello.", Strategy.OTHERS),), DropReason.NO_SEEKER_TURN),
        ((seeker("Hail."), supporter("[Others] Bye.", Strategy.OTHERS)), DropReason.BRACKETED_STRATEGY),
    ],
)
def test_a_demonstration_is_kept_unless_it_would_teach_a_fault(
    config: Config, turns: tuple[Turn, ...], reason: DropReason | None
) -> None:
    result = demonstrate(supporter_turn(*turns), config)
    assert (result.reason if isinstance(result, Drop) else None) is reason
    assert (result.candidate if isinstance(result, Drop) else result).config is config


def test_an_answer_that_was_never_recorded_is_a_failed_call() -> None:
    turn: SupporterTurn = supporter_turn(*TURNS)
    drop = mined(turn, STRATEGY, lambda request: None).drop  # type: ignore[arg-type,return-value]
    assert drop.reason is DropReason.CALL_FAILED


def test_outcomes_are_told_apart_by_type() -> None:
    assert isinstance(said("x")(_any_request()), Completion)
    assert isinstance(failed(FailureReason.TIMEOUT)(_any_request()), Failed)


def _any_request() -> Request:
    return mined(supporter_turn(*TURNS), STRATEGY, by_task(planner=said("Others"))).rounds[0][0]

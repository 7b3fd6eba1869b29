"""What answers are worth, when a role's answers are too bad to go on, and what is said then."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.mining import PANELS, plan_of

from ipm_prefdial.builders.building.failures import (
    FIRST,
    AnswerCounts,
    FailureTally,
    TaskModel,
    UnusableReason,
    Words,
    advice_on_cut_offs,
    check_counts,
    find_fault,
    lower_bound,
)
from ipm_prefdial.schemas.dialogue import Speaker, Turn
from ipm_prefdial.schemas.errors import UnusableAnswersError
from ipm_prefdial.schemas.inference import Ask, Completion, Failed, FailureReason, ModelRef, Request, Role, Task
from ipm_prefdial.schemas.strategy import Strategy

HISTORY = (Turn(speaker=Speaker.SEEKER, text="My sister moved away, and the flat is quiet."),)
ASKS = {
    Task.PLANNER: Ask(task=Task.PLANNER, history=HISTORY),
    Task.RESPONDER: Ask(task=Task.RESPONDER, history=HISTORY, strategy=Strategy.QUESTION),
    Task.JOINT: Ask(task=Task.JOINT, history=HISTORY),
    Task.JUDGE: Ask(task=Task.JUDGE, history=HISTORY, reply="I see.", other_reply="Oh."),
    Task.CRISIS_JUDGE: Ask(task=Task.CRISIS_JUDGE, history=HISTORY),
}
PLAN = plan_of(PANELS)
CLEAR = '{"a": "none", "b": "lack_of_empathy", "better": "a"}'


def asked(task: Task, text: str | None = None) -> Request:
    """A request of a task about another seeker turn for every text."""
    ask = ASKS[task]
    if text is not None:
        ask = ask.model_copy(update={"history": (Turn(speaker=Speaker.SEEKER, text=text),)})
    return next(PLAN.requests(ask))


def reply(text: str, finish: str = "stop") -> Completion:
    """A reply to whatever was asked."""
    return Completion(key="", text=text, finish_reason=finish, completion_tokens=16)


@pytest.mark.parametrize(
    ("task", "outcome", "reason"),
    [
        (Task.PLANNER, reply("Question"), None),
        (Task.PLANNER, reply("<think>They ask.</think>\nQuestion"), None),
        (Task.PLANNER, reply("Sure! I would"), "not_a_strategy"),
        (Task.PLANNER, reply("Sure! I would", "length"), "cut_off"),
        (Task.PLANNER, reply("", "length"), "cut_off"),
        (Task.PLANNER, reply(""), "empty_reply"),
        (Task.PLANNER, Failed(key="", reason=FailureReason.BAD_REQUEST, detail="no"), "bad_request"),
        (Task.RESPONDER, reply("Oh."), None),
        (Task.RESPONDER, reply("Oh", "length"), "cut_off"),
        (Task.RESPONDER, reply("<think>Oh.</think>"), "empty_reply"),
        (Task.RESPONDER, reply("", "content_filter"), "refused"),
        (Task.JOINT, reply("[Question] How so?"), None),
        (Task.JOINT, reply("How so?"), "not_a_strategy"),
        (Task.JOINT, reply("[Question]"), "empty_reply"),
        (Task.JUDGE, reply(CLEAR), None),
        (Task.JUDGE, reply(CLEAR, "length"), None),
        (Task.JUDGE, reply('{"a": "none", "b"', "length"), "cut_off"),
        (Task.JUDGE, reply("I cannot help with that."), "unparsed_verdict"),
        (Task.JUDGE, reply(""), "empty_reply"),
        (Task.JUDGE, Failed(key="", reason=FailureReason.TIMEOUT, detail="late"), "timeout"),
        (Task.CRISIS_JUDGE, reply('{"crisis": "none"}'), None),
        (Task.CRISIS_JUDGE, reply("No crisis here."), "unparsed_verdict"),
    ],
)
def test_an_answer_is_of_use_where_its_task_can_read_it(
    task: Task, outcome: Completion | Failed, reason: str | None
) -> None:
    fault = find_fault(asked(task), outcome, PLAN)
    assert (None if fault is None else fault.reason) == reason


def counted(failed: int, calls: int, reason: str = "cut_off") -> AnswerCounts:
    """So many answers, so many of which failed."""
    found = AnswerCounts()
    for number in range(calls):
        found.add(UnusableReason(reason, "finish_reason length") if number < failed else None, f"question {number}")
    return found


@pytest.mark.parametrize(
    ("failed", "calls", "limit", "early", "at_the_end"),
    [
        (0, 0, 0.5, False, False),
        (1, 1, 0.5, False, True),
        (FIRST - 1, FIRST - 1, 0.5, False, True),
        (FIRST, FIRST, 0.5, True, True),
        (19, 20, 0.5, True, True),
        (12, 20, 0.5, False, True),
        (10, 20, 0.5, False, False),
        (2, 3, 0.5, False, False),
        (3, 5, 0.5, False, True),
        (240, 400, 0.5, True, True),
        (40, 400, 0.5, False, False),
        (40, 400, 0.05, True, True),
        (240, 400, 0.6, False, False),
        (20, 20, 0.95, False, True),
        (2000, 2000, 1.0, False, False),
        (0, 2000, 0.0, False, False),
    ],
)
def test_a_role_is_too_bad_with_certainty_early_and_by_the_plain_share_at_the_end(
    failed: int, calls: int, limit: float, early: bool, at_the_end: bool
) -> None:
    found = counted(failed, calls)
    assert found.exceeds(limit, complete=False) is early
    assert found.exceeds(limit, complete=True) is at_the_end


@given(st.integers(1, 2000).flatmap(lambda calls: st.tuples(st.integers(0, calls), st.just(calls))))
def test_the_lower_bound_is_a_share_below_the_share(numbers: tuple[int, int]) -> None:
    hits, of = numbers
    assert -1e-9 <= lower_bound(hits, of) <= hits / of
    assert hits == of or lower_bound(hits, of) < lower_bound(hits + 1, of)


@given(st.lists(st.tuples(st.booleans(), st.text(max_size=30)), max_size=40), st.integers(0, 40))
def test_counts_of_two_workers_add_up_to_those_of_one(answers: list[tuple[bool, str]], cut: int) -> None:
    one, parts = AnswerCounts(), (AnswerCounts(), AnswerCounts())
    for number, (failed, said) in enumerate(answers):
        fault = UnusableReason("cut_off", said) if failed else None
        one.add(fault, said)
        parts[number >= cut].add(fault, said)
    both = parts[0].plus(parts[1])
    assert (both.calls, both.reasons, both.words) == (one.calls, one.reasons, one.words)


def test_each_call_counts_once_however_often_it_is_met() -> None:
    tally = FailureTally(PLAN)
    for _ in range(FIRST):
        tally.count(asked(Task.PLANNER), reply("", "length"))
    tally.check()
    assert [one.calls for one in tally.counts.values()] == [1]
    with pytest.raises(UnusableAnswersError, match=r"1 of 1 answers \(100%\)"):
        tally.check(complete=True)


@pytest.mark.parametrize(
    ("reason", "task", "helps"),
    [
        ("cut_off", Task.PLANNER, "--max-tokens planner=N"),
        ("cut_off", Task.CRISIS_JUDGE, "--thinking judge=N"),
        ("empty_reply", Task.JUDGE, "--thinking judge=N"),
        ("bad_request", Task.RESPONDER, "--retry-failed"),
        ("refused", Task.JUDGE, "--judge"),
        ("timeout", Task.JUDGE, "Check the endpoint"),
        ("malformed", Task.JUDGE, "Check the endpoint"),
        ("unparsed_verdict", Task.JUDGE, "name another model as --judge"),
        ("cut_off", Task.REWRITER, "name another model as --responder"),
    ],
)
def test_the_message_names_what_helps_against_the_commonest_reason(reason: str, task: Task, helps: str) -> None:
    counts = {TaskModel(task, ModelRef(name="mock")): counted(FIRST, FIRST, reason)}
    with pytest.raises(UnusableAnswersError) as stop:
        check_counts(counts, None)
    assert helps in str(stop.value) and "--accept-failures" in str(stop.value)
    assert f"the {task.role}" in str(stop.value) and f"{FIRST} {reason}" in str(stop.value)
    assert stop.value.exit_code == 3


def test_the_embedded_models_stop_no_build() -> None:
    counts = {TaskModel(Task.RESPONDER, ModelRef(name="corpus", revision="abc")): counted(FIRST, FIRST, "empty_reply")}
    check_counts(counts, None)
    check_counts(counts, None, complete=True)
    assert counts


def test_foreign_words_cannot_steer_a_terminal() -> None:
    said = UnusableReason("refused", "no \x1b[31msystem\x1b[0m\nrole\u202e \x07", "x" * 10_000)
    counted = AnswerCounts()
    counted.add(said, "Why?")
    ((words, _),) = counted.words.items()
    assert words.said == r"no \x1b[31msystem\x1b[0m role\u202e \x07"
    assert len(words.reply) < 1_000


def test_a_model_that_was_never_asked_has_a_line_without_calls() -> None:
    tally = FailureTally(PLAN)
    tally.count(asked(Task.CRISIS_JUDGE), reply('{"crisis": "none"}'))
    told = {(one.role, one.task): (one.calls, one.usable, one.message) for one in tally.records()}
    assert told[Role.JUDGE, Task.CRISIS_JUDGE] == (1, 1, None)
    assert (Role.JUDGE, Task.JUDGE) not in told
    assert told[Role.PLANNER, Task.PLANNER] == (0, 0, None)
    tally.check(complete=True)


def test_a_reply_is_quoted_only_where_several_questions_got_the_same() -> None:
    tally, words = FailureTally(PLAN), "I cannot help with that."
    for number in range(3):
        tally.count(asked(Task.JUDGE, f"question {number}"), reply(words))
    assert [one.message for one in tally.records() if one.calls] == [f"no json: “{words}”"]
    private = FailureTally(PLAN)
    for number in range(3):
        private.count(asked(Task.JUDGE, f"question {number}"), reply(f"The seeker says {number}"))
    assert [one.message for one in private.records() if one.calls] == ["no json"]


def test_the_message_is_of_the_commonest_reason_however_its_words_vary() -> None:
    found = AnswerCounts()
    for number in range(9):
        found.add(UnusableReason("bad_request", f"no (request {number})"), f"{number}")
    for number in range(4):
        found.add(UnusableReason("cut_off", "finish_reason length"), f"{number}")
    assert found.message == "no (request 0)"


def test_what_is_remembered_of_words_has_a_bound() -> None:
    found = AnswerCounts()
    for number in range(5000):
        found.add(UnusableReason("bad_request", f"no {number}"), "question")
    assert found.reasons.total() == 5000 and len(found.words) < 1000
    assert max(found.words, key=lambda one: found.words[one]) == Words("bad_request", "no 0", "")


def test_frequent_cut_offs_name_the_options_at_the_end() -> None:
    tally = FailureTally(PLAN)
    for number in range(30):
        cut = number % 5 == 0
        tally.count(asked(Task.PLANNER, f"{number}"), reply("" if cut else "Question", "length" if cut else "stop"))
    (line,) = advice_on_cut_offs(tally.records())
    assert line.startswith("planner of") and "6 of 30" in line and "--thinking planner=N" in line


@pytest.mark.parametrize(("cut", "lines"), [(3, 1), (2, 0)])
def test_a_tenth_of_answers_that_are_cut_off_is_often(cut: int, lines: int) -> None:
    tally = FailureTally(PLAN)
    for number in range(30):
        answer = reply("", "length") if number < cut else reply("Question", "stop")
        tally.count(asked(Task.PLANNER, f"{number}"), answer)
    assert len(list(advice_on_cut_offs(tally.records()))) == lines

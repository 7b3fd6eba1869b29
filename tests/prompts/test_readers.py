"""Prompt and reader are one: the first numbers take the last object, the second none of several."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.prompts.library import load_prompt, locked, parse_prompt
from ipm_prefdial.prompts.parsers._verdict import read_comparison, read_crisis, read_grades, read_verdict
from ipm_prefdial.prompts.parsers.trace import read_kept, read_step_labels, read_trace
from ipm_prefdial.prompts.readers import READERS, Offered
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.errors import PromptError
from ipm_prefdial.schemas.inference import Completion
from ipm_prefdial.schemas.trace import Step, Trace
from ipm_prefdial.schemas.verdict import Comparison, CrisisVerdict, StepVerdict, StyleVerdict, Unparsed, Verdict

OFFERED = Offered(turns=3, grades=("fluency", "empathy"))

SOUND: dict[str, dict[str, Any]] = {
    "comparison": {"a": "none", "b": "lack_of_empathy", "better": "a", "rationale": "It hears her."},
    "verdict": {"error": "none", "rationale": "It hears her."},
    "crisis": {"crisis": "none", "turn": None, "rationale": "A figure of speech."},
    "step_labels": {step.value: {"correct": True, "why": "So."} for step in Step},
    "kept": {"same_strategy": True, "same_facts": True, "rationale": "Nothing is new."},
    "grades": {"fluency": 4, "empathy": 3, "rationale": "It hears her."},
}
"""An answer of each kind."""
OTHER: dict[str, dict[str, Any]] = {
    "comparison": SOUND["comparison"] | {"a": "emotion_misread"},
    "verdict": SOUND["verdict"] | {"error": "lack_of_empathy"},
    "crisis": SOUND["crisis"] | {"crisis": "self_harm"},
    "step_labels": SOUND["step_labels"] | {"reply": {"correct": False, "why": "So."}},
    "kept": SOUND["kept"] | {"same_facts": False},
    "grades": SOUND["grades"] | {"empathy": 0},
}
KINDS = list(SOUND)


def read(reader: str, text: str, finish_reason: str = "stop") -> Any:
    return READERS[reader].read(Completion(key="", text=text, finish_reason=finish_reason), OFFERED)


def reason(reader: str, text: str, finish_reason: str = "stop") -> str:
    found = read(reader, text, finish_reason)
    assert isinstance(found, Unparsed) and found.raw == text
    return found.reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("between", ["", "\n", " They told me to say: ", "\n```json\n"])
def test_two_different_verdicts_are_no_verdict(kind: str, between: str) -> None:
    both = json.dumps(SOUND[kind]) + between + json.dumps(OTHER[kind])
    assert not isinstance(read(f"{kind}@1", both), Unparsed)
    assert reason(f"{kind}@2", both) == "several_verdicts"
    assert reason(f"{kind}@2", f"[{json.dumps(SOUND[kind])}, {json.dumps(OTHER[kind])}]") == "several_verdicts"


@pytest.mark.parametrize("kind", KINDS)
def test_equal_repeats_count_once(kind: str) -> None:
    one = json.dumps(SOUND[kind])
    spaced = json.dumps({name.upper(): value for name, value in reversed(SOUND[kind].items())}, indent=2)
    assert read(f"{kind}@2", f"{one}\nIn short: {spaced}") == read(f"{kind}@2", one)


@pytest.mark.parametrize("kind", KINDS)
def test_a_verdict_that_the_reason_quotes_is_no_object(kind: str) -> None:
    name = "rationale" if "rationale" in SOUND[kind] else None
    quoting: dict[str, Any] = dict(SOUND[kind])
    if name is None:
        quoting["reply"] = {"correct": True, "why": f"It says {json.dumps(OTHER[kind])}."}
    else:
        quoting[name] = f"It says {json.dumps(OTHER[kind])}."
    found = read(f"{kind}@2", json.dumps(quoting))
    assert type(found) is type(read(f"{kind}@2", json.dumps(SOUND[kind]))) and not isinstance(found, Unparsed)


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_of_another_kind_is_no_verdict(kind: str) -> None:
    one = json.dumps(SOUND[kind])
    assert read(f"{kind}@2", f'{{"seeker": "I lost it."}} {{}} {one} {{x}}') == read(f"{kind}@2", one)
    assert reason(f"{kind}@2", '{"seeker": "I lost it."}') == "no_label"


@pytest.mark.parametrize("kind", KINDS)
def test_a_verdict_only_thought_of_does_not_count(kind: str) -> None:
    one = json.dumps(SOUND[kind])
    assert read(f"{kind}@2", f"<think>{json.dumps(OTHER[kind])}</think>{one}") == read(f"{kind}@2", one)


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        ("verdict@2", '{"error": "none", "error": "lack_of_empathy", "rationale": "So."}'),
        ("verdict@2", '{"error": "none", "Error ": "lack_of_empathy", "rationale": "So."}'),
        ("crisis@2", '{"crisis": "self_harm", "crisis": "none"}'),
        ("step_labels@2", '{"reply": {"correct": false, "correct": true}}'),
    ],
)
def test_a_label_that_stands_twice_is_no_label(reader: str, text: str) -> None:
    assert reason(reader, text) == "several_verdicts"


def test_a_label_that_stands_twice_and_says_the_same_is_one() -> None:
    assert read("verdict@2", '{"error": "none", "error": "none"}') == Verdict(error=None, rationale="")


@pytest.mark.parametrize("ending", ["length", "max_tokens"])
@pytest.mark.parametrize("kind", ["comparison", "verdict", "crisis", "kept"])
def test_a_label_that_came_whole_before_the_cut_counts(kind: str, ending: str) -> None:
    """Whatever the place of the cut: until the last label is whole there is none, and from then on it is the label."""
    whole = json.dumps(SOUND[kind])
    due = read(f"{kind}@2", whole)
    labels = list(SOUND[kind])[:-1]
    if kind == "crisis":
        labels = ["crisis"]  # the turn is not a label: one that cannot be read is read as none
    last = json.dumps(SOUND[kind][labels[-1]])
    place = whole.index(last, whole.index(f'"{labels[-1]}"') + len(labels[-1]) + 2) + len(last)
    for end in range(len(whole) + 1):
        found = read(f"{kind}@2", f"Here: {whole[:end]}", ending)
        if end < place:
            assert isinstance(found, Unparsed) and found.reason == "cut_off", whole[:end]
        else:
            assert found.model_copy(update={"rationale": ""}) == due.model_copy(update={"rationale": ""}), whole[:end]


def test_all_four_labels_of_a_trace_have_to_come_before_the_cut() -> None:
    whole = json.dumps(SOUND["step_labels"])
    place = whole.rindex("true") + 4
    for end in range(len(whole) + 1):
        found = read("step_labels@2", whole[:end], "length")
        assert isinstance(found, Unparsed) is (end < place), whole[:end]


def test_a_number_that_the_cut_may_have_shortened_is_no_grade() -> None:
    assert read("grades@2", '{"fluency": 4, "empathy": 1', "length") == {"fluency": 4.0}
    assert read("grades@2", '{"fluency": 4, "empathy": 1,', "length") == {"fluency": 4.0, "empathy": 1.0}
    assert reason("grades@2", '{"fluency": 4', "length") == "cut_off"


@pytest.mark.parametrize(
    "text", ["", "First I look at the feeling.", '<think>{"error": "none"}', '{"rationale": "It is', "{"]
)
def test_a_cut_before_the_label_leaves_none(text: str) -> None:
    assert reason("verdict@2", text, "length") == "cut_off"


def test_only_the_token_limit_excuses_an_object_that_does_not_end() -> None:
    begun = '{"error": "none", "rationale": "It hears'
    assert read("verdict@2", begun, "length") == Verdict(error=None, rationale="")
    assert reason("verdict@2", begun, "stop") == "no_json"


@pytest.mark.parametrize("ending", ["stop", "length"])
@pytest.mark.parametrize("begun", ['{"error": "lack', '{"', "{", '{ "rat'])
def test_a_second_verdict_that_was_begun_takes_the_first_its_word(begun: str, ending: str) -> None:
    assert reason("verdict@2", f'{{"error": "none"}} No: {begun}', ending) == "several_verdicts"
    assert read("verdict@2", '{"error": "none"} and so on { it goes', ending) == Verdict(error=None, rationale="")


def test_a_judge_may_say_that_it_is_no_reply() -> None:
    assert read("verdict@2", '{"error": "no_reply", "rationale": "It declines."}').no_reply
    found = read("comparison@2", '{"a": "none", "b": "No reply", "better": "a", "rationale": ""}')
    assert isinstance(found, Comparison) and found.no_reply == ("b",) and found.b is None
    labels = SOUND["step_labels"] | {"reply": {"correct": "no_reply", "why": "It declines."}}
    steps = read("step_labels@2", json.dumps(labels))
    assert isinstance(steps, StepVerdict) and steps.no_reply and steps.labels == (True, True, True, False)
    labels = SOUND["step_labels"] | {"history": {"correct": "no_reply", "why": ""}}
    assert reason("step_labels@2", json.dumps(labels)) == "not_offered"


def test_the_first_readers_were_not_offered_it() -> None:
    assert reason("verdict@1", '{"error": "no_reply", "rationale": ""}') == "not_offered"
    assert reason("comparison@1", '{"a": "none", "b": "no_reply", "better": "a"}') == "not_offered"
    labels = SOUND["step_labels"] | {"reply": {"correct": "no_reply", "why": ""}}
    assert reason("step_labels@1", json.dumps(labels)) == "not_offered"


_ANSWERS = [json.dumps(said[kind]) for said in (SOUND, OTHER) for kind in KINDS]
_BITS = ['"', "{", "}", "[", "]", ",", ":", "\\", "<think>", "</think>", "none", "\n", "1", "true", '"a": "none"']
_jsonish = st.lists(st.sampled_from([*_ANSWERS, *_BITS, '{"error": "none"']), max_size=8).map("".join)


@given(_jsonish | st.text('{}[]":,\\ antruefls0.\n', max_size=60), st.sampled_from(["stop", "length", "odd"]))
def test_every_reader_is_total_and_repeatable(text: str, ending: str) -> None:
    for name, reader in READERS.items():
        found = read(name, text, ending)
        assert isinstance(found, (reader.kind, Unparsed))
        assert read(name, text, ending) == found


@given(_jsonish)
def test_the_first_readers_are_the_parsers_that_were_released(text: str) -> None:
    assert read("comparison@1", text) == read_comparison(text, tuple(ErrorType))
    assert read("verdict@1", text) == read_verdict(text, tuple(ErrorType))
    assert read("crisis@1", text) == read_crisis(text, 3)
    assert read("step_labels@1", text) == read_step_labels(text)
    assert read("kept@1", text) == read_kept(text)
    assert read("grades@1", text) == read_grades(text, OFFERED.grades)
    assert read("trace@1", text) == read_trace(text)


def test_two_traces_in_one_answer_are_none() -> None:
    fields = {"history": "h", "emotion": "sadness", "intensity": 3, "cause": "c", "cues": [], "why": "w"}
    one, other = (json.dumps(fields | {"strategy": "Question", "reply": reply}) for reply in ("Where?", "When?"))
    assert isinstance(read("trace@2", one), Trace)
    assert read("trace@2", f"{one}\n{one}") == read("trace@2", one) == read("trace@1", f"{other}{one}")
    assert reason("trace@2", f"{other}{one}") == "several_verdicts"
    assert reason("trace@2", "I am sorry.") == "no_trace"


def test_a_reply_in_the_form_of_the_fence_is_taken_out_of_it() -> None:
    assert read("words@2", '"I hear you.\\nIt hurts."') == "I hear you.\nIt hurts."
    for text in ('"I hear you" is what I want to say: "yes"', "I hear you.", '""', '"'):
        assert read("words@2", text) == read("words@1", text) == text


def test_every_prompt_names_its_reader() -> None:
    kinds = {one: load_prompt(one).reader.kind for one in locked()}
    assert kinds["judge/compare_replies@1"] is kinds["judge/compare_replies@2"] is Comparison
    assert kinds["judge/crisis@2"] is CrisisVerdict and kinds["judge/same_support@2"] is StyleVerdict
    assert {load_prompt(one).reader_id for one in locked()} == set(READERS)
    for one in locked():
        if one.endswith("@2"):
            assert kinds[one] is kinds[one.replace("@2", "@1")]


def test_an_answer_of_another_kind_than_is_wanted_is_an_error() -> None:
    answer = Completion(key="", text='{"error": "none"}', finish_reason="stop")
    assert load_prompt("judge/three_errors@2").read(Verdict, answer) == Verdict(error=None, rationale="")
    with pytest.raises(
        PromptError, match=r"judge/three_errors@2: verdict@2 reads its answers, and gives no Comparison"
    ):
        load_prompt("judge/three_errors@2").read(Comparison, answer)


@pytest.mark.parametrize(
    ("line", "message"),
    [("reader: verdict@9", "no reader verdict@9; there are "), ("fence: wood", "no fence wood; there is json")],
)
def test_an_unknown_reader_or_fence_is_an_error_when_the_prompt_is_loaded(line: str, message: str) -> None:
    with pytest.raises(PromptError, match=message):
        parse_prompt("judge/x@3", f"about: A.\nhistory: transcript\n{line}\n---\n<|system|>\nx\n")


def test_a_draft_without_a_reader_says_so_when_it_is_read() -> None:
    prompt = parse_prompt("judge/x@3", "about: A.\nhistory: transcript\n---\n<|system|>\nx\n")
    with pytest.raises(PromptError, match="judge/x@3 names no reader"):
        _ = prompt.reader

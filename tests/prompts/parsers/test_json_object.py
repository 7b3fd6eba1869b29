"""The JSON object in a reply is found whatever stands around it."""

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipm_prefdial.prompts.parsers.json_reply import read_json_object, read_one_object
from ipm_prefdial.schemas.inference import Completion
from ipm_prefdial.schemas.verdict import Unparsed

_objects = st.dictionaries(
    st.text(max_size=5),
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.lists(st.integers(), max_size=3),
    max_size=3,
)
_prose = st.text("abc \n.,:;!?`'*#-", max_size=20)
_jsonish = st.text('{}[]":,\\ antruefls0.', max_size=60)


@given(st.text() | _jsonish)
@example("{")
@example('{"a": {"b": ')
@example("\x00{}\x00")
@example("<think>{}</think>")
@example('{"a": "\x01"}')
def test_any_text_is_an_object_or_a_named_failure_with_the_reply(reply: str) -> None:
    found = read_json_object(reply)
    assert isinstance(found, dict) or found == Unparsed(reason="no_json", raw=reply)


@given(_objects, _prose, _prose)
def test_an_object_is_found_among_prose(value: dict[str, object], before: str, after: str) -> None:
    assert read_json_object(before + json.dumps(value) + after) == value


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize(
    "frame",
    [
        "```json\n{}\n```",
        "```\n{}\n```",
        "```JSON {} ```",
        "Here it is:\n{}\nI hope this helps.",
        "<think>hm</think>{}",
        "\ufeff{}",
    ],
)
def test_a_frame_does_not_matter(frame: str, indent: int | None) -> None:
    text = json.dumps({"error": "none", "rationale": "a {brace} and a `tick`"}, indent=indent)
    assert read_json_object(frame.replace("{}", text)) == json.loads(text)


@given(_objects, _objects, _prose)
def test_the_last_object_wins(first: dict[str, object], last: dict[str, object], between: str) -> None:
    assert read_json_object(json.dumps(first) + between + json.dumps(last)) == last


def test_the_outer_object_is_the_one_that_is_read() -> None:
    assert read_json_object('{"error": "none", "note": {"error": "lack_of_empathy"}}') == {
        "error": "none",
        "note": {"error": "lack_of_empathy"},
    }


@pytest.mark.parametrize("tag", ["think", "thinking", "THINK"])
def test_what_was_only_thought_does_not_count(tag: str) -> None:
    reply = f'<{tag}>first {{"error": "lack_of_empathy"}} and\nthen</{tag}>\n{{"error": "none"}}'
    assert read_json_object(reply) == {"error": "none"}
    assert read_json_object(f'{{"error": "none"}}<{tag}>or {{"error": "lack_of_empathy"}}</{tag}>') == {"error": "none"}
    assert isinstance(read_json_object(f'<{tag}>{{"error": "none"}}</{tag}>'), Unparsed)


def test_a_line_break_inside_a_string_is_forgiven() -> None:
    assert read_json_object('{"rationale": "two\nlines"}') == {"rationale": "two\nlines"}


@pytest.mark.parametrize(
    "reply", ["", "none", "[1, 2]", '"error"', "null", "{error: none}", "{'error': 'none'}", '{"error": none}', "{"]
)
def test_no_object_is_no_json(reply: str) -> None:
    assert read_json_object(reply) == Unparsed(reason="no_json", raw=reply)


@pytest.mark.parametrize("depth", [500, 5_000, 50_000])
def test_deep_nesting_is_survived(depth: int) -> None:
    assert isinstance(read_json_object('{"a":' + "[" * depth + "]" * depth + "}"), dict | Unparsed)


def test_deep_nesting_before_the_answer_does_not_hide_it() -> None:
    assert read_json_object("[" * 5000 + '{"error": "none"}') == {"error": "none"}


def test_an_endless_number_is_survived() -> None:
    assert isinstance(read_json_object('{"error": ' + "1" * 5000 + "}"), dict | Unparsed)


def test_an_object_inside_a_broken_one_is_no_answer() -> None:
    reply = '{"error": "lack_of_empathy", "second_best": {"error": "none"}, "rationale": "it does not'
    assert isinstance(read_json_object(reply), Unparsed)


def test_a_thought_that_was_cut_off_is_no_answer() -> None:
    assert isinstance(read_json_object('<think>perhaps {"error": "none"}, but then it also'), Unparsed)


def test_many_unclosed_tags_cost_no_seconds() -> None:
    started = time.process_time()
    read_json_object("<think>" * 9_000)
    assert time.process_time() - started < 0.4


@pytest.mark.parametrize(("depth", "is_read"), [(32, True), (33, False)])
def test_verdicts_are_read_to_a_fixed_depth(depth: int, is_read: bool) -> None:
    text = '{"error": "none", "why": ' + "[" * (depth - 1) + "]" * (depth - 1) + "}"
    answer = Completion(key="k", text=text, finish_reason="stop")
    assert (read_one_object(answer, ("error",), lambda fields: str(fields["error"])) == "none") is is_read

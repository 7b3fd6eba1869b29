"""Every reader of replies takes a time that grows with the reply's length, and still reads what it read before.

Work is counted, not timed: the readers go through a text in tokens, and no token may be looked at twice.
"""

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.traces import TEXT

from ipm_prefdial.prompts.parsers import json_reply as json_object
from ipm_prefdial.prompts.parsers import trace
from ipm_prefdial.prompts.parsers._verdict import read_comparison
from ipm_prefdial.prompts.parsers.json_reply import read_json_object, without_thinking
from ipm_prefdial.prompts.parsers.trace import find_steps, parse_trace
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.trace import Step, StrategyStep, Trace
from ipm_prefdial.schemas.verdict import Comparison, Unparsed

# --- The algorithms that the first releases were built with, kept here to compare with. ---

_DECODER = json.JSONDecoder(strict=False)
_BLOCK = re.compile(rf"<(?P<step>{'|'.join(Step)})>(?P<inside>.*?)</(?P=step)>", re.DOTALL | re.IGNORECASE | re.ASCII)


def old_json_object(reply: str) -> dict[str, Any] | Unparsed:
    text = without_thinking(reply)
    found: dict[str, Any] | None = None
    at = text.find("{")
    while at != -1:
        try:
            value, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = _after_braces(text, at)
        else:
            found = value
        at = text.find("{", end)
    return found if found is not None else Unparsed(reason="no_json", raw=reply)


def _after_braces(text: str, at: int) -> int:
    depth, quoted, place = 0, False, at
    while place < len(text):
        letter = text[place]
        if letter == "\\" and quoted:
            place += 1
        elif letter == '"':
            quoted = not quoted
        elif not quoted and letter in "{}":
            depth += 1 if letter == "{" else -1
            if depth == 0:
                return place + 1
        place += 1
    return len(text)


def old_blocks(text: str) -> tuple[list[tuple[str, str]], str]:
    found = [(block["step"].lower(), block["inside"].strip()) for block in _BLOCK.finditer(text)]
    return found, _BLOCK.sub("", text).strip()


def old_fields(inside: str, names: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    last = ""
    for line in inside.split("\n"):
        name, colon, value = line.partition(":")
        name = name.strip().casefold()
        if colon and name in names and name not in found:
            found[name], last = value.strip(), name
        elif last:
            found[last] = f"{found[last]} {line.strip()}".strip()
    return found


# --- They read the same. ---

_jsonish = st.text('{}[]":,\\ antruefls0.\n', max_size=80)
_pieces = st.lists(
    st.sampled_from(
        [
            '{"a": 1}',
            "{x}",
            '{"',
            '"',
            "\\",
            '\\"',
            "{",
            "}",
            "{}",
            "[",
            "]",
            "\n",
            '{"a": "}"}',
            "<think>",
            "</think>",
            '{"a": {"b": "{"}}',
            '{"a": "\\u12"}',
            '{"a": 1,}',
            "word ",
            '{"a": "\\\\"}',
            "{'a': 'b'}",
        ]
    ),
    max_size=12,
).map("".join)


@given(_jsonish | _pieces | st.text())
@example('{"a": "b\\')
@example('{"a": "b\\"}')
@example('{"a": 1} {"b": ')
@example('{"a": NaN, "b": Infinity}')
def test_the_json_finder_reads_what_it_read_before(reply: str) -> None:
    # By their text, since a NaN is not equal to itself.
    assert str(read_json_object(reply)) == str(old_json_object(reply))


@pytest.mark.parametrize("depth", [3, 100, 400, 100_000])
def test_nesting_is_read_as_before(depth: int) -> None:
    for reply in ('{"a":' + "[" * depth + "]" * depth + "}", '{"a":' * depth + "1" + "}" * depth):
        for text in (reply, f'{reply} {{"b": 2}}', f'{{"b": 2}} {reply[:-1]}'):
            assert str(read_json_object(text)) == str(old_json_object(text))


_tags = st.sampled_from([f"{a}{step}>" for step in ("history", "emotion", "REPLY", "Strategy") for a in ("<", "</")])
_traceish = st.lists(_tags | st.sampled_from(["a", " ", "\n", "<", ">", "cause: b", "x: y"]), max_size=16).map("".join)


@given(_traceish)
@example(TEXT)
@example("<history><history>a</HISTORY></history>")
@example("<history>a</reply><reply>b</history></reply>")
def test_steps_are_found_where_they_were_before(text: str) -> None:
    found, rest = old_blocks(text)
    assert [(block.step.value, block.inside) for block in trace._whole_blocks(text)] == found
    assert find_steps(text) == {Step(step): inside for step, inside in found}
    steps = [Step(step) for step, _ in found]
    if steps == list(Step):
        read = parse_trace(text)
        assert (isinstance(read, Unparsed) and read.reason == "extra_text") is bool(rest)


_lines = st.lists(
    st.sampled_from(["emotion: sadness", "cause:", "Cause : a", "intensity: 4", "cues: none", "more", "", "  "]),
    max_size=10,
).map("\n".join)


@given(_lines)
def test_fields_are_read_as_before(inside: str) -> None:
    names = trace.EMOTION_FIELDS
    before = old_fields(inside, names)
    if all(before.get(name) for name in names):
        assert trace._fields(inside, names) == before
    else:
        with pytest.raises(trace._FaultError):
            trace._fields(inside, names)


# --- And they end. Each of these took between seconds and hours. ---

MANY = 50_000


@pytest.mark.parametrize(
    "reply",
    [
        "{x}" * MANY,
        "{x\n}" * MANY,
        "{" * MANY * 10,
        '{"' * MANY,
        '{"a":' * MANY,
        '{"a":' * MANY + "1" + "}" * MANY,
        '{"a": "' + '\\"' * MANY,
        '{"a": 1' + "}" * MANY,
        "<think>" * MANY + "</think>" * MANY,
    ],
    ids=range(9),
)
def test_a_reply_of_many_braces_ends(reply: str) -> None:
    assert isinstance(read_json_object(reply), dict | Unparsed)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<history>" * MANY, "no_trace"),
        ("</history>" * MANY, "no_trace"),
        ("<history></history>" * MANY, "missing_emotion"),
        ("<history>a</history><emotion>cause: " + "x\n" * MANY * 4 + "</emotion><strategy>a</strategy><reply>a</reply>",
         "no_emotion"),
    ],
    ids=range(4),
)  # fmt: skip
def test_a_trace_of_many_tags_ends(text: str, reason: str) -> None:
    assert parse_trace(text) == Unparsed(reason=reason, raw=text)


def test_a_step_of_many_spaces_ends() -> None:
    step = StrategyStep(strategy="Others", why=f"a < {' ' * MANY}b")  # type: ignore[arg-type]
    assert step.why == "a < b"
    read = parse_trace(TEXT.replace("Alone", f"A <{' ' * MANY}b"))
    assert isinstance(read, Trace)


@pytest.mark.parametrize("text", ["{x}" * 40, '{"a": [' * 20, '{"a": "' + "\\\\" * 40, '{"a": 1} ' * 20])
def test_braces_are_looked_at_once(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = _count_tokens(monkeypatch, json_object, "_TOKEN")
    read_json_object(text)
    once = len(looked)
    looked.clear()
    read_json_object(text * 8)
    assert once and len(looked) <= 8 * once + 8


def _count_tokens(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> list[str]:
    """Every token that a module's pattern finds from now on."""
    pattern, looked = getattr(module, name), []

    class Counting:
        @staticmethod
        def finditer(text: str, at: int = 0) -> Any:
            for found in pattern.finditer(text, at):
                looked.append(found[0])
                yield found

    monkeypatch.setattr(module, name, Counting)
    return looked


def test_a_value_that_is_nested_too_deeply_to_be_written_is_no_label() -> None:
    deep: Any = []
    for _ in range(20_000):
        deep = [deep]
    assert json_object.words_in(deep) == ""
    nested = "[" * 300 + "]" * 300
    read = read_comparison(f'{{"a": "none", "b": "none", "better": {nested}}}', ErrorType)
    assert isinstance(read, Unparsed) and read.reason == "not_offered"
    read = read_comparison(f'{{"a": "none", "b": "none", "better": "tie", "rationale": {nested}}}', ErrorType)
    assert isinstance(read, Comparison)


@pytest.mark.parametrize("digits", [4_000, 5_000, 100_000])
def test_a_number_without_end_is_no_number(digits: int) -> None:
    assert isinstance(read_json_object(f'{{"turn": {"1" * digits}}}'), dict | Unparsed)
    assert read_json_object(f'{{"turn": {"1" * 5_000}}} {{"a": 1}}') == {"a": 1}

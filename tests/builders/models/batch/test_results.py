"""Any bytes are results, lines that are none, or both; and what is sent comes back under its key."""

import json

from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.builders.models.batch.job import line_of, read_line, read_lines

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = st.sampled_from(["custom_id", "response", "error", "status_code", "body", "code", "message"])
lines = st.dictionaries(names, json_values | st.dictionaries(names, json_values, max_size=4), max_size=4)


@given(st.binary(max_size=200))
def test_any_bytes_are_read(data: bytes) -> None:
    found, broken = read_lines(data)
    assert len(found) + broken == sum(1 for line in data.split(b"\n") if line.strip())


@given(lines)
def test_any_json_is_a_result_or_none(line: dict[str, object]) -> None:
    found = read_line(json.dumps(line).encode())
    if found is not None:
        assert found.key == line["custom_id"]
        assert (found.status is None) is bool(found.code)


@given(key=st.text("0123456789abcdef", min_size=64, max_size=64), body=st.dictionaries(st.text(), json_values))
def test_a_request_line_holds_its_body_as_it_is(key: str, body: dict[str, object]) -> None:
    data = json.dumps(body).encode()
    line = line_of(key, data)
    assert json.loads(line) == {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}
    assert data in line and line.count(b"\n") == 1 and line.endswith(b"\n")


def test_results_of_each_kind() -> None:
    given = [
        {"custom_id": "a", "response": {"status_code": 200, "body": {"x": 1}}, "error": None},
        {"custom_id": "b", "response": {"status_code": 500, "body": {"error": {}}}, "error": None},
        {"custom_id": "c", "response": None, "error": {"code": "batch_expired", "message": "late"}},
        {"custom_id": "d", "response": None, "error": None},
    ]
    found, broken = read_lines(b"\n".join(json.dumps(line).encode() for line in given) + b'\n{"custom_id": "e", "resp')
    assert [(line.key, line.status, line.code) for line in found] == [
        ("a", 200, ""),
        ("b", 500, ""),
        ("c", None, "batch_expired"),
    ]
    assert broken == 2

"""The one reader of JSON and of YAML: ordinary documents read as ever, hostile ones are one clear error."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ipm_prefdial.schemas.documents import MOST_YAML, DocumentError, parse_json, parse_yaml, read_bytes, read_json

numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
plain = st.none() | st.booleans() | numbers | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ", min_size=1), inner, max_size=4)
)


@given(values)
def test_ordinary_json_reads_as_the_standard_library_reads_it(value: object) -> None:
    text = json.dumps(value)
    assert parse_json(text) == value == parse_json(text.encode())


@given(st.dictionaries(st.text("abcXYZ", min_size=1), st.lists(st.integers(0, 99) | st.text("abc xyz"), max_size=4)))
def test_ordinary_yaml_reads_as_its_own_reader_reads_it(value: object) -> None:
    text = yaml.safe_dump(value)
    assert parse_yaml(text) == value


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "Expecting value"),
        ("{", "Expecting property name"),
        ('{"a": 1, "a": 2}', "'a'"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a":' * 5_000 + "1" + "}" * 5_000, "nested too deeply"),
        ("NaN", "NaN"),
        ("-Infinity", "Infinity"),
        ("1e999", "1e999"),
        ("9" * 5_000, "99999"),
        (str(2**63), str(2**63)),
        (b"\xff\xfe{", "utf-16"),
        (b'{"a": "\xff"}', "utf-8"),
    ],
    ids=str,
)
def test_hostile_json_is_one_error(text: str | bytes, what: str) -> None:
    with pytest.raises(DocumentError) as told:
        parse_json(text)
    assert what.casefold() in str(told.value).casefold()
    assert len(str(told.value)) < 500


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    "text",
    [
        "a: [",
        "a: 1\na: 2",
        "when: 2024-99-99",
        "[" * 20_000,
        LAUGHS,
        "a: &a [*a]",
        "? [1, 2]\n: x",
        "!!python/object/apply:os.system ['true']",
        "x" * (MOST_YAML + 1),
        "a: .nan",
        f"a: {10**30}",
        "--- 1\n--- 2",
    ],
    ids=lambda text: text[:20],
)
def test_hostile_yaml_is_one_error(text: str) -> None:
    with pytest.raises(DocumentError) as told:
        parse_yaml(text)
    assert len(str(told.value)) < 2_000


def test_a_file_over_its_bound_or_that_is_no_plain_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(b"x" * 11)
    (tmp_path / "link.json").symlink_to(tmp_path / "large")
    with pytest.raises(DocumentError, match="larger than 10 bytes"):
        read_bytes(tmp_path / "large", most=10)
    with pytest.raises(OSError, match="a link"):
        read_json(tmp_path / "link.json", tmp_path)

"""Files are read whatever they are called, and what is wrong with one is told with its place."""

import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.sources import TALK, written

from ipm_prefdial.builders.sources.files import read_records, sha256_of, sha256_of_all
from ipm_prefdial.schemas.errors import SourceError

_records = st.lists(
    st.dictionaries(st.text(max_size=4), st.text(max_size=6) | st.integers(-9, 9), max_size=3), min_size=1, max_size=4
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_records, st.sampled_from([None, 1, 4]), st.sampled_from([b"", b"\xef\xbb\xbf"]), st.booleans())
def test_an_array_comes_back_in_order(
    tmp_path: Path, records: list[object], indent: int | None, mark: bytes, ascii_only: bool
) -> None:
    path = written(tmp_path / "a.json", mark + json.dumps(records, indent=indent, ensure_ascii=ascii_only).encode())
    assert list(read_records(path)) == records


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_records, st.sampled_from(["\n", "\r\n", "\n\n"]), st.sampled_from([b"", b"\xef\xbb\xbf"]), st.booleans())
def test_lines_come_back_in_order_whatever_the_file_is_called(
    tmp_path: Path, records: list[object], end: str, mark: bytes, last: bool
) -> None:
    text = end.join(json.dumps(record, ensure_ascii=False) for record in records) + (end if last else "")
    assert list(read_records(written(tmp_path / "a.json", mark + text.encode()))) == records


@pytest.mark.parametrize("indent", [None, 2])
def test_a_single_object_is_one_record(tmp_path: Path, indent: int | None) -> None:
    assert list(read_records(written(tmp_path / "a.json", json.dumps(TALK, indent=indent)))) == [TALK]


def test_a_line_longer_than_what_is_looked_at_first_is_still_a_line(tmp_path: Path) -> None:
    long = {"dialog": ["x" * 10_000]}
    assert list(read_records(written(tmp_path / "a.jsonl", f"{json.dumps(long)}\n{json.dumps(TALK)}\n"))) == [
        long,
        TALK,
    ]


def test_lines_stream(tmp_path: Path) -> None:
    records = read_records(written(tmp_path / "a.jsonl", json.dumps(TALK) + "\n{oops\n"))
    assert next(records) == TALK
    with pytest.raises(SourceError, match="line 2"):
        next(records)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b" \n\t\n", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (b'[\n {"a": 1}\n {"b": 2}\n]', "line 3, column 2: not JSON: Expecting ',' delimiter"),
        (b"[1, 2", "line 1, column 6: not JSON"),
        (b"hello", "line 1, column 1: not JSON: Expecting value"),
        (b'{"a": 1}\n{"b": }\n', "line 2, column 7: not JSON: Expecting value"),
        (b'{"a": 1}\n\n{"b"}\n', "line 3, column 5: not JSON"),
        (b'{"a": [1, }\n', "line 1, column 11: not JSON"),
        (b'[\n "caf\xe9"\n]', "line 2, column 6: not UTF-8 (byte 0xe9); convert the file first"),
        (b'{"a": "ok"}\n{"a": "caf\xe9"}\n', "line 2, column 11: not UTF-8 (byte 0xe9)"),
        (b"\xff\xfe[\x00]\x00", "line 1, column 1: not UTF-8 (byte 0xff)"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_file_is_told_with_line_and_column(tmp_path: Path, data: bytes, message: str) -> None:
    path = written(tmp_path / "bad.json", data)
    with pytest.raises(SourceError) as caught:
        list(read_records(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("before", ["", '{"a": 1}\n'])
def test_lines_that_are_nested_too_deeply_are_named(tmp_path: Path, before: str) -> None:
    path = written(tmp_path / "deep.jsonl", before + '{"a": ' + "[" * 100_000 + "]" * 100_000 + "}\n")
    with pytest.raises(SourceError, match="nested too deeply"):
        list(read_records(path))


def test_an_endless_number_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "number.json", "[" + "1" * 5000 + "]")
    with pytest.raises(SourceError, match="not JSON"):
        list(read_records(path))


def test_leading_white_space_is_no_empty_file(tmp_path: Path) -> None:
    assert list(read_records(written(tmp_path / "a.json", " " * 5000 + json.dumps([TALK])))) == [TALK]


@pytest.mark.parametrize(
    ("file", "message"),
    [
        ("not_json.json", "line 3, column 54"),
        ("not_json_line.jsonl", "line 2, column 12"),
        ("not_utf8.json", "line 3, column 40: not UTF-8"),
        ("empty.json", "empty"),
    ],
)
def test_the_bad_files_of_the_tiny_corpus_are_named(tiny: Path, file: str, message: str) -> None:
    with pytest.raises(SourceError, match=message):
        list(read_records(tiny / "bad" / file))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for act in (lambda path: list(read_records(path)), sha256_of):
        with pytest.raises(SourceError, match=r"nowhere\.json: .*[Nn]o such file"):
            act(tmp_path / "nowhere.json")


def test_the_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    data = bytes(range(256)) * 9000
    assert sha256_of(written(tmp_path / "a", data)) == hashlib.sha256(data).hexdigest()


def test_one_digest_over_several_files_knows_names_and_contents_but_no_order(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    one, two = written(tmp_path / "one", b"1"), written(tmp_path / "in" / "two", b"2")
    digest = sha256_of_all([one, two], tmp_path)
    assert sha256_of_all([two, one], tmp_path) == digest
    assert sha256_of_all([one], tmp_path) != digest
    written(two, b"3")
    assert sha256_of_all([one, two], tmp_path) != digest
    two = written(two, b"2").rename(tmp_path / "in" / "three")
    assert sha256_of_all([one, two], tmp_path) != digest

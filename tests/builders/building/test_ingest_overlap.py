"""Overlap with a benchmark is a shared run of words, in whatever file and however deep the benchmark has it."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dialogues import dialogue, seeker, supporter
from support.sources import opened, taken_in

from ipm_prefdial.builders.building.ingest import Benchmark, read_benchmarks
from ipm_prefdial.builders.sources.files import sha256_of
from ipm_prefdial.schemas.dialogue import Dialogue
from ipm_prefdial.schemas.errors import SourceError

RUN = "the kiln on the hill went cold in the hail and nobody came"
"""Thirteen words in a row."""

SAID = f"Well, {RUN}. So I walked home."


def _talk(text: str, situation: str | None = None) -> Dialogue:
    return Dialogue(source="s", license="mit", situation=situation, turns=(seeker(text), supporter("When was that?")))


def _read(path: Path | str, words: int = 13) -> Benchmark:
    (found,) = read_benchmarks([str(path)], words)
    return found


@pytest.fixture
def exam(tmp_path: Path) -> Benchmark:
    """A benchmark that holds the run."""
    path = tmp_path / "exam.txt"
    path.write_text(f"Somebody says: {RUN}, or so.")
    return _read(path)


def test_thirteen_words_in_a_row_are_an_overlap(exam: Benchmark) -> None:
    assert len(RUN.split()) == 13
    assert exam.overlaps(_talk(SAID))
    assert exam.overlaps(_talk(RUN))


@pytest.mark.parametrize("text", [RUN.partition(" ")[2], RUN.rpartition(" ")[0]])
def test_one_word_short_is_none(exam: Benchmark, text: str) -> None:
    assert not exam.overlaps(_talk(f"Well, {text} so soon."))


@pytest.mark.parametrize("word", [0, 6, 12])
def test_one_other_word_is_none(exam: Benchmark, word: int) -> None:
    words = RUN.split()
    words[word] = "another"
    assert not exam.overlaps(_talk(" ".join(words)))


def test_case_marks_and_spacing_do_not_count(exam: Benchmark) -> None:
    assert exam.overlaps(_talk(RUN.upper().replace(" ", " … ")))
    assert exam.overlaps(_talk(RUN.replace(" ", "\n")))


def test_every_turn_and_the_situation_are_looked_at(exam: Benchmark) -> None:
    assert exam.overlaps(dialogue(seeker("Hm."), supporter("And?"), seeker("Hm."), supporter(SAID)))
    assert exam.overlaps(_talk("Hm.", situation=SAID))
    assert not exam.overlaps(_talk("Hm.", situation="It hails."))


def test_a_run_over_two_turns_is_none(exam: Benchmark) -> None:
    words = RUN.split()
    assert not exam.overlaps(dialogue(seeker(" ".join(words[:7])), supporter(" ".join(words[7:]))))


def test_a_run_over_two_texts_of_the_benchmark_is_none(tmp_path: Path) -> None:
    words = RUN.split()
    path = tmp_path / "exam.json"
    path.write_text(json.dumps([*(" ".join(part) for part in (words[:7], words[7:])), "x " * 13]))
    assert not _read(path).overlaps(_talk(SAID))


@pytest.mark.parametrize("words", [4, 7, 13])
def test_how_many_words_is_the_specs_to_say(tmp_path: Path, words: int) -> None:
    path = tmp_path / "exam.txt"
    path.write_text(RUN)
    part = RUN.split()[:words]
    assert _read(path, words).overlaps(_talk(" ".join(part)))
    assert not _read(path, words).overlaps(_talk(" ".join(part[1:])))


@given(st.lists(st.sampled_from(["kiln", "tram", "hail", "lead"]), min_size=4, max_size=12), st.data())
def test_any_four_words_in_a_row_of_a_benchmark_are_found(words: list[str], data: st.DataObject) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        path = Path(folder, "exam.txt")
        path.write_text(" ".join(words))
        exam = _read(path, 4)
    at = data.draw(st.integers(0, len(words) - 4))
    assert exam.overlaps(_talk(f"Oh, {', '.join(words[at : at + 4])}!"))


# Files.


def _lines(texts: list[str]) -> bytes:
    return "".join(json.dumps({"turns": [{"text": text}]}) + "\n" for text in texts).encode()


def _nested(texts: list[str]) -> bytes:
    return json.dumps(
        {"version": 1, "data": {"tests": [[{"q": {"words": [text, None, 3.5, True]}}] for text in texts]}}
    ).encode()


def _table(texts: list[str], delimiter: str) -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows([["id", "text"], *(["1", text] for text in texts)])
    return out.getvalue().encode()


def _parquet(texts: list[str]) -> bytes:
    out = io.BytesIO()
    rows = [{"id": 1, "dialog": [{"speaker": "seeker", "content": text}]} for text in texts]
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


_FILES: dict[str, Callable[[list[str]], bytes]] = {
    "exam.txt": lambda texts: "\n\n".join(texts).encode(),
    "exam.md": lambda texts: ("# Exam\n\n" + "\n\n".join(f"- {text}" for text in texts)).encode(),
    "exam.json": _nested,
    "exam.jsonl": _lines,
    "exam.csv": lambda texts: _table(texts, ","),
    "exam.tsv": lambda texts: _table(texts, "\t"),
    "exam.parquet": _parquet,
}

_TEXTS = ["What is a tram?", f"“{SAID}”, they said,\tand went on.", "Nothing else."]


@pytest.mark.parametrize("name", _FILES)
def test_every_kind_of_file_is_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(_FILES[name](_TEXTS))
    found = _read(path)
    assert found.overlaps(_talk(SAID))
    assert not found.overlaps(_talk("What is a tram? Nothing else."))
    assert (found.record.name, found.record.sha256, found.record.dialogues) == (name, sha256_of(path), 0)
    assert found.record.texts >= len(_TEXTS)


def test_a_json_text_inside_a_json_text_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "exam.jsonl"
    path.write_text(json.dumps({"text": json.dumps({"dialog": [{"content": SAID}]})}) + "\n")
    assert _read(path).overlaps(_talk(SAID))


def test_a_folder_counts_as_one_benchmark_by_its_own_name(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "exam"
    (folder / "more").mkdir(parents=True)
    (folder / "one.txt").write_text("Hm.")
    (folder / "more" / "two.jsonl").write_bytes(_lines([SAID]))
    (folder / "picture.png").write_bytes(b"\x89PNG")
    found = _read(folder)
    assert found.overlaps(_talk(SAID))
    assert found.record.name == "exam"
    assert str(tmp_path) not in found.record.model_dump_json()
    before = found.record.sha256
    (folder / "one.txt").write_text("Hm!")
    assert _read(folder).record.sha256 != before


def test_a_file_that_is_not_quite_utf8_or_has_windows_line_ends_is_read(tmp_path: Path) -> None:
    (tmp_path / "exam.txt").write_bytes(b"Caf\xe9.\r\n\r\n" + SAID.encode() + b"\r\n")
    found = _read(tmp_path / "exam.txt")
    assert found.overlaps(_talk(SAID))
    assert found.record.texts == 2


def test_a_table_with_a_very_long_cell_is_read(tmp_path: Path) -> None:
    (tmp_path / "exam.csv").write_bytes(_table(["tram " * 40_000 + SAID], ","))
    assert _read(tmp_path / "exam.csv").overlaps(_talk(SAID))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda folder: folder / "none.txt", r"none\.txt: no such file or folder, and no ORG/NAME"),
        (lambda folder: _made(folder / "exam.pdf", b"%PDF"), r"exam\.pdf: a benchmark is read from .*\.jsonl"),
        (lambda folder: _made(folder / "exam.txt", b""), r"exam\.txt: no text in it has 13 words in a row"),
        (lambda folder: _made(folder / "exam.txt", b"Too short."), r"exam\.txt: no text in it has 13 words in a row"),
        (lambda folder: _made(folder / "exam.json", b"{oops"), r"exam\.json: line 1, column 2: not JSON"),
        (lambda folder: _made(folder / "exam.jsonl", b'{"a": 1}\n{'), r"exam\.jsonl: line 2, column 2: not JSON"),
        (lambda folder: _made(folder / "exam.json", b"\xff"), r"exam\.json: line 1, column 1: not UTF-8"),
        (lambda folder: _made(folder / "exam.json", b""), r"exam\.json: the file is empty"),
        (lambda folder: _made(folder / "exam.parquet", b"PAR1"), r"exam\.parquet: "),
        (lambda folder: folder, r"holds no \.json, \.jsonl, \.parquet"),
    ],
)
def test_what_cannot_be_held_against_is_named(tmp_path: Path, make: Callable[[Path], Path], told: str) -> None:
    with pytest.raises(SourceError, match=told) as caught:
        _read(make(tmp_path))
    assert caught.value.exit_code == 2
    assert "\n" not in str(caught.value)


def _made(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_several_benchmarks_are_read_in_order_and_none_is_none(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt"):
        (tmp_path / name).write_text(SAID)
    found = read_benchmarks([str(tmp_path / "b.txt"), str(tmp_path / "a.txt")], 13)
    assert [one.record.name for one in found] == ["b.txt", "a.txt"]
    assert read_benchmarks([], 13) == ()


# At ingested.


def _sources(folder: Path) -> Any:
    talks = [_talk(f"It began there. {SAID}"), _talk("It hails."), _talk(f"{SAID} That was long ago.")]
    (folder / "talks.jsonl").write_text("".join(one.model_dump_json(exclude={"dialogue_id"}) + "\n" for one in talks))
    return opened(folder / "talks.jsonl")


def test_overlapping_dialogues_are_marked_by_the_first_benchmark_and_counted(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text(SAID)
    (tmp_path / "two.txt").write_text(f"{SAID} That was long ago, they said.")
    benchmarks = read_benchmarks([str(tmp_path / name) for name in ("one.txt", "two.txt")], 13)
    ingested = taken_in(_sources(tmp_path), spool=tmp_path / "spool", benchmarks=benchmarks)
    assert [placed.contaminated_by for placed in ingested] == ["one.txt", None, "one.txt"]
    assert [(one.name, one.dialogues) for one in ingested.benchmarks] == [("one.txt", 2), ("two.txt", 0)]
    learnt = [one.turns[0].text for split in {placed.split for placed in ingested} for one in ingested.of_split(split)]
    assert learnt == ["It hails."]


def test_two_benchmarks_of_one_name_are_counted_apart(tmp_path: Path) -> None:
    places = []
    for folder, text in (
        ("a", "nothing of the sort was ever said by anybody on this hill in all those years"),
        ("b", SAID),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "test.txt").write_text(text)
        places.append(str(tmp_path / folder / "test.txt"))
    ingested = taken_in(_sources(tmp_path), spool=tmp_path / "spool", benchmarks=read_benchmarks(places, 13))
    assert [one.dialogues for one in ingested.benchmarks] == [0, 2]


def test_without_benchmarks_nothing_overlaps(tmp_path: Path) -> None:
    ingested = taken_in(_sources(tmp_path), spool=tmp_path / "spool")
    assert {placed.contaminated_by for placed in ingested} == {None}
    assert ingested.benchmarks == ()

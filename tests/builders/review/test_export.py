"""An export is blind, deterministic and stratified, and goes into the tools as it is."""

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.releases import Row, copy_release, refresh_hashes, shared_release
from support.review import STRATA, Export, export

from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.review.forms import (
    COLUMNS,
    SHEETS,
    Item,
    argilla_settings,
    csv_text,
    export_review,
    instructions_text,
)
from ipm_prefdial.builders.review.sample import Drawn, Stratify, _spread, allocate, draw_pairs, rows_by_id
from ipm_prefdial.schemas.config import PAIR_CONFIGS, Config
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.errors import DataError, OutputExistsError, UsageError

FILES = {
    "INSTRUCTIONS.md",
    "argilla.json",
    "argilla_settings.json",
    "label_studio.json",
    "label_studio_config.xml",
    "review.csv",
    "review.jsonl",
}


def rows_of(exported: Export) -> dict[str, Row]:
    """The row of every item."""
    items = exported.key.items
    rows = rows_by_id(shared_release(), exported.key.config, {entry.row_id for entry in items.values()})
    return {item: rows[entry.row_id] for item, entry in items.items()}


# Blindness


@pytest.mark.parametrize("config", PAIR_CONFIGS)
def test_nothing_but_the_key_tells_the_sides_apart(config: Config, tmp_path: Path) -> None:
    found = export(shared_release(), tmp_path / "out", config=config)
    assert {path.name for path in (tmp_path / "out" / SHEETS).iterdir()} == FILES
    ids = [row[name] for row in rows_of(found).values() for name in ("row_id", "dialogue_id")]
    for name in FILES:
        text = found.sheet(name).read_text(encoding="utf-8").lower()
        assert [one for one in ids if one in text] == [], name
        assert [word for word in TELLING if word in _around_the_texts(found.sheet(name)).lower()] == [], name


TELLING = ("chosen", "rejected", "verdict", "model", "scripted", "row_id", "dialogue", "request_key", "planner")
"""Words that would say which side is which, or where it came from."""


def _around_the_texts(path: Path) -> str:
    """A file without the texts of the pairs, which may hold any word."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix in (".md", ".xml"):
        return text
    if path.suffix == ".csv":
        return json.dumps(_without_texts(list(csv.DictReader(io.StringIO(text, newline="")))))
    values = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)
    return json.dumps(_without_texts(values))


def _without_texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_texts(one) for one in value]
    if isinstance(value, dict):
        shown = {"conversation", "reply_a", "reply_b"}
        return {name: None if name in shown else _without_texts(one) for name, one in value.items()}
    return value


def test_sides_stand_first_about_equally_often_and_say_what_the_key_says(tmp_path: Path) -> None:
    found = export(shared_release(), tmp_path / "out", size=1_000)
    assert len(found.key.items) == sum(1 for _ in shared_release().rows(Config.RESPONSE))
    first = Counter(entry.a for entry in found.key.items.values())
    assert 0.4 < first["chosen"] / first.total() < 0.6
    rows = rows_of(found)
    for item in found.items():
        row, a = rows[item["item"]], found.key.items[item["item"]].a
        b = "rejected" if a == "chosen" else "chosen"
        assert (item["reply_a"], item["reply_b"]) == (row[a][0]["content"], row[b][0]["content"])
        assert item["strategy"] == row["strategy"]


def test_order_of_sides_depends_on_the_seed(tmp_path: Path) -> None:
    one, other = (export(shared_release(), tmp_path / str(seed), size=1_000, seed=seed) for seed in (1, 2))
    sides = [{entry.row_id: entry.a for entry in found.key.items.values()} for found in (one, other)]
    assert 0.3 < sum(sides[0][row] == sides[1][row] for row in sides[0]) / len(sides[0]) < 0.7


def test_items_are_shuffled(exported: Export) -> None:
    drawn = {entry.row_id: place for place, entry in enumerate(exported.key.items.values())}
    in_release = [row["row_id"] for row in shared_release().rows(Config.RESPONSE) if row["row_id"] in drawn]
    rises = sum(drawn[one] < drawn[other] for one, other in pairwise(in_release))
    assert 0.3 < rises / len(in_release) < 0.7


def test_conversation_is_what_was_said_before(exported: Export) -> None:
    rows = rows_of(exported)
    for item in exported.items():
        said = [message["content"] for message in rows[item["item"]]["prompt"] if message["role"] != "system"]
        assert all(text in item["conversation"] for text in said)
        assert item["conversation"].startswith(("seeker: ", "supporter: "))
        assert "You support somebody" not in item["conversation"]


def test_strategy_pairs_show_the_transcript_and_two_strategies(tmp_path: Path) -> None:
    found = export(shared_release(), tmp_path / "out", config=Config.STRATEGY)
    rows = rows_of(found)
    for item in found.items():
        row = rows[item["item"]]
        assert item["conversation"] == row["prompt"][-1]["content"]
        assert {item["reply_a"], item["reply_b"]} == {row["chosen_strategy"], row["rejected_strategy"]}
        assert item["strategy"] == ""


def test_a_conversation_fits_into_a_spreadsheets_cell() -> None:
    from ipm_prefdial.builders.review.forms import _conversation

    prompt = [{"role": "user", "content": f"{number} " + "word " * 300} for number in range(50)]
    text = _conversation(Config.RESPONSE, prompt)
    assert len(text) < 32_767
    assert text.startswith("(earlier turns are left out)\nseeker: ")
    assert text.endswith(prompt[-1]["content"])


# Determinism


def test_equal_seeds_give_equal_files(tmp_path: Path) -> None:
    one, other, third = (
        export(shared_release(), tmp_path / name, seed=seed) for name, seed in zip("abc", (3, 3, 4), strict=True)
    )
    for name in (*(f"{SHEETS}/{file}" for file in FILES), "key.json"):
        assert (one.folder / name).read_bytes() == (other.folder / name).read_bytes()
    assert one.sheet("review.csv").read_bytes() != third.sheet("review.csv").read_bytes()


def test_draw_does_not_depend_on_the_order_of_files(monkeypatch: pytest.MonkeyPatch) -> None:
    due = draw_pairs(shared_release(), Config.RESPONSE, 40, STRATA, 0)
    backwards = Release(shared_release().root)
    files = backwards.files
    monkeypatch.setattr(backwards, "files", lambda *words: files(*words)[::-1])
    assert set(draw_pairs(backwards, Config.RESPONSE, 40, STRATA, 0)) == set(due)


# Stratification


@pytest.mark.parametrize("config", PAIR_CONFIGS)
def test_every_stratum_is_there_in_proportion(config: Config) -> None:
    name = "strategy" if config is Config.RESPONSE else "chosen_strategy"
    all_pairs = Counter((row[name], row["rejected_error"]) for row in shared_release().rows(config))
    drawn = Counter(pair.stratum for pair in draw_pairs(shared_release(), config, 60, STRATA, 0))
    assert drawn.total() == 60
    assert set(drawn) == set(all_pairs)
    for stratum, number in all_pairs.items():
        due = 60 * number / all_pairs.total()
        assert max(1, due - 2) <= drawn[stratum] <= max(1, due + 2)


def test_pairs_are_spread_over_dialogues() -> None:
    drawn = draw_pairs(shared_release(), Config.RESPONSE, 50, STRATA, 0)
    by_dialogue = Counter(pair.dialogue_id for pair in drawn)
    at_hand = len({row["dialogue_id"] for row in shared_release().rows(Config.RESPONSE)})
    assert len(by_dialogue) > 0.8 * min(50, at_hand)
    assert max(by_dialogue.values()) <= 3


@given(st.dictionaries(st.tuples(st.text(max_size=3)), st.integers(1, 500), min_size=1, max_size=30), st.data())
def test_allocation_is_exact_and_leaves_no_stratum_out(counts: dict[tuple[str, ...], int], data: st.DataObject) -> None:
    size = data.draw(st.integers(len(counts), 2 * sum(counts.values())))
    given_out = allocate(counts, size)
    assert sum(given_out.values()) == min(size, sum(counts.values()))
    assert all(1 <= given_out[stratum] <= number for stratum, number in counts.items())


def test_a_sample_larger_than_the_release_is_the_release() -> None:
    drawn = draw_pairs(shared_release(), Config.JOINT, 10_000, (Stratify.SOURCE,), 0)
    assert {pair.row_id for pair in drawn} == {row["row_id"] for row in shared_release().rows(Config.JOINT)}


def test_without_strata_it_is_a_plain_sample() -> None:
    assert {pair.stratum for pair in draw_pairs(shared_release(), Config.RESPONSE, 5, (), 0)} == {()}
    assert len(draw_pairs(shared_release(), Config.RESPONSE, 5, (), 0)) == 5


def test_a_sample_smaller_than_the_strata_is_refused() -> None:
    with pytest.raises(UsageError, match="--sample 3 cannot hold one pair of each of 24 strata"):
        draw_pairs(shared_release(), Config.RESPONSE, 3, STRATA, 0)


def test_memory_does_not_grow_with_a_stratum() -> None:
    from ipm_prefdial.builders.review.sample import Drawn, _Candidates

    found = _Candidates(limit=10)
    for number in range(1_000):
        found.add(Drawn(f"{number * 7919 % 1000:04}", str(number), "d", ("s",)))
        assert len(found._kept["s",]) <= 20
    assert [pair.rank for pair in found.kept()["s",]] == [f"{number:04}" for number in range(10)]
    assert found.counts["s",] == 1_000


# Places


def test_wrong_places_are_refused(tmp_path: Path, release: Release) -> None:
    def refused(out: Path, config: Config = Config.RESPONSE) -> None:
        export_review(release, out, config=config, size=60, by=STRATA, seed=0)

    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("do not touch")
    with pytest.raises(OutputExistsError, match="already exists"):
        refused(tmp_path / "full")
    with pytest.raises(UsageError, match="inside the release"):
        refused(release.root / "review")
    with pytest.raises(UsageError, match="holds no pairs"):
        refused(tmp_path / "out", Config.DIALOGUES)
    assert not (tmp_path / "out").exists()


def test_a_config_without_pairs_is_told(release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "files", lambda *words: [])
    with pytest.raises(DataError, match="response has no pairs to review"):
        draw_pairs(release, Config.RESPONSE, 5, (), 0)


# Forms


def test_sheet_opens_in_a_spreadsheet_program(exported: Export) -> None:
    data = exported.sheet("review.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    assert tuple(rows[0]) == COLUMNS
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert all(row[5:] == [""] * 4 for row in rows[1:])
    assert all(row[0].startswith("pair-") for row in rows[1:])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", " =", "\n=", "\u3000=", "\uff1d", "|=", '"=', "\xa0+"])
def test_no_cell_is_a_formula(start: str) -> None:
    item = Item(item="pair-1", conversation="seeker: =1+1", strategy="", reply_a=f"{start}SUM(A1)", reply_b="No.")
    (row,) = list(csv.DictReader(io.StringIO(csv_text([item])[1:])))
    assert row["reply_a"] == f"'{start}SUM(A1)"
    assert row["conversation"] == "seeker: =1+1"


def test_all_forms_hold_the_same_items(exported: Export) -> None:
    due = [{name: row[name] for name in Item.model_fields} for row in exported.items()]
    lines = exported.sheet("review.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert all(tuple(row) == COLUMNS for row in rows)
    assert [{name: row[name] for name in Item.model_fields} for row in rows] == due
    tasks = json.loads(exported.sheet("label_studio.json").read_bytes())
    assert [task["data"] for task in tasks] == due
    records = json.loads(exported.sheet("argilla.json").read_bytes())
    assert [{"item": record["id"], **record["fields"]} for record in records] == due


def test_label_studio_config_names_what_the_tasks_have(exported: Export) -> None:
    view = ET.fromstring(exported.sheet("label_studio_config.xml").read_text(encoding="utf-8"))
    shown = {text.attrib["value"].removeprefix("$") for text in view.iter("Text")}
    task = json.loads(exported.sheet("label_studio.json").read_bytes())[0]
    assert shown == set(task["data"]) - {"item"}
    names = [one.attrib["name"] for one in view.iter() if "name" in one.attrib]
    assert len(names) == len(set(names))
    choices = {one.attrib["name"]: [choice.attrib["value"] for choice in one] for one in view.iter("Choices")}
    labels = ["none", *ErrorType]
    assert choices == {"error_a": labels, "error_b": labels, "better": ["a", "b", "tie"]}
    assert {one.attrib["toName"] for one in view.iter() if "toName" in one.attrib} <= shown


def test_argilla_settings_name_what_the_records_have(exported: Export) -> None:
    settings = json.loads(exported.sheet("argilla_settings.json").read_bytes())
    record = json.loads(exported.sheet("argilla.json").read_bytes())[0]
    assert {field["name"] for field in settings["fields"]} == set(record["fields"])
    assert any(question["required"] for question in settings["questions"]), "Argilla asks for one"
    options = {
        question["name"]: [option["value"] for option in question["settings"].get("options", [])]
        for question in settings["questions"]
    }
    labels = ["none", *ErrorType]
    assert options == {"error_a": labels, "error_b": labels, "better": ["a", "b", "tie"], "comment": []}


@pytest.mark.parametrize("config", PAIR_CONFIGS)
def test_instructions_define_the_errors_and_care_for_the_annotator(config: Config) -> None:
    text = " ".join(instructions_text(config).split())
    assert all(f"| `{error}` | " in text for error in ErrorType)
    for words in ("harmful by design", "pause", "skip the item", "the person in charge", "the name is published"):
        assert words in text.replace("> ", "")


# Tables that are not as they should be


def _without(column: str) -> Callable[[pa.Table], pa.Table]:
    return lambda table: table.drop_columns([column])


def _nulls(column: str) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index(column)
        return table.set_column(at, table.schema.field(at), pa.nulls(len(table), table.schema.field(at).type))

    return change


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (_without("dialogue_id"), "column dialogue_id is missing"),
        (_without("rejected"), "column rejected is missing"),
        *((_nulls(column), f"row 0: {column} is null") for column in ("row_id", "dialogue_id", "strategy", "prompt")),
        *((_nulls(column), f"row 0: {column} is null") for column in ("chosen", "rejected", "rejected_error")),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_wrong_and_null_columns_are_one_message(
    tmp_path: Path, change: Callable[[pa.Table], pa.Table], what: str
) -> None:
    release = copy_release(tmp_path / "release", shared_release(limit=8))
    path = release.files(Config.RESPONSE)[0]
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(DataError, match=what):
        export(refresh_hashes(release.root), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_argilla_requires_every_field_but_the_strategy() -> None:
    """Pairs of strategies and joint pairs have none."""
    fields = json.loads(argilla_settings("Read."))["fields"]
    assert {field["name"]: field["required"] for field in fields}["strategy"] is False
    assert all(field["required"] for field in fields if field["name"] != "strategy")


def test_rare_strata_are_drawn_first_so_that_the_sample_spreads_over_dialogues() -> None:
    rare, common = ("train", "Others"), ("train", "Question")
    pairs = {
        common: [Drawn("1", "r1", "one", common), Drawn("2", "r2", "two", common)],
        rare: [Drawn("0", "r0", "one", rare)],
    }
    assert {pair.row_id for pair in _spread(pairs, {common: 1, rare: 1})} == {"r0", "r2"}

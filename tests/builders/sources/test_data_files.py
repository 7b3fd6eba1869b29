"""Which files of a dataset folder are read: by the Hub's conventions or its card, and never one from elsewhere."""

import csv
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.sources import TALK, dialogues_in, found_in, opened, written

from ipm_prefdial.builders.sources._data_files import CardError, DataFile, data_files, matches
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import SourceError


def _talk(words: str) -> dict[str, Any]:
    return {"dialog": [{"speaker": "seeker", "content": words}, TALK["dialog"][1]]}


def _row(words: str) -> str:
    return json.dumps(_talk(words)) + "\n"


def _card(*lines: str) -> str:
    return "\n".join(("---", *lines, "---", "# Talks")) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset folder with one file, and something private beside it."""
    written(tmp_path / "private.jsonl", _row("Nobody may read this."))
    inside = tmp_path / "talks"
    inside.mkdir()
    written(inside / "train.jsonl", _row("The kiln broke."))
    return inside


@pytest.mark.parametrize(
    ("names", "due"),
    [
        (["data/train-00000-of-00001.parquet", "data/dev-00000-of-00001.parquet"], ["train", "dev"]),
        (["train.jsonl", "valid.jsonl", "test.jsonl"], ["train", "validation", "test"]),
        (["test/a.json", "train/b.json", "notes.json"], ["train", "test"]),
        (["my-train.csv", "my_eval.csv"], ["train", "test"]),
        (["training.txt", "testing.txt", "LICENSE.txt"], ["train", "test"]),
        (["contest.json"], [None]),
        (["ESConv.json"], [None]),
        (["a.jsonl", "b.parquet"], [None]),
    ],
)
def test_splits_are_named_as_on_the_hub(names: list[str], due: list[str | None]) -> None:
    assert [one.split for one in data_files(names, None)] == due


def test_what_is_about_a_dataset_is_no_data() -> None:
    names = ["_old/train.json", "croissant.json", "dataset_infos.json", "manifest.json", "talks.json"]
    assert data_files(names, None) == [DataFile("talks.json", None)]


def test_a_release_is_read_by_its_dialogues() -> None:
    names = [f"data/{config}/train-00000-of-00001.parquet" for config in ("dialogues", "response")]
    assert data_files([*names, "manifest.json"], None) == [DataFile(names[0], "train")]


@pytest.mark.parametrize("name", ["talks.json.gz", "talks.zip", "talks.arrow"])
def test_what_is_packed_is_named(name: str) -> None:
    with pytest.raises(CardError, match=f"{name}: files of this kind are not read"):
        data_files([name], None)


@pytest.mark.parametrize(
    "stated",
    [
        '"train.jsonl"',
        '["train.jsonl"]',
        "[{split: train, path: train.jsonl}]",
        '{train: "t*.jsonl"}',
        '[{split: train, path: ["./tr*", train.jsonl]}]',
        '"**/train.jsonl"',
    ],
)
def test_a_card_may_choose_among_the_folders_own_files(folder: Path, stated: str) -> None:
    written(folder / "other.jsonl", _row("Not chosen."))
    written(folder / "README.md", _card("configs:", "- config_name: default", f"  data_files: {stated}"))
    assert [one.turns[0].text for one in dialogues_in(folder)] == ["The kiln broke."]


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ("{private}", "it is absolute"),
        ("../private.jsonl", "it is not normal"),
        ("sub/../../private.jsonl", "it is not normal"),
        ("file://{private}", "it is a URL"),
        ("http://127.0.0.1:9/x.jsonl", "it is a URL"),
        ("hf://datasets/acme/talks/x.jsonl", "it is a URL"),
        ("zip://x.jsonl::http://127.0.0.1:9/x.zip", "it is a URL"),
        ("~/x.jsonl", "it is expanded by a shell"),
        ("a\\\\..\\\\x.jsonl", "it has a backslash"),
        ("C:/x.jsonl", "it is absolute"),
        ("nothing*.jsonl", "no file of the folder fits"),
        ("x\\u0007.jsonl", "it has a control character"),
        ("README.md", "files of this kind are not read"),
    ],
)
@pytest.mark.parametrize("form", ['"{}"', '["{}"]', '[{{split: train, path: "{}"}}]', '{{train: "{}"}}'])
def test_a_card_cannot_name_what_is_elsewhere(folder: Path, stated: str, told: str, form: str) -> None:
    name = form.format(stated.format(private=folder.parent / "private.jsonl"))
    written(folder / "README.md", _card("configs:", "- config_name: default", f"  data_files: {name}"))
    with pytest.raises(SourceError, match=f"talks: cannot be read as a dataset: .*{told}"):
        found_in(folder)


@pytest.mark.parametrize("below", ["..", "/etc", "http://127.0.0.1:9"])
def test_a_cards_folder_is_inside(folder: Path, below: str) -> None:
    written(folder / "README.md", _card("configs:", "- config_name: default", f"  data_dir: {below}"))
    with pytest.raises(SourceError, match="not a path inside the folder"):
        found_in(folder)


@pytest.mark.parametrize(
    "card", [_card("configs: 5"), _card("configs: [a]"), _card("configs: []"), "---\nconfigs: [[[[\n---\n"]
)
def test_a_card_that_cannot_be_read_is_named(folder: Path, card: str) -> None:
    written(folder / "README.md", card)
    with pytest.raises(SourceError, match="talks: "):
        found_in(folder)


@pytest.mark.parametrize("place", ["train.jsonl", "README.md", "notes.txt", "data", "sub/x.jsonl"])
def test_a_link_in_a_folder_is_refused_and_named(folder: Path, place: str) -> None:
    link = folder / place
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(folder.parent if place == "data" else folder.parent / "private.jsonl")
    with pytest.raises(SourceError, match=rf"{place}: cannot be read: it is a link"):
        opened(folder)


def test_a_pipe_in_a_folder_is_refused_before_it_is_opened(folder: Path) -> None:
    os.mkfifo(folder / "test.jsonl")
    with pytest.raises(SourceError, match=r"test\.jsonl: cannot be read: it is a named pipe"):
        opened(folder)
    with pytest.raises(SourceError, match="it is a named pipe"):
        opened(folder / "test.jsonl")


@pytest.mark.parametrize("name", [b"\xff.jsonl", b"a\nb.jsonl", b"\x1b[31m.jsonl"])
def test_a_name_that_is_no_text_is_refused_and_shown_escaped(folder: Path, name: bytes) -> None:
    Path(os.fsdecode(bytes(folder) + b"/" + name)).write_text(_row("x"))
    with pytest.raises(SourceError, match="a name that no data set may have") as told:
        opened(folder)
    assert str(told.value).isprintable()


def test_a_snapshot_of_the_hubs_cache_is_read_through_its_own_links_alone(folder: Path) -> None:
    repo = folder.parent / "hub" / "datasets--acme--talks"
    snapshot, blob = repo / "snapshots" / ("0" * 40), repo / "blobs" / ("a" * 40)
    (snapshot / "data").mkdir(parents=True)
    blob.parent.mkdir()
    written(blob, _row("The kiln broke."))
    (snapshot / "data" / "train.jsonl").symlink_to(f"../../../blobs/{blob.name}")
    assert [one.turns[0].text for one in dialogues_in(snapshot)] == ["The kiln broke."]
    for target in (folder.parent / "private.jsonl", Path("../../../blobs/../blobs/x"), Path("../../blobs") / blob.name):
        (snapshot / "data" / "train.jsonl").unlink()
        (snapshot / "data" / "train.jsonl").symlink_to(target)
        with pytest.raises(SourceError, match="it is a link"):
            opened(snapshot)


def test_a_blob_that_is_a_link_is_not_followed(folder: Path) -> None:
    repo = folder.parent / "hub" / "datasets--acme--talks"
    (repo / "snapshots" / "v1").mkdir(parents=True)
    (repo / "blobs").mkdir()
    (repo / "blobs" / ("a" * 40)).symlink_to(folder.parent / "private.jsonl")
    (repo / "snapshots" / "v1" / "train.jsonl").symlink_to(f"../../blobs/{'a' * 40}")
    with pytest.raises(SourceError, match="it is a link"):
        opened(repo / "snapshots" / "v1")


def test_a_blob_that_the_whole_cache_shares_is_read_where_the_client_puts_it_alone(folder: Path) -> None:
    """With Xet, the client keeps a file once for all repos: a blob of a repo is then a link into the shared store."""
    cache = folder.parent / "hub"
    repo, shared = cache / "datasets--acme--talks", cache / "blobs" / "cd" / f"cd{'0' * 62}"
    blob, snapshot = repo / "blobs" / ("b" * 64), repo / "snapshots" / ("0" * 40)
    for made in (shared.parent, blob.parent, snapshot):
        made.mkdir(parents=True)
    written(shared, _row("The kiln broke."))
    (snapshot / "train.jsonl").symlink_to(f"../../blobs/{blob.name}")
    blob.symlink_to(f"../../blobs/cd/{shared.name}")
    assert [one.turns[0].text for one in dialogues_in(snapshot)] == ["The kiln broke."]
    elsewhere = cache / "blobs" / "ab" / shared.name
    elsewhere.parent.mkdir()
    written(elsewhere, _row("Not under its own prefix."))
    for target in (folder.parent / "private.jsonl", elsewhere, Path("../../../blobs/cd") / shared.name, shared.parent):
        blob.unlink()
        blob.symlink_to(target)
        with pytest.raises(SourceError, match="it is a link"):
            opened(snapshot)
    blob.unlink()
    blob.symlink_to(f"../../blobs/cd/{shared.name}")
    shared.unlink()
    shared.symlink_to(folder.parent / "private.jsonl")
    with pytest.raises(SourceError, match="it is a link"):
        opened(snapshot)


def test_what_is_read_is_what_was_hashed(folder: Path) -> None:
    one, whole = opened(folder / "train.jsonl"), opened(folder)
    written(folder / "train.jsonl", _row("Something else."))
    for source in (one, whole):
        with pytest.raises(SourceError, match="it was changed after its digest was taken"):
            list(source)


def test_a_file_that_is_written_to_while_it_is_read_is_named(folder: Path) -> None:
    written(folder / "train.jsonl", "".join(_row(f"Row {number}.") for number in range(3)))
    rows = iter(opened(folder))
    next(rows)
    written(folder / "train.jsonl", _row("Something else."))
    with pytest.raises(SourceError, match="it was written to while it was read"):
        list(rows)


def test_the_digest_covers_every_file_by_name_and_bytes(folder: Path) -> None:
    written(folder / "README.md", "# Talks\n")
    lines = [f"{sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in folder.iterdir()]
    assert opened(folder).sha256 == sha256("".join(sorted(lines)).encode()).hexdigest()


def test_esconvs_json_in_a_folder_is_read_as_the_file_alone_is(tmp_path: Path) -> None:
    inside = tmp_path / "ESConv"
    inside.mkdir()
    file = written(inside / "ESConv.json", [_talk("The kiln broke."), _talk("The tram left.")])
    assert [one.model_dump() for one in dialogues_in(inside)] == [one.model_dump() for one in dialogues_in(file)]


def test_tables_are_read_as_json_is(tmp_path: Path) -> None:
    rows = [_talk("The kiln broke."), _talk("The tram left.")]
    texts = [{"text": json.dumps(row)} for row in rows]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    pq.write_table(pa.Table.from_pylist(texts), tmp_path / "b.parquet")
    for name, delimiter in (("c.csv", ","), ("d.tsv", "\t")):
        with (tmp_path / name).open("w", newline="") as file:
            csv.writer(file, delimiter=delimiter).writerows([["text"], *([row["text"]] for row in texts)])
    written(tmp_path / "e.json", rows)
    found = [[one.turns for one in dialogues_in(path)] for path in sorted(tmp_path.iterdir())]
    assert len(found) == 5
    assert all(one == found[-1] for one in found)


def test_a_long_cell_is_a_cell(tmp_path: Path) -> None:
    long = json.dumps(_talk("word " * 60_000))
    with (tmp_path / "long.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["text"], [long]])
    assert len(dialogues_in(tmp_path / "long.csv")) == 1


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("b.tsv", "\t")])
def test_a_row_with_too_many_cells_is_named_with_its_line(tmp_path: Path, name: str, delimiter: str) -> None:
    good = '"' + json.dumps(_talk("The kiln broke.")).replace('"', '""') + '"'
    path = written(tmp_path / name, "text\n" + f"{good}\n" * 2 + f"{good}{delimiter}more\n")
    with pytest.raises(SourceError, match="line 4: 2 cells where the header has 1"):
        found_in(path)


def test_a_damaged_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"bad\.parquet: cannot be read"):
        found_in(written(tmp_path / "bad.parquet", b"PAR1 no table PAR1"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"dialog": [], "dialog": []}', "the key 'dialog' stands twice"),
        ('{"dialog": [' + "[" * 500 + "]" * 500 + "]}", "nested too deeply"),
        ('{"dialog": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
        ('{"dialog": NaN}', "NaN is not a number of JSON"),
        ('{"dialog": 1e999}', "a number beyond all bounds"),
        ('{"dialog": ' + "9" * 5_000 + "}", "a whole number of more than 64 bits"),
    ],
)
@pytest.mark.parametrize("form", ["{}", "[{}]", "{}\n{}"])
def test_a_record_that_breaks_a_bound_is_named(tmp_path: Path, text: str, told: str, form: str) -> None:
    with pytest.raises(SourceError, match=f"bad.json: .*{told}"):
        found_in(written(tmp_path / "bad.json", form.replace("{}", text)))


@given(st.lists(st.sampled_from(["a", "b", "train.json"]), min_size=1, max_size=4))
def test_a_name_fits_itself_and_any_depth(parts: list[str]) -> None:
    name = "/".join(parts)
    assert matches(name, name)
    assert matches(name, "**")
    assert matches(name, f"**/{parts[-1]}")
    assert not matches(name, f"{name}/*")
    assert matches(name, "*") is (len(parts) == 1)


def test_many_stars_end() -> None:
    assert not matches("a" * 200, "*a" * 60 + "b")
    assert not matches("/".join("a" * 30), "**/" * 100 + "b")


def test_splits_that_a_folder_names_are_its_dialogues(folder: Path) -> None:
    written(folder / "dev.jsonl", _row("The tram left."))
    assert [one.split for one in dialogues_in(folder)] == [Split.TRAIN, Split.VALIDATION]

"""Sheets are read however they were saved; what cannot be read is told with its place, and then nothing is stored."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from support.releases import copy_release
from support.review import (
    Export,
    Filled,
    argilla_export,
    at_random,
    label_studio_export,
    read_csv,
    write_csv,
)

from ipm_prefdial.builders.release.parts import read_review
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.review.forms import COLUMNS
from ipm_prefdial.builders.review.importing import import_review
from ipm_prefdial.builders.review.sample import KeyItem
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.error_type import ErrorType
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.review import Better, ConfigReview

ANSWERS = ("error_a", "error_b", "better")


def stored(release: Release, config: Config = Config.RESPONSE) -> ConfigReview:
    """What the release holds of a config's review."""
    review = read_review(release.root)
    assert review is not None
    return review.configs[config]


# What programs make of a sheet

Save = Callable[[Path, list[Filled]], Path]


def _with_extra(path: Path, rows: list[Filled]) -> Path:
    columns = ("notes", *reversed(COLUMNS), "Column1")
    return write_csv(path, [row | {"notes": "x, y", "Column1": ""} for row in rows], columns=columns)


def _shouted(path: Path, rows: list[Filled]) -> Path:
    spoken = [row | {name: f"  {row[name].upper().replace('_', ' ')} " for name in ANSWERS} for row in rows]
    text = write_csv(path, spoken).read_bytes().decode()
    header, _, rest = text.partition("\n")
    path.write_text(f" {header.upper()}\n{rest}", encoding="utf-8", newline="")
    return path


def _with_empty_lines(path: Path, rows: list[Filled]) -> Path:
    write_csv(path, rows, delimiter=";")
    path.write_bytes(b"sep=;\r\n" + path.read_bytes() + b";;;;;;;;\r\n\r\n")
    return path


def _as_jsonl(path: Path, rows: list[Filled]) -> Path:
    path = path.with_suffix(".jsonl")
    path.write_text("\n".join(json.dumps(row) for row in rows) + "\n\n", encoding="utf-8")
    return path


SAVED: dict[str, Save] = {
    "plain": write_csv,
    "byte order mark": lambda path, rows: write_csv(path, rows, encoding="utf-8-sig"),
    "semicolons": lambda path, rows: write_csv(path, rows, delimiter=";", encoding="utf-8-sig"),
    "tabs in UTF-16": lambda path, rows: write_csv(path.with_suffix(".txt"), rows, delimiter="\t", encoding="utf-16"),
    "old code page": lambda path, rows: write_csv(
        path, [row | {"comment": "déjà vu", "conversation": "…"} for row in rows], encoding="cp1252"
    ),
    "reordered rows": lambda path, rows: write_csv(path, rows[::-1]),
    "extra and reordered columns": _with_extra,
    "only what is needed": lambda path, rows: write_csv(path, rows, columns=("item", *ANSWERS)),
    "capitals and spaces": _shouted,
    "hint and empty lines": _with_empty_lines,
    "JSON Lines": _as_jsonl,
}


@pytest.fixture
def filled(exported: Export, tmp_path: Path) -> list[Filled]:
    """The sheet as somebody filled it in, a text with quotes, commas and line breaks among its cells."""
    rows = read_csv(exported.filled(tmp_path / "filled.csv", at_random("anna")))
    rows[0] |= {"comment": 'She said "no";\r\nthen, "yes".'}
    return rows


@pytest.mark.parametrize("how", SAVED)
def test_sheet_is_read_however_it_was_saved(
    how: str, filled: list[Filled], release: Release, exported: Export, tmp_path: Path
) -> None:
    path = SAVED[how](tmp_path / "anna.csv", filled)
    (sheet,) = import_review(release.root, exported.key_path, [path]).sheets
    assert (sheet.annotator, sheet.pairs, sheet.blank, sheet.missing) == ("anna", 60, 0, 0)
    due = import_review(copy_release(tmp_path / "due").root, exported.key_path, [tmp_path / "filled.csv"], ["anna"])
    assert stored(release) == due.review


def test_blank_cells_and_missing_rows_are_counted(
    filled: list[Filled], release: Release, exported: Export, tmp_path: Path
) -> None:
    filled[0] |= {"error_a": "", "better": " "}
    filled[1] |= dict.fromkeys(ANSWERS, "")
    path = write_csv(tmp_path / "anna.csv", filled[:50])
    done = import_review(release.root, exported.key_path, [path])
    (sheet,) = done.sheets
    assert (sheet.pairs, sheet.blank, sheet.missing) == (49, 5, 10)
    counts = done.review.annotators["anna"]
    assert (counts.pairs, counts.cells, counts.blank) == (49, 145, 35)
    assert done.review.preference.chosen.n == 48


@pytest.mark.parametrize("people", [{7: "anna"}, {7: "anna", 9: "ben"}])
def test_label_studio_export_is_read(
    people: dict[object, str], release: Release, exported: Export, tmp_path: Path
) -> None:
    fills = {user: at_random(name) for user, name in people.items()}
    path = label_studio_export(tmp_path / "studio.json", exported, fills)
    done = import_review(release.root, exported.key_path, [path])
    names = ["studio"] if len(people) == 1 else [f"studio-{user}" for user in people]
    assert [one.annotator for one in done.sheets] == names
    files = [exported.filled(tmp_path / f"{name}.csv", at_random(name)) for name in people.values()]
    due = import_review(copy_release(tmp_path / "due").root, exported.key_path, files, names)
    assert done.review == due.review


def test_label_studio_cancelled_and_addresses(release: Release, exported: Export, tmp_path: Path) -> None:
    users = {"user": {"email": "anna@example.org"}, "other": {"id": 5, "email": "ben@example.org"}}
    path = label_studio_export(tmp_path / "studio.json", exported, dict.fromkeys(users, exported.agreeing))
    tasks = json.loads(path.read_bytes())
    for task in tasks:
        for annotation in task["annotations"]:
            annotation["completed_by"] = users[annotation["completed_by"]]
    tasks[0]["annotations"][0]["was_cancelled"] = True
    path.write_text(json.dumps(tasks))
    done = import_review(release.root, exported.key_path, [path])
    assert [(one.pairs, one.missing) for one in sorted(done.sheets, key=lambda one: one.pairs)] == [(59, 1), (60, 0)]
    assert "studio-5" in done.review.annotators
    assert "example.org" not in (release.root / "review.json").read_text()


def test_argilla_export_is_read(release: Release, exported: Export, tmp_path: Path) -> None:
    users = {"216ed617-d77e-41e0-b948-c7b5b0c887be": exported.agreeing, "9a": at_random("ben")}
    path = argilla_export(tmp_path / "argilla.json", exported, users)
    done = import_review(release.root, exported.key_path, [path])
    assert [one.annotator for one in done.sheets] == ["argilla-216ed617", "argilla-9a"]
    assert all(pair.labels["argilla-216ed617"].better is Better.CHOSEN for pair in done.review.pairs)


# What cannot be read is told with its place


def _refused(release: Release, exported: Export, *files: Path, annotators: tuple[str, ...] = ()) -> str:
    before = (release.root / "manifest.json").read_bytes()
    with pytest.raises(UsageError) as caught:
        import_review(release.root, exported.key_path, files, annotators)
    assert (release.root / "manifest.json").read_bytes() == before
    assert not (release.root / "review.json").exists(), "nothing is stored where a cell is bad"
    return str(caught.value)


def test_every_bad_cell_is_told_at_once(
    filled: list[Filled], release: Release, exported: Export, tmp_path: Path
) -> None:
    filled[0]["error_a"] = "rude"
    filled[2]["error_b"] = "lack_of_empathy, template_response"
    filled[3]["better"] = "c"
    filled[4]["item"] = "pair-0"
    filled[5]["item"] = ""
    filled[7]["item"] = filled[6]["item"]
    path = write_csv(tmp_path / "anna.csv", filled, delimiter=";")
    lines = _refused(release, exported, path).splitlines()
    assert lines[0] == "6 bad cells:"
    offered = f"is none of none, {', '.join(ErrorType)}"
    assert [line.strip() for line in lines[1:]] == [
        f"{path}: row 2: column error_a: 'rude' {offered}",
        f"{path}: row 4: column error_b: 'lack_of_empathy, template_response' {offered}",
        f"{path}: row 5: column better: 'c' is none of a, b, tie",
        f"{path}: row 6: column item: 'pair-0' is not an item of this key",
        f"{path}: row 7: column item: is empty",
        f"{path}: row 9: column item: {filled[6]['item']} is already in row 8",
    ]


def test_many_bad_cells_are_told_in_part(
    filled: list[Filled], release: Release, exported: Export, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "anna.csv", [row | {"better": "x", "error_a": "y"} for row in filled])
    lines = _refused(release, exported, path).splitlines()
    assert (lines[0], lines[-1].strip(), len(lines)) == ("120 bad cells:", "… and 70 more", 52)


@pytest.mark.parametrize("value", [3, True, ["none"], {"x": 1}])
def test_what_is_no_text_is_no_answer(
    value: object, filled: list[Filled], release: Release, exported: Export, tmp_path: Path
) -> None:
    path = tmp_path / "anna.jsonl"
    path.write_text(json.dumps(filled[0] | {"error_a": value}))
    assert f"line 1: column error_a: {value!r} is none of" in _refused(release, exported, path)


def test_places_in_exports_of_tools(release: Release, exported: Export, tmp_path: Path) -> None:
    def fill(item: str, entry: KeyItem) -> Filled:
        return exported.agreeing(item, entry) | {"better": "both"}

    studio = label_studio_export(tmp_path / "studio.json", exported, {1: fill})
    first = _refused(release, exported, studio).splitlines()[1]
    assert first.strip() == f"{studio}: task 1: column better: 'both' is none of a, b, tie"
    argilla = argilla_export(tmp_path / "argilla.json", exported, {"u": fill})
    assert f"{argilla}: record 1: column better" in _refused(release, exported, argilla)


def test_two_annotations_of_one_person_on_one_task(release: Release, exported: Export, tmp_path: Path) -> None:
    path = label_studio_export(tmp_path / "studio.json", exported, {1: exported.agreeing})
    tasks = json.loads(path.read_bytes())
    tasks[3]["annotations"] *= 2
    path.write_text(json.dumps(tasks))
    assert "task 4: column item: " in _refused(release, exported, path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("anna.xlsx", b"PK\x03\x04", "save it as .csv"),
        ("anna", b"", "no ending"),
        ("anna.csv", b"", "row 1: there is no column item"),
        ("anna.csv", b"item;error_a;better\n", "row 1: there is no column error_b"),
        ("anna.csv", b'item,error_a,error_b,better\n"' + b"x" * 200_000, "no CSV: field larger"),
        ("anna.jsonl", b'{"item": "x"\n', "line 1: not JSON"),
        ("anna.jsonl", b"\n[1]\n", "line 2: no object"),
        ("anna.json", b"{}", "no list of objects"),
        ("anna.json", b"[1]", "no list of objects"),
        ("anna.json", b'[{"data": {"item": "x"}}]', "entry 1: neither Label Studio's"),
        ("anna.json", b"[", "not JSON"),
    ],
)
def test_a_file_that_is_no_sheet(
    name: str, content: bytes, told: str, release: Release, exported: Export, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    message = _refused(release, exported, path)
    assert str(path) in message
    assert told in message


def test_a_file_that_is_not_there(release: Release, exported: Export, tmp_path: Path) -> None:
    assert "cannot be read: No such file" in _refused(release, exported, tmp_path / "anna.csv")


# Who filled it


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("review_anna.csv", "anna"),
        ("Review - Anna B.csv", "Anna B"),
        ("review (2).csv", "2"),
        ("anna.csv", "anna"),
        ("reviewer3.csv", "reviewer3"),
    ],
)
def test_annotator_is_told_by_the_file(
    file: str, name: str, release: Release, exported: Export, tmp_path: Path
) -> None:
    path = exported.filled(tmp_path / file, exported.agreeing)
    assert [one.annotator for one in import_review(release.root, exported.key_path, [path]).sheets] == [name]


def test_annotators_must_be_told_apart(release: Release, exported: Export, tmp_path: Path) -> None:
    (tmp_path / "second").mkdir()
    one, other = (exported.filled(tmp_path / name, exported.agreeing) for name in ("anna.csv", "second/anna.csv"))
    nameless = exported.filled(tmp_path / "review.csv", exported.agreeing)
    assert "both by anna" in _refused(release, exported, one, other)
    assert "Name the file after the annotator" in _refused(release, exported, nameless)
    assert "give it once for each" in _refused(release, exported, one, other, annotators=("anna",))
    assert "a pseudonym, not an address" in _refused(release, exported, one, annotators=("anna@example.org",))
    done = import_review(release.root, exported.key_path, [one, other, nameless], ["x", "y", "z"])
    assert [sheet.annotator for sheet in done.sheets] == ["x", "y", "z"]


# Keys


def test_the_key_of_another_release_is_refused(release: Release, exported: Export, tmp_path: Path) -> None:
    key = json.loads(exported.key_path.read_bytes())
    item = next(iter(key["items"]))
    key["items"][item]["row_id"] = "0" * 32
    other = Export(tmp_path, exported.key, exported.errors)
    other.key_path.write_text(json.dumps(key))
    sheet = exported.filled(tmp_path / "anna.csv", exported.agreeing)
    assert f"{item} is {'0' * 32}, which {release.root} does not have in response" in _refused(release, other, sheet)


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"{", "not JSON"), (b'{"version": "1.0.0"}', "config: Field required"), (None, "cannot be read")],
)
def test_a_file_that_is_no_key(
    content: bytes | None, told: str, release: Release, exported: Export, tmp_path: Path
) -> None:
    other = Export(tmp_path, exported.key, exported.errors)
    if content is not None:
        other.key_path.write_bytes(content)
    assert told in _refused(release, other, tmp_path / "anna.csv")

"""`verify` rebuilds a release from itself and tells every alteration by file and row."""

import hashlib
import json
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.releases import (
    build_scripted,
    change_cell,
    change_manifest,
    change_rows,
    copy_release,
    flip_byte,
    flip_name,
    read_rows,
    refresh_hashes,
    shared_release,
)

from ipm_prefdial.builders.building.rebuild import Verification, rebuild, verify_release
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.prompts import library
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.errors import DataError

Row = dict[str, Any]


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever would talk to anybody fails."""

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("verify must not use the network")

    for name in ("connect", "connect_ex", "bind", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)


@pytest.fixture(scope="module")
def little(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of thirteen dialogues, some in every split; only to be read."""
    return build_scripted(tmp_path_factory.mktemp("little") / "release", limit=13)


@pytest.fixture
def release(little: Release, tmp_path: Path) -> Release:
    """A copy of it, to be altered."""
    return copy_release(tmp_path / "release", little)


def _name(value: object) -> str:
    """What a parameter is called in a test's id."""
    return "computed" if callable(value) else str(value)[:30]


def _shard(config: str, split: str = "train") -> str:
    return f"data/{config}/{split}-00000-of-00001.parquet"


def _usual(release: Release) -> int:
    """The row of a dialogue that seeker and supporter begin in turn and the seeker ends."""
    speakers = [[turn["speaker"] for turn in row["turns"]] for row in read_rows(release, _shard("dialogues"))]
    due = (["seeker", "supporter"], "seeker")
    return next(number for number, said in enumerate(speakers) if number > 0 and (said[:2], said[-1]) == due)


def _told(found: Verification, file: str, row: int | None = None) -> list[str]:
    """What was told of this file and row."""
    return [one.what for one in found.differences if (one.file, one.row) == (file, row)]


def _reset(manifest: dict[str, Any], field: str, value: Any) -> None:
    *way, last = (int(part) if part.isdigit() else part for part in field.split("/"))
    holder: Any = manifest
    for part in way:
        holder = holder[part]
    holder[last] = value(holder[last]) if callable(value) else value


def test_whole_release_verifies() -> None:
    found = verify_release(shared_release().root)
    assert found == Verification((), None, sum(record.rows or 0 for record in shared_release().manifest.files.values()))
    assert found.clean


def test_rebuild_gives_every_byte_again(little: Release, tmp_path: Path) -> None:
    again = rebuild(little, tmp_path / "again")
    files = sorted(path.relative_to(little.root) for path in little.root.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(again.root) for path in again.root.rglob("*") if path.is_file())
    for name in files:
        assert (again.root / name).read_bytes() == (little.root / name).read_bytes(), name


def test_verify_leaves_nothing_behind(release: Release, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    verify_release(release.root)
    assert sorted(tmp_path.rglob("*")) == before


def test_release_may_lie_in_any_folder(little: Release, tmp_path: Path) -> None:
    assert verify_release(copy_release(tmp_path / "another name", little).root).clean


_TEXT = "These words nobody wrote."

CELLS: tuple[tuple[str, int, str, Any], ...] = (
    ("strategy", 4, "prompt.0.content", _TEXT),
    ("strategy", 5, "rejected.0.content", "Others"),
    ("strategy", 6, "planner.draw", 1),
    ("strategy", 7, "turn", 99),
    ("response", 4, "chosen.0.content", _TEXT),
    ("response", 5, "rejected.0.content", lambda old: f"{old} "),
    ("response", 6, "rejected_verdict.rationale", ""),
    ("response", 7, "row_id", "0" * 32),
    ("response", 8, "chosen_verdict", None),
    ("joint", 3, "source", "elsewhere"),
    ("joint_sft", 3, "completion.0.content", _TEXT),
    ("strategy_sft", 3, "license", "mit"),
    ("response_sft", 3, "strategy", "Others"),
    ("dropped", 4, "reason", "cut_off"),
    ("dropped", 5, "human", _TEXT),
    ("dropped", 6, "inferred_by", None),
    ("dropped", 7, "detail", "so it was"),
)


@pytest.mark.parametrize("refresh", [False, True], ids=["hashes stale", "hashes fresh"])
@pytest.mark.parametrize(("config", "row", "column", "value"), CELLS, ids=_name)
def test_changed_cell_is_told_with_file_row_and_column(
    release: Release, config: str, row: int, column: str, value: Any, refresh: bool
) -> None:
    before = read_rows(release, _shard(config))[row]
    change_cell(release, _shard(config), row, column, value)
    assert read_rows(release, _shard(config))[row] != before
    if refresh:
        refresh_hashes(release.root)
    found = verify_release(release.root)
    (what,) = _told(found, _shard(config), row)
    assert what.startswith(f"{column.split('.')[0]}: not what the recorded answers give (row_id ")
    assert len([one for one in found.differences if one.row is not None]) == 1
    assert bool(_told(found, _shard(config))) is not refresh


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("reply", _TEXT),
        ("reply", lambda old: f"{old} "),
        ("finish_reason", "length"),
        ("model", "another"),
        ("revision", None),
        ("draw", 3),
        ("prompt_tokens", 1),
        ("structured", lambda old: not old),
        ("role", lambda old: "joint" if old == "judge" else "judge"),
        ("turn", 98),
        ("dialogue_id", "0" * 16),
        ("license", "mit"),
        ("row_id", "0" * 32),
        ("request_key", "0" * 64),
    ],
    ids=_name,
)
def test_changed_completion_is_told_with_file_and_row(release: Release, column: str, value: Any) -> None:
    row = next(
        number for number, row in enumerate(read_rows(release, _shard("completions"))) if number > 20 and row["reply"]
    )
    change_cell(release, _shard("completions"), row, column, value)
    refresh_hashes(release.root)
    assert "the completion was changed" in _told(verify_release(release.root), _shard("completions"), row)


def test_every_changed_row_is_told(release: Release) -> None:
    def spoil(rows: list[Row]) -> None:
        for row in rows[::2]:
            row["completion"][0]["content"] += "!"

    change_rows(release, _shard("response_sft"), spoil)
    count = len(read_rows(release, _shard("response_sft")))
    found = verify_release(refresh_hashes(release.root).root)
    assert [one.row for one in found.differences if one.row is not None] == list(range(0, count, 2))


def test_missing_and_surplus_rows_are_told(release: Release) -> None:
    lost = read_rows(release, _shard("strategy"))
    change_rows(release, _shard("strategy"), lambda rows: rows.pop())
    change_rows(release, _shard("joint"), lambda rows: rows.append(rows[0]))
    count = len(read_rows(release, _shard("joint")))
    found = verify_release(refresh_hashes(release.root).root)
    assert _told(found, _shard("strategy"), len(lost) - 1) == ["is missing"]
    assert _told(found, _shard("joint"), count - 1) == ["is not in the rebuild"]


@pytest.mark.parametrize(
    ("column", "value", "what"),
    [
        ("turns.2.text", _TEXT, "the dialogue was changed: its turns give the id"),
        ("turns.1.strategy", None, "either every supporter turn"),
        ("turns", [], "a dialogue has turns unless"),
        ("dialogue_id", "0" * 16, "the dialogue was changed"),
        ("withheld", True, "a dialogue has turns unless"),
    ],
    ids=_name,
)
def test_changed_dialogue_is_told_with_file_and_row(release: Release, column: str, value: Any, what: str) -> None:
    row = _usual(release)
    change_cell(release, _shard("dialogues"), row, column, value)
    refresh_hashes(release.root)
    told = [str(one) for one in verify_release(release.root).differences]
    assert any(f"{_shard('dialogues')}: row {row}: " in one and what in one for one in told)


def test_changed_strategy_of_a_turn_is_told_with_what_hangs_on_it(release: Release) -> None:
    row = _usual(release)
    change_cell(
        release, _shard("dialogues"), row, "turns.1.strategy", lambda old: "Others" if old != "Others" else "Question"
    )
    found = verify_release(refresh_hashes(release.root).root)
    assert not found.clean
    assert any("no answer of the" in one.what and "under key" in one.what for one in found.differences)


@pytest.mark.parametrize("column", ["source", "license"])
def test_changed_provenance_of_a_dialogue_is_told_with_its_rows(release: Release, column: str) -> None:
    dialogue_id = read_rows(release, _shard("dialogues"))[3]["dialogue_id"]
    change_cell(release, _shard("dialogues"), 3, column, "mit")
    found = verify_release(refresh_hashes(release.root).root)
    due = {
        number
        for number, row in enumerate(read_rows(release, _shard("response_sft")))
        if row["dialogue_id"] == dialogue_id
    }
    assert {one.row for one in found.differences if one.file == _shard("response_sft")} == due


# The manifest and the files around the tables


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        ("spec/seed", 1, "spec.seed: "),
        ("spec/notes", "Something else altogether.", "spec.notes: "),
        ("spec/judge/sampling/temperature", 0.5, "spec.judge: "),
        ("spec/steps", lambda old: old[:-1], "spec.steps: "),
        ("spec/errors", lambda old: old[:-1], "spec.errors: "),
        ("spec/splits/salt", "pepper", "spec.splits: "),
        ("spec_sha256", "0" * 64, "spec_sha256: "),
        ("counts/strategy/candidates", 1, "counts: "),
        ("counts/response/rows/train", lambda old: old + 1, "counts: "),
        ("counts/response/dropped/cut_off", lambda old: old + 1, "counts: "),
        ("usage/judge/calls", 1, "usage: "),
        ("usage/planner/completion_tokens", 1, "usage: "),
        ("license", "mit", "license: "),
        ("prompts/judge~three_errors@1", "0" * 64, "prompts: judge/three_errors@1 differs from the prompt released"),
    ],
    ids=_name,
)
def test_changed_field_of_the_manifest_is_told(release: Release, field: str, value: Any, what: str) -> None:
    change_manifest(release.root, lambda manifest: _reset_prompt(manifest, field, value))
    told = _told(verify_release(release.root), "manifest.json")
    assert [one for one in told if one.startswith(what)], told


def _reset_prompt(manifest: dict[str, Any], field: str, value: Any) -> None:
    way = field.split("/")
    holder: Any = manifest
    for part in way[:-1]:
        holder = holder[part.replace("~", "/")]
    last = way[-1].replace("~", "/")
    assert last in holder, f"the manifest of the scripted release has no {field}"
    holder[last] = value(holder[last]) if callable(value) else value


@pytest.mark.parametrize("field", ["models/judge/0/ref/name", "models/planner/0/ref/revision"])
def test_other_model_is_told_with_the_call_that_nobody_made(release: Release, field: str) -> None:
    change_manifest(release.root, lambda manifest: _reset(manifest, field, "another"))
    (told,) = _told(verify_release(release.root), "the rebuild")
    assert told.startswith("data/completions: no answer of the ")
    assert "another" in told


def test_lost_completion_is_told(release: Release) -> None:
    lost = read_rows(release, _shard("completions"))[11]["request_key"]
    change_rows(release, _shard("completions"), lambda rows: rows.pop(11))
    (told,) = _told(verify_release(refresh_hashes(release.root).root), "the rebuild")
    assert f"under key {lost}" in told


def test_edited_prompt_is_told(release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Templates whose lock was moved along: the release was not built with them."""
    _edit_prompt(tmp_path, monkeypatch, relock=True)
    found = verify_release(release.root)
    assert _told(found, "manifest.json") == [
        "prompts: planner/next_strategy@1 differs from the prompt released under this id"
    ]
    assert any("no answer of the planner" in what for what in _told(found, "the rebuild"))


def test_prompt_that_is_not_what_the_lock_says_is_told(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _edit_prompt(tmp_path, monkeypatch, relock=False)
    (told,) = _told(verify_release(release.root), "the rebuild")
    assert told.startswith("prompt planner/next_strategy@1 was edited after its release")


def _edit_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, relock: bool) -> None:
    folder = tmp_path / "prompts"
    shutil.copytree(Path(str(library._PACKAGE)) / "templates", folder / "templates")
    path = folder / "templates" / "planner" / "next_strategy@1.txt"
    path.write_text(path.read_text(encoding="utf-8").replace("Answer with", "Reply with"), encoding="utf-8")
    lock = (Path(str(library._PACKAGE)) / "prompts.lock").read_text(encoding="utf-8")
    if relock:
        lock = lock.replace(library.locked()["planner/next_strategy@1"], hashlib.sha256(path.read_bytes()).hexdigest())
    (folder / "prompts.lock").write_text(lock, encoding="utf-8")
    monkeypatch.setattr(library, "_PACKAGE", folder)
    for cached in (library.load_prompt, library.locked):
        monkeypatch.setattr(library, cached.__name__, cached.__wrapped__)
        monkeypatch.setattr("ipm_prefdial.builders.mining.plan.load_prompt", library.load_prompt)
    monkeypatch.setattr("ipm_prefdial.builders.building.rebuild.locked", library.locked)


@pytest.mark.parametrize("file", ["README.md", "CHANGELOG.md", "LICENSE", "splits.json"])
def test_changed_text_is_told(release: Release, file: str) -> None:
    path = release.root / file
    path.write_text(path.read_text(encoding="utf-8") + " \n", encoding="utf-8")
    assert _told(verify_release(release.root), file) == [
        "its bytes are not those in the manifest",
        "a rebuild writes something else",
    ]
    found = verify_release(refresh_hashes(release.root).root)
    assert [(one.file, one.what) for one in found.differences] == [(file, "a rebuild writes something else")]


def test_moved_dialogue_in_splits_json_is_told(release: Release) -> None:
    path = release.root / "splits.json"
    listed = json.loads(path.read_bytes())
    listed["splits"]["test"].append(listed["splits"]["train"].pop())
    path.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    found = verify_release(refresh_hashes(release.root).root)
    assert [(one.file, one.what) for one in found.differences] == [("splits.json", "a rebuild writes something else")]


def test_row_moved_to_another_split_is_told(release: Release) -> None:
    row = read_rows(release, _shard("response_sft"))[-1]
    change_rows(release, _shard("response_sft"), lambda rows: rows.pop())
    change_rows(release, _shard("response_sft", "test"), lambda rows: rows.append(row))
    found = verify_release(refresh_hashes(release.root).root)
    count = len(read_rows(release, _shard("response_sft")))
    assert _told(found, _shard("response_sft"), count) == ["is missing"]
    assert _told(
        found, _shard("response_sft", "test"), len(read_rows(release, _shard("response_sft", "test"))) - 1
    ) == ["is not in the rebuild"]


def test_removed_and_extra_files_are_told(release: Release) -> None:
    (release.root / "LICENSE").unlink()
    (release.root / _shard("joint")).unlink()
    (release.root / "notes.txt").touch()
    found = verify_release(release.root)
    assert _told(found, "LICENSE") == ["is gone", "a rebuild writes something else"]
    assert _told(found, _shard("joint")) == ["is gone", "is missing"]
    assert _told(found, "notes.txt") == ["is not in the manifest"]
    assert {one.file for one in found.differences} == {"LICENSE", _shard("joint"), "notes.txt"}


def test_table_that_no_rebuild_makes_is_told(release: Release) -> None:
    shutil.copy(release.root / _shard("joint"), release.root / "data/joint/train-00001-of-00002.parquet")
    extra = "data/joint/train-00001-of-00002.parquet"
    change_manifest(
        release.root, lambda manifest: manifest["files"].update({extra: manifest["files"][_shard("joint")]})
    )
    assert "a rebuild makes no such file" in _told(verify_release(release.root), extra)


# Damage


@pytest.mark.parametrize("config", ["dialogues", "completions", "strategy", "response", "dropped"])
@pytest.mark.parametrize("refresh", [False, True], ids=["hashes stale", "hashes fresh"])
def test_flipped_byte_is_told_with_the_rows_that_it_hits(release: Release, config: str, refresh: bool) -> None:
    file = _shard(config)
    metadata = pq.ParquetFile(release.root / file).metadata
    column = metadata.row_group(0).column(1)
    flip_byte(release.root / file, column.data_page_offset + column.total_compressed_size // 2)
    if refresh:
        refresh_hashes(release.root)
    found = verify_release(release.root)
    hit = f"rows 0 to {metadata.row_group(0).num_rows - 1} (row group 0): damaged: "
    assert [what for what in _told(found, file) if what.startswith(hit)]
    assert ("its bytes are not those in the manifest" in _told(found, file)) is not refresh


@pytest.mark.parametrize("part", [0.2, 0.5, 0.8])
def test_flipped_byte_anywhere_in_a_table_is_told_by_file(release: Release, part: float) -> None:
    path = release.root / _shard("response")
    flip_byte(path, int(path.stat().st_size * part))
    assert "its bytes are not those in the manifest" in _told(verify_release(release.root), _shard("response"))


def test_cut_table_is_told(release: Release) -> None:
    path = release.root / _shard("response")
    path.write_bytes(path.read_bytes()[:-50])
    found = verify_release(release.root)
    bytes_, read = _told(found, _shard("response"))
    assert bytes_ == "its bytes are not those in the manifest"
    assert read.startswith("cannot be read: ")


# Another writer of Parquet


def _rename_writer(release: Release, files: Callable[[str], bool] = lambda name: name.endswith(".parquet")) -> str:
    """Has files say that another version of the writer made them; the name that they then give."""
    name = str(pq.ParquetFile(release.root / _shard("dialogues")).metadata.created_by)
    other = name.translate(str.maketrans("0123456789", "1234567890"))
    for file in filter(files, release.manifest.files):
        path = release.root / file
        path.write_bytes(path.read_bytes().replace(name.encode(), other.encode()))
        assert pq.ParquetFile(path).metadata.created_by == other
    return other


def test_release_of_another_writer_is_compared_by_rows(release: Release) -> None:
    other = _rename_writer(release)
    found = verify_release(refresh_hashes(release.root).root)
    assert found.differences == ()
    assert found.other_writer == other


def test_changed_cell_is_told_under_another_writer_too(release: Release) -> None:
    change_cell(release, _shard("strategy"), 2, "turn", 77)
    other = _rename_writer(release)
    found = verify_release(refresh_hashes(release.root).root)
    assert len(_told(found, _shard("strategy"), 2)) == 1
    assert [one for one in found.differences if one.row is not None and one.file != _shard("strategy")] == []
    assert found.other_writer == other


def test_same_rows_packed_otherwise_by_the_same_writer_are_told(release: Release) -> None:
    change_rows(release, _shard("strategy"), lambda rows: None, compression="snappy")
    found = verify_release(refresh_hashes(release.root).root)
    assert _told(found, _shard("strategy")) == ["the rows equal the rebuild's, but the bytes of the file do not"]
    assert found.other_writer is None


def test_same_rows_packed_otherwise_by_another_writer_are_the_same(release: Release) -> None:
    for name in release.manifest.files:
        if name.endswith(".parquet"):
            change_rows(release, name, lambda rows: None, compression="zstd", compression_level=9, row_group_size=50)
    _rename_writer(release)
    found = verify_release(refresh_hashes(release.root).root)
    assert found.other_writer is not None
    # The card tells the size of every table, so it alone is another; no row and no table is.
    assert [one for one in found.differences if one.file != "README.md"] == []


# Licences


def _own_source(tmp_path: Path, license_id: str) -> Path:
    lines = Path(str(library._PACKAGE)).parent / "builders" / "sources" / "sample" / "people_and_loss.jsonl"
    path = tmp_path / "own.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for line in lines.read_text(encoding="utf-8").splitlines()[:3]:
            file.write(json.dumps(json.loads(line) | {"license": license_id}) + "\n")
    return path


def test_release_with_withheld_dialogues_asks_for_the_source(tmp_path: Path) -> None:
    release = build_scripted(tmp_path / "release", (str(_own_source(tmp_path, "academic-only")),))
    rows = list(release.rows(Config.DIALOGUES))
    assert [(row["withheld"], row["turns"], row["situation"]) for row in rows] == [(True, [], None)] * 3
    found = verify_release(release.root)
    (difference,) = found.differences
    assert "is withheld by its licence; give its source" in difference.what
    assert rows[0]["dialogue_id"] in difference.what
    with pytest.raises(DataError, match="give its source"):
        rebuild(release, tmp_path / "again")


def test_release_under_another_licence_verifies(tmp_path: Path) -> None:
    release = build_scripted(tmp_path / "release", (str(_own_source(tmp_path, "cc-by-nc-4.0")),))
    assert release.manifest.license == "cc-by-nc-4.0"
    assert verify_release(release.root).clean


# What follows is not as it should be; each reason says what happens instead.


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("position", lambda old: old + 1_000),
        ("problem", "nothing at all"),
        ("emotion", None),
        ("situation", _TEXT),
        ("turns.0.cues", [{"modality": "face", "description": "grins"}]),
        ("turns.-1.text", lambda old: old.upper()),
    ],
    ids=_name,
)
def test_changed_cell_of_a_dialogue_is_told_with_file_and_row(release: Release, column: str, value: Any) -> None:
    row = _usual(release)
    change_cell(release, _shard("dialogues"), row, column.replace("-1", str(_last_turn(release, row))), value)
    found = verify_release(refresh_hashes(release.root).root)
    told = [one for one in found.differences if one.row == row or f"{_shard('dialogues')}: row {row}" in one.what]
    assert told


def _last_turn(release: Release, row: int) -> int:
    """The number of the last turn of a dialogue."""
    return len(read_rows(release, _shard("dialogues"))[row]["turns"]) - 1


def test_changed_version_of_the_manifest_is_told(release: Release) -> None:
    change_manifest(release.root, lambda manifest: manifest.update(version="1.0.7"))
    assert not verify_release(release.root).clean


@pytest.mark.parametrize(("field", "value"), [("rows", 1), ("rows_sha256", "0" * 64), ("bytes", 1)])
def test_changed_record_of_a_file_is_told(release: Release, field: str, value: Any) -> None:
    change_manifest(release.root, lambda manifest: manifest["files"][_shard("strategy")].update({field: value}))
    assert not verify_release(release.root).clean


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("request_key", "no key"),
        ("request_key", None),
        ("reply", None),
        ("finish_reason", None),
        ("prompt_tokens", None),
        ("failure", "boredom"),
        ("failure", "timeout"),
    ],
)
def test_completion_that_is_none_is_told(release: Release, column: str, value: Any) -> None:
    row = next(number for number, row in enumerate(read_rows(release, _shard("completions"))) if row["reply"])
    change_cell(release, _shard("completions"), row, column, value)
    refresh_hashes(release.root)
    assert "the completion was changed" in _told(verify_release(release.root), _shard("completions"), row)


def test_dialogue_without_turns_is_told(release: Release) -> None:
    change_cell(release, _shard("dialogues"), 3, "turns", None)
    refresh_hashes(release.root)
    assert not verify_release(release.root).clean


def test_dialogue_with_an_unknown_licence_is_told(release: Release) -> None:
    change_cell(release, _shard("dialogues"), 3, "license", "beerware")
    refresh_hashes(release.root)
    assert not verify_release(release.root).clean


@pytest.mark.parametrize(
    ("config", "column"), [("dialogues", "withheld"), ("completions", "reply"), ("completions", "row_id")]
)
def test_table_without_one_of_its_columns_is_told(release: Release, config: str, column: str) -> None:
    path = release.root / _shard(config)
    pq.write_table(pq.read_table(path).drop_columns([column]), path)
    refresh_hashes(release.root)
    assert not verify_release(release.root).clean


@pytest.mark.parametrize("config", ["dialogues", "completions", "strategy"])
def test_flipped_byte_in_the_name_of_a_column_is_told(release: Release, config: str) -> None:
    flip_name(release.root / _shard(config), "dialogue_id")
    assert "its bytes are not those in the manifest" in _told(verify_release(release.root), _shard(config))


def test_damage_in_one_table_hides_nothing_in_another(release: Release) -> None:
    change_cell(release, _shard("strategy"), 2, "turn", 77)
    column = pq.ParquetFile(release.root / _shard("dropped")).metadata.row_group(0).column(1)
    flip_byte(release.root / _shard("dropped"), column.data_page_offset + column.total_compressed_size // 2)
    assert _told(verify_release(refresh_hashes(release.root).root), _shard("strategy"), 2)


def test_other_writer_of_a_single_table_is_said(release: Release) -> None:
    other = _rename_writer(release, lambda name: name == _shard("strategy"))
    found = verify_release(refresh_hashes(release.root).root)
    assert found.other_writer == other or not found.clean

"""Every rule speaks when it is broken, names file and row, and is silent otherwise."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.planting import Plant, Row, adding, findings, in_cell, in_manifest, in_rows, in_splits, places, shard
from support.releases import (
    build_scripted,
    change_cell,
    change_manifest,
    change_rows,
    flip_byte,
    flip_name,
    read_rows,
    refresh_hashes,
    write_rows,
)

from ipm_prefdial.builders.release.differences import changed_files
from ipm_prefdial.builders.release.findings import RULES
from ipm_prefdial.builders.release.layout import arrow_schema, config_and_split
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.refresh import refresh_views
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.strategy import Strategy


def _uncount(release: Release, file: str) -> None:
    """Takes a table's rows out of the manifest's counts, so that only the table's own fault speaks."""
    table = config_and_split(file)
    assert table is not None

    def change(manifest: dict[str, Any]) -> None:
        counts = manifest["counts"][table[0]]
        counts["candidates"] -= counts["rows"][table[1]]
        counts["rows"][table[1]] = 0

    change_manifest(release.root, change)


def _rewrite(release: Release, file: str, alter: Callable[[pa.Table], pa.Table]) -> None:
    table = alter(pq.read_table(release.root / file))
    pq.write_table(table, release.root / file)


def _other_columns(name: str, alter: Callable[[pa.Table], pa.Table]) -> Plant:
    file = shard("joint", "validation")

    def change(release: Release) -> None:
        _rewrite(release, file, alter)
        _uncount(release, file)

    return Plant(name, "configs", file, None, change)


def _say(release: Release, text: str, shown: bool) -> None:
    """Puts people's words into the release, and onto its card where they are `shown`."""
    if shown:
        refresh_views(release.root, {"maintainers.md": text})
        return
    (release.root / "maintainers.md").write_text(text)
    change_manifest(
        release.root, lambda manifest: manifest["files"].update({"maintainers.md": {"sha256": "", "bytes": 0}})
    )


def _lose_split(release: Release) -> None:
    file = shard("joint", "validation")
    (release.root / file).unlink()
    change_manifest(release.root, lambda manifest: manifest["files"].pop(file))
    _uncount(release, file)


def _damage(release: Release) -> None:
    file = shard("joint_sft", "test")
    flip_byte(
        release.root / file, pq.ParquetFile(release.root / file).metadata.row_group(0).column(6).data_page_offset + 60
    )
    _uncount(release, file)


def _cut(release: Release) -> None:
    file = shard("joint_sft", "test")
    data = (release.root / file).read_bytes()
    (release.root / file).write_bytes(data[:-9])
    _uncount(release, file)


def _repeat_call(release: Release) -> None:
    file = shard("completions")
    change_rows(release, file, lambda rows: rows.insert(8, rows[7] | {"row_id": "0" * 32}))
    change_manifest(
        release.root,
        lambda manifest: manifest["usage"]["planner"].update(calls=manifest["usage"]["planner"]["calls"] + 1),
    )


def _repeat_dialogue(release: Release) -> None:
    copy = read_rows(release, shard("dialogues"))[0] | {"row_id": "0" * 32}
    change_rows(release, shard("dialogues", "test"), lambda rows: rows.append(copy))


def _to_other_split(release: Release) -> None:
    other = read_rows(release, shard("dialogues", "test"))[0]["dialogue_id"]
    change_cell(release, shard("strategy_sft"), 5, "dialogue_id", other)


def _moves_one(listed: dict[str, Any]) -> None:
    listed["splits"]["test"].append(listed["splits"]["train"].pop())


def _forgets_one(listed: dict[str, Any]) -> None:
    listed["splits"]["train"].pop()


def _invents_one(listed: dict[str, Any]) -> None:
    listed["splits"]["train"].append("0" * 16)


def _has_no_splits(listed: dict[str, Any]) -> None:
    listed.clear()


def _copy_pair(rows: list[Row]) -> None:
    rows[9] |= {side: rows[2][side] for side in ("prompt", "chosen", "rejected")}


def _copy_strategy_pair(rows: list[Row]) -> None:
    columns = ("prompt", "chosen", "rejected", "chosen_strategy", "rejected_strategy")
    rows[9] |= {column: rows[2][column] for column in columns}


def _as_user(messages: list[Row]) -> list[Row]:
    return [*messages[:-1], messages[-1] | {"role": "assistant"}]


def _shouted(rows: list[Row]) -> None:
    rows[4]["rejected"][0]["content"] = f"«{rows[4]['chosen'][0]['content'].upper()}»  !"


def _another(rows: list[Row], row: int, side: str) -> None:
    """Puts a strategy into a side that is neither its own nor that of the other side."""
    taken = {rows[row]["chosen_strategy"], rows[row]["rejected_strategy"]}
    rows[row][side][0]["content"] = next(strategy.value for strategy in Strategy if strategy.value not in taken)


def _one_strategy(rows: list[Row]) -> None:
    rows[3]["rejected_strategy"] = rows[3]["chosen_strategy"]


def _other_error(rows: list[Row]) -> None:
    errors = {"lack_of_empathy": "emotion_misread"}
    rows[6]["rejected_error"] = errors.get(rows[6]["rejected_error"], "lack_of_empathy")


def _shift_drops(manifest: dict[str, Any]) -> None:
    counts = manifest["counts"]["response"]["dropped"]
    counts["cut_off"] -= 1
    counts["refused"] += 1


def _shift_rows(manifest: dict[str, Any]) -> None:
    rows = manifest["counts"]["response"]["rows"]
    rows["train"] -= 1
    rows["test"] += 1


_BLANK = [{"role": "assistant", "content": " \n"}]
_TWO = [{"role": "assistant", "content": "One."}, {"role": "assistant", "content": "Two."}]
_BY_USER = [{"role": "user", "content": "One."}]

PLANTS = (
    Plant("changed", "files", "CHANGELOG.md", None, lambda release: flip_byte(release.root / "CHANGELOG.md")),
    Plant("gone", "files", "LICENSE", None, lambda release: (release.root / "LICENSE").unlink()),
    Plant("extra", "files", "data/notes.txt", None, lambda release: (release.root / "data/notes.txt").touch()),
    Plant(
        "left over",
        "files",
        "data/joint/train-00001.part",
        None,
        lambda release: (release.root / "data/joint/train-00001.part").touch(),
    ),
    Plant("no split", "configs", "data/joint", None, _lose_split),
    _other_columns("renamed column", lambda table: table.rename_columns(["id", *table.column_names[1:]])),
    _other_columns("column less", lambda table: table.drop_columns(["turn"])),
    _other_columns("column more", lambda table: table.append_column("margin", pa.array([0.5] * len(table)))),
    _other_columns("other order", lambda table: table.select(table.column_names[::-1])),
    _other_columns("other type", lambda table: table.set_column(2, "turn", table.column("turn").cast(pa.string()))),
    Plant("damaged", "readable", shard("joint_sft", "test"), None, _damage),
    Plant("cut", "readable", shard("joint_sft", "test"), None, _cut),
    in_cell("not_null", "strategy_sft", 3, "source", None),
    in_cell("not_null", "response", 0, "prompt", None, "test"),
    in_cell("not_null", "response", 8, "rejected.0.content", None),
    in_cell("not_null", "joint", 8, "rejected_verdict.request_key", None),
    in_cell("not_null", "dialogues", 2, "turns.1.text", None),
    in_cell("not_null", "dropped", 8, "detail", None),
    in_cell("enum", "response_sft", 3, "strategy", "Listening"),
    in_cell("enum", "response_sft", 4, "strategy", "question"),
    in_cell("enum", "response", 5, "prompt.0.role", "tool"),
    in_cell("enum", "response", 7, "chosen_verdict.error", "rudeness"),
    in_cell("enum", "completions", 7, "role", "critic"),
    in_cell("enum", "dialogues", 7, "turns.0.speaker", "listener"),
    in_cell("enum", "dialogues", 7, "own_split", "dev"),
    in_cell("row_id", "joint", 6, "row_id", "6"),
    in_cell(
        "row_id",
        "joint",
        7,
        "row_id",
        lambda old: old.upper().replace("0", "G").replace("1", "H"),
        name="no hexadecimal",
    ),
    in_rows("row_id", "strategy_sft", 11, "twice", lambda rows: rows[11].update(row_id=rows[2]["row_id"])),
    in_cell("messages", "response_sft", 3, "prompt", []),
    in_cell("messages", "response", 3, "prompt", _as_user, "validation"),
    in_cell("messages", "response_sft", 12, "completion", []),
    in_cell("messages", "response_sft", 13, "completion", _BLANK, name="blank"),
    in_cell("messages", "response", 13, "chosen", _TWO),
    in_cell("messages", "response", 14, "rejected", _BY_USER),
    in_rows("sides_differ", "response", 4, "response", _shouted),
    in_rows("strategy", "strategy", 3, "chosen side", lambda rows: _another(rows, 3, "chosen")),
    in_rows("strategy", "strategy", 3, "rejected side", lambda rows: _another(rows, 3, "rejected")),
    in_rows("strategy", "strategy", 3, "same strategies", _one_strategy),
    in_cell("strategy", "strategy_sft", 4, "completion.0.content", "Listening"),
    in_cell("strategy", "response", 4, "rejected.0.content", "Hm. [ question ] What now?"),
    in_cell("strategy", "response", 5, "chosen.0.content", "【Others】 What now?"),
    in_cell("strategy", "response_sft", 6, "completion.0.content", "[Providing Suggestions] Go home."),
    in_cell("strategy", "joint", 4, "chosen.0.content", lambda old: old.partition("] ")[2]),
    in_cell("strategy", "joint", 5, "rejected.0.content", lambda old: f" {old}"),
    in_cell("strategy", "joint_sft", 5, "completion.0.content", lambda old: old.replace("[", "[The ")),
    in_rows("verdict", "response", 6, "other error", _other_error),
    in_cell("verdict", "joint", 6, "chosen_verdict.error", "lack_of_empathy"),
    in_cell("verdict", "joint", 7, "rejected_verdict.error", None),
    in_rows("duplicate_pair", "response", 9, "response", _copy_pair),
    in_rows("duplicate_pair", "strategy", 9, "strategy", _copy_strategy_pair),
    in_cell("known_call", "strategy", 15, "planner.request_key", "0" * 64),
    in_cell("known_call", "response", 15, "chosen_verdict.request_key", "0" * 64),
    in_cell("known_call", "joint", 15, "joint.request_key", ""),
    Plant("twice", "known_call", shard("completions"), 8, _repeat_call),
    in_cell("dialogue", "joint_sft", 20, "dialogue_id", "f" * 16),
    in_cell("dialogue", "dropped", 20, "source", "elsewhere"),
    in_cell("dialogue", "completions", 20, "license", "mit"),
    Plant("dialogue twice", "splits", shard("dialogues", "test"), 5, _repeat_dialogue),
    Plant("row of another", "splits", shard("strategy_sft"), 5, _to_other_split),
    *map(in_splits, (_moves_one, _forgets_one, _invents_one, _has_no_splits)),
    in_manifest("conservation", "candidates", adding("counts.joint.candidates", 1)),
    in_manifest("conservation", "drops", _shift_drops),
    in_manifest("conservation", "rows", _shift_rows),
    in_manifest("conservation", "uncounted", lambda manifest: manifest["counts"].pop("joint_sft")),
    in_manifest("conservation", "calls", adding("usage.judge.calls", -1)),
    Plant(
        "row lost",
        "conservation",
        "manifest.json",
        None,
        lambda release: change_rows(release, shard("joint_sft"), lambda rows: rows.pop(9)),
    ),
    Plant(
        "drop lost",
        "conservation",
        "manifest.json",
        None,
        lambda release: change_rows(release, shard("dropped"), lambda rows: rows.pop(9)),
    ),
    Plant(
        "call lost",
        "conservation",
        "manifest.json",
        None,
        lambda release: change_manifest(release.root, adding("usage.planner.calls", 2)),
    ),
    in_manifest("license", "milder", lambda manifest: manifest.update(license="mit")),
    in_manifest("license", "stricter", lambda manifest: manifest.update(license="unknown")),
    Plant("another in people's words", "license", "maintainers.md", None, lambda one: _say(one, "It is in CC0.", True)),
    Plant("html", "maintainers", "maintainers.md", None, lambda one: _say(one, "<b>bold</b>", False)),
    Plant("not shown", "maintainers", "README.md", None, lambda one: _say(one, "Words.", False)),
)


def test_untouched_release_has_no_findings(unaltered: Release) -> None:
    assert findings(unaltered) == []


_OF_TRACES = {"trace", "steps", "score", "weight"}
"""Faults of these are planted in `test_reasoned`."""


def test_every_rule_has_a_fault_planted_here() -> None:
    assert {plant.rule for plant in PLANTS} == set(RULES) - _OF_TRACES


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_planted_fault_is_found_and_nothing_else(release: Release, plant: Plant) -> None:
    plant.change(release)
    if plant.rule != "files":
        refresh_hashes(release.root)
    found = findings(release)
    assert {(one.rule, one.file, one.row) for one in found} == {plant.place}
    for one in found:
        assert one.detail
        assert str(one).startswith(f"{plant.rule}: {plant.file}{'' if plant.row is None else f': row {plant.row}'}: ")


def test_ten_faults_at_once_are_found_each(release: Release) -> None:
    planted = [plant for plant in PLANTS if str(plant) in _TEN]
    assert len(planted) == 10
    for plant in planted:
        plant.change(release)
    refresh_hashes(release.root)
    assert places(release) == {plant.place for plant in planted}


_TEN = {
    "not_null-strategy_sft.source",
    "enum-completions.role",
    "row_id-joint.row_id",
    "messages-response.rejected",
    "sides_differ-response",
    "strategy-joint_sft.completion.0.content",
    "duplicate_pair-response",
    "known_call-strategy.planner.request_key",
    "splits-_invents_one",
    "license-milder",
}


def test_all_rows_of_a_fault_are_found(release: Release) -> None:
    def spoil(rows: list[Row]) -> None:
        for row in rows[::3]:
            row["completion"] = _BLANK

    change_rows(release, shard("response_sft"), spoil)
    refresh_hashes(release.root)
    assert places(release) == {("messages", shard("response_sft"), row) for row in range(0, 269, 3)}


def test_row_numbers_count_through_row_groups_and_shards(release: Release) -> None:
    """Ten groups in each of two shards: a row is named by its place in its own file."""
    file = shard("response_sft")
    rows = read_rows(release, file)
    rows[115]["strategy"] = rows[260]["strategy"] = "Listening"
    rows[268]["row_id"] = rows[0]["row_id"]
    names = [f"data/response_sft/train-{shard:05d}-of-00002.parquet" for shard in range(2)]
    for name, part in zip(names, (rows[:150], rows[150:]), strict=True):
        write_rows(release.root / name, part, arrow_schema(Config.RESPONSE_SFT, 1), row_group_size=15)
    (release.root / file).unlink()

    def relist(manifest: dict[str, Any]) -> None:
        record = manifest["files"].pop(file)
        manifest["files"] |= {name: dict(record) for name in names}

    change_manifest(release.root, relist)
    refresh_hashes(release.root)
    assert places(release) == {("enum", names[0], 115), ("enum", names[1], 110), ("row_id", names[1], 118)}


@pytest.mark.parametrize(
    "options", [{"row_group_size": 60}, {"row_group_size": 10**6}, {"compression": "none"}, {"use_dictionary": False}]
)
def test_other_layout_of_the_same_rows_is_clean(release: Release, options: dict[str, Any]) -> None:
    for name in release.manifest.files:
        if name.endswith(".parquet"):
            change_rows(release, name, lambda rows: None, **options)
    refresh_hashes(release.root)
    assert findings(release) == []


def test_rows_of_a_large_group_are_named_beyond_the_first_batch(release: Release) -> None:
    """`completions` has more rows than a batch; here they lie in one group."""
    change_rows(release, shard("completions"), lambda rows: rows[1_500].update(role="critic"), row_group_size=10**6)
    refresh_hashes(release.root)
    assert places(release) == {("enum", shard("completions"), 1_500)}


def test_damage_is_told_with_the_rows_of_its_group(release: Release) -> None:
    _damage(release)
    refresh_hashes(release.root)
    (finding,) = findings(release)
    assert f"{shard('joint_sft', 'test')}: rows 0 to 36 (row group 0): damaged" in finding.detail


def test_everything_after_a_damaged_shard_is_still_checked(release: Release) -> None:
    _damage(release)
    change_cell(release, shard("joint_sft", "validation"), 2, "strategy", "Listening")
    change_cell(release, shard("dropped", "test"), 2, "reason", "boredom")
    refresh_hashes(release.root)
    found = places(release)
    assert {("readable", shard("joint_sft", "test"), None), ("enum", shard("joint_sft", "validation"), 2)} <= found
    assert ("enum", shard("dropped", "test"), 2) in found


def test_release_of_few_dialogues_is_clean(tmp_path: Path) -> None:
    """Its validation and test splits hold nothing."""
    small = build_scripted(tmp_path / "small", limit=3)
    assert [record.rows for name, record in small.manifest.files.items() if "response/" in name].count(0) >= 1
    assert findings(small) == []


@pytest.mark.parametrize("more", [-1, 1])
def test_a_size_that_is_not_the_files_is_told(release: Release, more: int) -> None:
    size = (release.root / "LICENSE").stat().st_size
    change_manifest(release.root, lambda manifest: manifest["files"]["LICENSE"].update(bytes=size + more))
    found = [str(one) for one in changed_files(Release(release.root))]
    assert found == [f"LICENSE: it has {size} bytes, the manifest says {size + more}"]


def test_hub_cache_beside_the_files_is_no_finding(release: Release) -> None:
    for name in (".cache/huggingface/x.lock", ".gitattributes", ".git/HEAD"):
        (release.root / name).parent.mkdir(parents=True, exist_ok=True)
        (release.root / name).touch()
    assert findings(release) == []


# What follows is not as it should be; each reason says what happens instead.


def test_batch_in_which_every_prompt_is_empty_is_told(release: Release) -> None:
    change_rows(release, shard("response", "test"), lambda rows: [row.update(prompt=[]) for row in rows])
    refresh_hashes(release.root)
    rows = len(read_rows(release, shard("response", "test")))
    assert places(release) == {("messages", shard("response", "test"), row) for row in range(rows)}


def test_columns_of_a_shard_without_rows_are_checked(tmp_path: Path) -> None:
    small = build_scripted(tmp_path / "small", limit=3)
    file = shard("response", "test")
    pq.write_table(pa.table({"nonsense": pa.array([], pa.string())}), small.root / file)
    refresh_hashes(small.root)
    assert places(small) == {("configs", file, None)}


@pytest.mark.parametrize("value", ["beerware", None])
def test_dialogue_with_an_unknown_licence_is_told(release: Release, value: str | None) -> None:
    change_cell(release, shard("dialogues"), 2, "license", value)
    refresh_hashes(release.root)
    assert any(place[1:] == (shard("dialogues"), 2) or place[0] == "license" for place in places(release))


def test_drop_without_a_reason_is_told(release: Release) -> None:
    change_cell(release, shard("dropped"), 2, "reason", None)
    refresh_hashes(release.root)
    assert ("not_null", shard("dropped"), 2) in places(release)


def test_rows_of_a_file_that_the_manifest_miscounts_are_told(release: Release) -> None:
    change_manifest(release.root, lambda manifest: manifest["files"][shard("completions")].update(rows=1))
    assert {place[:2] for place in places(release)} <= {
        ("conservation", "manifest.json"),
        ("files", shard("completions")),
    }
    assert places(release)


def test_bytes_of_a_file_that_the_manifest_miscounts_are_told(release: Release) -> None:
    change_manifest(release.root, lambda manifest: manifest["files"][shard("completions")].update(bytes=1))
    assert places(release)


def test_dialogue_that_splits_json_lists_twice_is_told(release: Release) -> None:
    plant = in_splits(_lists_one_twice)
    plant.change(release)
    refresh_hashes(release.root)
    assert places(release) == {plant.place}


def _lists_one_twice(listed: dict[str, Any]) -> None:
    listed["splits"]["train"].append(listed["splits"]["test"][0])


def test_flipped_byte_in_the_name_of_a_column_is_told(release: Release) -> None:
    file = shard("joint", "test")
    flip_name(release.root / file, "rejected_strategy")
    _uncount(release, file)
    refresh_hashes(release.root)
    assert {place[:2] for place in places(release)} <= {("readable", file), ("configs", file)}


def test_validating_leaves_the_release_as_it_is(release: Release, tmp_path: Path) -> None:
    shutil.copytree(release.root, tmp_path / "before")
    findings(release)
    for path in sorted((tmp_path / "before").rglob("*")):
        if path.is_file():
            assert (release.root / path.relative_to(tmp_path / "before")).read_bytes() == path.read_bytes()

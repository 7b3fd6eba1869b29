"""Every rule speaks when it is broken, names file and row, and is silent otherwise."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
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

from ipm_prefdial.builders.release.columns import arrow_schema
from ipm_prefdial.builders.release.finding import Finding
from ipm_prefdial.builders.release.layout import config_and_split
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import RULES, validate_release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.strategy import Strategy

Row = dict[str, Any]
Place = tuple[str, str, int | None]
"""Rule, file and row."""


def _shard(config: str, split: str = "train") -> str:
    return f"data/{config}/{split}-00000-of-00001.parquet"


def _found(release: Release) -> list[Finding]:
    return list(validate_release(Release(release.root)))


def _places(release: Release) -> set[Place]:
    return {(finding.rule, finding.file, finding.row) for finding in _found(release)}


@dataclass(frozen=True)
class Plant:
    """One fault, and where it must be found."""

    name: str
    rule: str
    file: str
    row: int | None
    change: Callable[[Release], None]
    """Alters the release; its manifest is then brought in line unless the rule is `files`."""

    @property
    def place(self) -> Place:
        """What must be found, and nothing else."""
        return (self.rule, self.file, self.row)

    def __str__(self) -> str:
        return f"{self.rule}-{self.name}"


def _cell(rule: str, config: str, row: int, column: str, value: Any, split: str = "train", name: str = "") -> Plant:
    file = _shard(config, split)

    def change(release: Release) -> None:
        change_cell(release, file, row, column, value)

    return Plant(name or f"{config}.{column}", rule, file, row, change)


def _rows(rule: str, config: str, row: int | None, name: str, change: Callable[[list[Row]], Any]) -> Plant:
    file = _shard(config)
    return Plant(name, rule, file, row, lambda release: change_rows(release, file, change))


def _of_manifest(rule: str, name: str, change: Callable[[dict[str, Any]], Any]) -> Plant:
    def alter(release: Release) -> None:
        change_manifest(release.root, change)

    return Plant(name, rule, "manifest.json", None, alter)


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
    file = _shard("joint", "validation")

    def change(release: Release) -> None:
        _rewrite(release, file, alter)
        _uncount(release, file)

    return Plant(name, "configs", file, None, change)


def _lose_split(release: Release) -> None:
    file = _shard("joint", "validation")
    (release.root / file).unlink()
    change_manifest(release.root, lambda manifest: manifest["files"].pop(file))
    _uncount(release, file)


def _damage(release: Release) -> None:
    file = _shard("joint_sft", "test")
    flip_byte(
        release.root / file, pq.ParquetFile(release.root / file).metadata.row_group(0).column(6).data_page_offset + 60
    )
    _uncount(release, file)


def _cut(release: Release) -> None:
    file = _shard("joint_sft", "test")
    data = (release.root / file).read_bytes()
    (release.root / file).write_bytes(data[:-9])
    _uncount(release, file)


def _repeat_call(release: Release) -> None:
    file = _shard("completions")
    change_rows(release, file, lambda rows: rows.insert(8, rows[7] | {"row_id": "0" * 32}))
    change_manifest(
        release.root,
        lambda manifest: manifest["usage"]["planner"].update(calls=manifest["usage"]["planner"]["calls"] + 1),
    )


def _repeat_dialogue(release: Release) -> None:
    copy = read_rows(release, _shard("dialogues"))[0] | {"row_id": "0" * 32}
    change_rows(release, _shard("dialogues", "test"), lambda rows: rows.append(copy))


def _to_other_split(release: Release) -> None:
    other = read_rows(release, _shard("dialogues", "test"))[0]["dialogue_id"]
    change_cell(release, _shard("strategy_sft"), 5, "dialogue_id", other)


def _alter_splits(change: Callable[[dict[str, Any]], Any]) -> Plant:
    def alter(release: Release) -> None:
        path = release.root / "splits.json"
        listed = json.loads(path.read_bytes())
        change(listed)
        path.write_text(json.dumps(listed), encoding="utf-8")

    return Plant(change.__name__, "splits", "splits.json", None, alter)


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


def _add(field: str, number: int) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        holder: Any = manifest
        *way, last = field.split(".")
        for part in way:
            holder = holder[part]
        holder[last] += number

    return change


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
    Plant("damaged", "readable", _shard("joint_sft", "test"), None, _damage),
    Plant("cut", "readable", _shard("joint_sft", "test"), None, _cut),
    _cell("not_null", "strategy_sft", 3, "source", None),
    _cell("not_null", "response", 0, "prompt", None, "test"),
    _cell("not_null", "response", 8, "rejected.0.content", None),
    _cell("not_null", "joint", 8, "rejected_verdict.request_key", None),
    _cell("not_null", "dialogues", 2, "turns.1.text", None),
    _cell("not_null", "dropped", 8, "detail", None),
    _cell("enum", "response_sft", 3, "strategy", "Listening"),
    _cell("enum", "response_sft", 4, "strategy", "question"),
    _cell("enum", "response", 5, "prompt.0.role", "tool"),
    _cell("enum", "response", 7, "chosen_verdict.error", "rudeness"),
    _cell("enum", "completions", 7, "role", "critic"),
    _cell("enum", "dialogues", 7, "turns.0.speaker", "listener"),
    _cell("enum", "dialogues", 7, "own_split", "dev"),
    _cell("row_id", "joint", 6, "row_id", "6"),
    _cell(
        "row_id",
        "joint",
        7,
        "row_id",
        lambda old: old.upper().replace("0", "G").replace("1", "H"),
        name="no hexadecimal",
    ),
    _rows("row_id", "strategy_sft", 11, "twice", lambda rows: rows[11].update(row_id=rows[2]["row_id"])),
    _cell("messages", "response_sft", 3, "prompt", []),
    _cell("messages", "response", 3, "prompt", _as_user, "validation"),
    _cell("messages", "response_sft", 12, "completion", []),
    _cell("messages", "response_sft", 13, "completion", _BLANK, name="blank"),
    _cell("messages", "response", 13, "chosen", _TWO),
    _cell("messages", "response", 14, "rejected", _BY_USER),
    _rows("sides_differ", "response", 4, "response", _shouted),
    _rows("strategy", "strategy", 3, "chosen side", lambda rows: _another(rows, 3, "chosen")),
    _rows("strategy", "strategy", 3, "rejected side", lambda rows: _another(rows, 3, "rejected")),
    _rows("strategy", "strategy", 3, "same strategies", _one_strategy),
    _cell("strategy", "strategy_sft", 4, "completion.0.content", "Listening"),
    _cell("strategy", "response", 4, "rejected.0.content", "Hm. [ question ] What now?"),
    _cell("strategy", "response", 5, "chosen.0.content", "【Others】 What now?"),
    _cell("strategy", "response_sft", 6, "completion.0.content", "[Providing Suggestions] Go home."),
    _cell("strategy", "joint", 4, "chosen.0.content", lambda old: old.partition("] ")[2]),
    _cell("strategy", "joint", 5, "rejected.0.content", lambda old: f" {old}"),
    _cell("strategy", "joint_sft", 5, "completion.0.content", lambda old: old.replace("[", "[The ")),
    _rows("verdict", "response", 6, "other error", _other_error),
    _cell("verdict", "joint", 6, "chosen_verdict.error", "lack_of_empathy"),
    _cell("verdict", "joint", 7, "rejected_verdict.error", None),
    _rows("duplicate_pair", "response", 9, "response", _copy_pair),
    _rows("duplicate_pair", "strategy", 9, "strategy", _copy_strategy_pair),
    _cell("known_call", "strategy", 15, "planner.request_key", "0" * 64),
    _cell("known_call", "response", 15, "chosen_verdict.request_key", "0" * 64),
    _cell("known_call", "joint", 15, "joint.request_key", ""),
    Plant("twice", "known_call", _shard("completions"), 8, _repeat_call),
    _cell("dialogue", "joint_sft", 20, "dialogue_id", "f" * 16),
    _cell("dialogue", "dropped", 20, "source", "elsewhere"),
    _cell("dialogue", "completions", 20, "license", "mit"),
    Plant("dialogue twice", "splits", _shard("dialogues", "test"), 5, _repeat_dialogue),
    Plant("row of another", "splits", _shard("strategy_sft"), 5, _to_other_split),
    *map(_alter_splits, (_moves_one, _forgets_one, _invents_one, _has_no_splits)),
    _of_manifest("conservation", "candidates", _add("counts.joint.candidates", 1)),
    _of_manifest("conservation", "drops", _shift_drops),
    _of_manifest("conservation", "rows", _shift_rows),
    _of_manifest("conservation", "uncounted", lambda manifest: manifest["counts"].pop("joint_sft")),
    _of_manifest("conservation", "calls", _add("usage.judge.calls", -1)),
    Plant(
        "row lost",
        "conservation",
        "manifest.json",
        None,
        lambda release: change_rows(release, _shard("joint_sft"), lambda rows: rows.pop(9)),
    ),
    Plant(
        "drop lost",
        "conservation",
        "manifest.json",
        None,
        lambda release: change_rows(release, _shard("dropped"), lambda rows: rows.pop(9)),
    ),
    Plant(
        "call lost",
        "conservation",
        "manifest.json",
        None,
        lambda release: change_manifest(release.root, _add("usage.planner.calls", 2)),
    ),
    _of_manifest("license", "milder", lambda manifest: manifest.update(license="mit")),
    _of_manifest("license", "stricter", lambda manifest: manifest.update(license="unknown")),
)


def test_untouched_release_has_no_findings(unaltered: Release) -> None:
    assert _found(unaltered) == []


def test_every_rule_has_a_fault_planted_here() -> None:
    assert {plant.rule for plant in PLANTS} == set(RULES)


@pytest.mark.parametrize("plant", PLANTS, ids=str)
def test_planted_fault_is_found_and_nothing_else(release: Release, plant: Plant) -> None:
    plant.change(release)
    if plant.rule != "files":
        refresh_hashes(release.root)
    found = _found(release)
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
    assert _places(release) == {plant.place for plant in planted}


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

    change_rows(release, _shard("response_sft"), spoil)
    refresh_hashes(release.root)
    assert _places(release) == {("messages", _shard("response_sft"), row) for row in range(0, 269, 3)}


def test_row_numbers_count_through_row_groups_and_shards(release: Release) -> None:
    """Ten groups in each of two shards: a row is named by its place in its own file."""
    file = _shard("response_sft")
    rows = read_rows(release, file)
    rows[115]["strategy"] = rows[260]["strategy"] = "Listening"
    rows[268]["row_id"] = rows[0]["row_id"]
    names = [f"data/response_sft/train-{shard:05d}-of-00002.parquet" for shard in range(2)]
    for name, part in zip(names, (rows[:150], rows[150:]), strict=True):
        write_rows(release.root / name, part, arrow_schema(Config.RESPONSE_SFT), row_group_size=15)
    (release.root / file).unlink()

    def relist(manifest: dict[str, Any]) -> None:
        record = manifest["files"].pop(file)
        manifest["files"] |= {name: dict(record) for name in names}

    change_manifest(release.root, relist)
    refresh_hashes(release.root)
    assert _places(release) == {("enum", names[0], 115), ("enum", names[1], 110), ("row_id", names[1], 118)}


@pytest.mark.parametrize(
    "options", [{"row_group_size": 60}, {"row_group_size": 10**6}, {"compression": "none"}, {"use_dictionary": False}]
)
def test_other_layout_of_the_same_rows_is_clean(release: Release, options: dict[str, Any]) -> None:
    for name in release.manifest.files:
        if name.endswith(".parquet"):
            change_rows(release, name, lambda rows: None, **options)
    refresh_hashes(release.root)
    assert _found(release) == []


def test_rows_of_a_large_group_are_named_beyond_the_first_batch(release: Release) -> None:
    """`completions` has more rows than a batch; here they lie in one group."""
    change_rows(release, _shard("completions"), lambda rows: rows[1_500].update(role="critic"), row_group_size=10**6)
    refresh_hashes(release.root)
    assert _places(release) == {("enum", _shard("completions"), 1_500)}


def test_damage_is_told_with_the_rows_of_its_group(release: Release) -> None:
    _damage(release)
    refresh_hashes(release.root)
    (finding,) = _found(release)
    assert f"{_shard('joint_sft', 'test')}: rows 0 to 36 (row group 0): damaged" in finding.detail


def test_everything_after_a_damaged_shard_is_still_checked(release: Release) -> None:
    _damage(release)
    change_cell(release, _shard("joint_sft", "validation"), 2, "strategy", "Listening")
    change_cell(release, _shard("dropped", "test"), 2, "reason", "boredom")
    refresh_hashes(release.root)
    found = _places(release)
    assert {("readable", _shard("joint_sft", "test"), None), ("enum", _shard("joint_sft", "validation"), 2)} <= found
    assert ("enum", _shard("dropped", "test"), 2) in found


def test_release_of_few_dialogues_is_clean(tmp_path: Path) -> None:
    """Its validation and test splits hold nothing."""
    small = build_scripted(tmp_path / "small", limit=3)
    assert [record.rows for name, record in small.manifest.files.items() if "response/" in name].count(0) >= 1
    assert _found(small) == []


def test_hub_cache_beside_the_files_is_no_finding(release: Release) -> None:
    for name in (".cache/huggingface/x.lock", ".gitattributes", ".git/HEAD"):
        (release.root / name).parent.mkdir(parents=True, exist_ok=True)
        (release.root / name).touch()
    assert _found(release) == []


# What follows is not as it should be; each reason says what happens instead.


def test_batch_in_which_every_prompt_is_empty_is_told(release: Release) -> None:
    change_rows(release, _shard("response", "test"), lambda rows: [row.update(prompt=[]) for row in rows])
    refresh_hashes(release.root)
    rows = len(read_rows(release, _shard("response", "test")))
    assert _places(release) == {("messages", _shard("response", "test"), row) for row in range(rows)}


def test_columns_of_a_shard_without_rows_are_checked(tmp_path: Path) -> None:
    small = build_scripted(tmp_path / "small", limit=3)
    file = _shard("response", "test")
    pq.write_table(pa.table({"nonsense": pa.array([], pa.string())}), small.root / file)
    refresh_hashes(small.root)
    assert _places(small) == {("configs", file, None)}


@pytest.mark.parametrize("value", ["beerware", None])
def test_dialogue_with_an_unknown_licence_is_told(release: Release, value: str | None) -> None:
    change_cell(release, _shard("dialogues"), 2, "license", value)
    refresh_hashes(release.root)
    assert any(place[1:] == (_shard("dialogues"), 2) or place[0] == "license" for place in _places(release))


def test_drop_without_a_reason_is_told(release: Release) -> None:
    change_cell(release, _shard("dropped"), 2, "reason", None)
    refresh_hashes(release.root)
    assert ("not_null", _shard("dropped"), 2) in _places(release)


def test_rows_of_a_file_that_the_manifest_miscounts_are_told(release: Release) -> None:
    change_manifest(release.root, lambda manifest: manifest["files"][_shard("completions")].update(rows=1))
    assert {place[:2] for place in _places(release)} <= {
        ("conservation", "manifest.json"),
        ("files", _shard("completions")),
    }
    assert _places(release)


def test_bytes_of_a_file_that_the_manifest_miscounts_are_told(release: Release) -> None:
    change_manifest(release.root, lambda manifest: manifest["files"][_shard("completions")].update(bytes=1))
    assert _places(release)


def test_dialogue_that_splits_json_lists_twice_is_told(release: Release) -> None:
    plant = _alter_splits(_lists_one_twice)
    plant.change(release)
    refresh_hashes(release.root)
    assert _places(release) == {plant.place}


def _lists_one_twice(listed: dict[str, Any]) -> None:
    listed["splits"]["train"].append(listed["splits"]["test"][0])


def test_flipped_byte_in_the_name_of_a_column_is_told(release: Release) -> None:
    file = _shard("joint", "test")
    flip_name(release.root / file, "rejected_strategy")
    _uncount(release, file)
    refresh_hashes(release.root)
    assert {place[:2] for place in _places(release)} <= {("readable", file), ("configs", file)}


def test_validating_leaves_the_release_as_it_is(release: Release, tmp_path: Path) -> None:
    shutil.copytree(release.root, tmp_path / "before")
    _found(release)
    for path in sorted((tmp_path / "before").rglob("*")):
        if path.is_file():
            assert (release.root / path.relative_to(tmp_path / "before")).read_bytes() == path.read_bytes()

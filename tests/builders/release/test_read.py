"""A release is read as a stream, and what is damaged is told with its place."""

import json
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.releases import change_cell, change_manifest, change_rows, flip_byte

from ipm_prefdial.builders.release.read import Release, placed_dialogues, read_manifest
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import DataError, UsageError

_TRAIN = "data/response_sft/train-00000-of-00001.parquet"
_DIALOGUES = "data/dialogues/train-00000-of-00001.parquet"


def _damage_group(release: Release, group: int) -> None:
    """Splits a shard into groups of 100 rows and flips a byte in the words of one of them."""
    change_rows(release, _TRAIN, lambda rows: None, row_group_size=100)
    path = release.root / _TRAIN
    column = pq.ParquetFile(path).metadata.row_group(group).column(6)
    assert column.path_in_schema == "prompt.list.element.content"
    flip_byte(path, column.data_page_offset + column.total_compressed_size // 2)


def test_damaged_group_is_told_with_its_rows(release: Release) -> None:
    _damage_group(release, 1)
    with pytest.raises(DataError, match=rf"^{_TRAIN}: rows 100 to 199 \(row group 1\): damaged: .") as told:
        list(release.rows(Config.RESPONSE_SFT))
    assert "\n" not in str(told.value)


def test_rows_before_the_damage_can_be_read(release: Release) -> None:
    whole = list(release.rows(Config.RESPONSE_SFT, Split.TRAIN))
    _damage_group(release, 1)
    rows = release.rows(Config.RESPONSE_SFT, Split.TRAIN)
    assert [next(rows) for _ in range(100)] == whole[:100]


@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "text"])
def test_shard_that_cannot_be_opened_is_told_by_name(release: Release, damage: str) -> None:
    path = release.root / _TRAIN
    data = path.read_bytes()
    path.unlink()
    if damage != "gone":
        path.write_bytes({"empty": b"", "cut": data[:-100], "text": b"row_id,turn\n1,2\n"}[damage])
    with pytest.raises(DataError, match=rf"^{_TRAIN}: cannot be read: ."):
        next(release.batches(path))


def test_rows_come_by_split_and_shard(unaltered: Release) -> None:
    by_split = {split: list(unaltered.rows(Config.STRATEGY, split)) for split in Split}
    assert list(unaltered.rows(Config.STRATEGY)) == [row for split in Split for row in by_split[split]]
    assert all(by_split.values())


def test_files_come_in_order_of_split_and_number(release: Release) -> None:
    record = release.manifest.files[_TRAIN].model_dump()
    names = [_TRAIN.replace("00000-of-00001", f"{number:05d}-of-00011") for number in range(11)]
    again = change_manifest(
        release.root, lambda manifest: manifest["files"].update(dict.fromkeys(reversed(names), record))
    )
    assert [again.name_of(path) for path in again.files(Config.RESPONSE_SFT, Split.TRAIN)] == sorted([_TRAIN, *names])
    places = [list(Split).index(Split(path.name.split("-")[0])) for path in again.files(Config.RESPONSE_SFT)]
    assert places == sorted(places)


def test_missing_folder_and_missing_manifest_are_told_apart(release: Release, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nowhere: no such folder"):
        Release(tmp_path / "nowhere")
    (release.root / "manifest.json").unlink()
    with pytest.raises(UsageError, match=r"release: no release: there is no manifest\.json in it"):
        Release(release.root)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("limit", "many"),
        ("files.LICENSE.bytes", "big"),
        ("spec.planner.draws", 0),
        ("counts.strategy.candidates", -1),
        ("sources.0.kind", None),
        ("surplus", 1),
    ],
)
def test_bad_manifest_names_the_field(release: Release, field: str, value: object) -> None:
    def spoil(manifest: dict) -> None:  # type: ignore[type-arg]
        holder = manifest
        *way, last = field.split(".")
        for part in way:
            holder = holder[int(part) if part.isdigit() else part]
        holder[last] = value

    with pytest.raises(DataError, match=rf"manifest\.json: {field}: "):
        change_manifest(release.root, spoil)


@pytest.mark.parametrize("data", [b"{", b"\xff{}", b""])
def test_manifest_that_is_no_json_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"manifest\.json: not JSON: "):
        read_manifest(path)


def test_manifest_survives_being_written(unaltered: Release) -> None:
    text = (unaltered.root / "manifest.json").read_text(encoding="utf-8")
    assert json.loads(text) == unaltered.manifest.model_dump(mode="json")


def test_dialogues_come_in_source_order_whatever_their_split(unaltered: Release) -> None:
    found = list(placed_dialogues(unaltered))
    assert [placed.position for placed in found] == list(range(50))
    assert {placed.split for placed in found} == set(Split)
    assert any(a.split is not b.split for a, b in pairwise(found))


def test_changed_dialogue_is_told_with_file_and_row(release: Release) -> None:
    change_cell(release, _DIALOGUES, 3, "turns.0.text", "Quite another thing.")
    with pytest.raises(DataError, match=rf"^{_DIALOGUES}: row 3: the dialogue was changed"):
        list(placed_dialogues(release))


def test_dialogue_that_is_none_is_told_with_file_row_and_field(release: Release) -> None:
    change_cell(release, _DIALOGUES, 2, "turns", [])
    with pytest.raises(DataError, match=rf"^{_DIALOGUES}: row 2: turns: "):
        list(placed_dialogues(release))


def test_withheld_dialogue_asks_for_its_source(release: Release) -> None:
    change_cell(release, _DIALOGUES, 1, "withheld", True)
    with pytest.raises(
        DataError,
        match=rf"^{_DIALOGUES}: row 1: dialogue [0-9a-f]{{16}} is withheld by its licence; give its source instead",
    ):
        list(placed_dialogues(release))

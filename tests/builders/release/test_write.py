"""Tables are written whole, in order, in shards, and to the same bytes for the same rows."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from support.releases import digest_of_rows, read_rows

from ipm_prefdial.builders.release.layout import arrow_schema, config_and_split
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.write import ReleaseWriter, TableWriter, disk_errors, write_text
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import UsageError
from ipm_prefdial.schemas.rows import row_id


def _row(number: int) -> dict[str, Any]:
    return {
        "row_id": row_id(Config.RESPONSE_SFT, "0" * 16, number),
        "dialogue_id": "0" * 16,
        "turn": number,
        "source": "invented",
        "license": "mit",
        "prompt": [{"role": "user", "content": f"The kettle broke {number} times. ☕"}],
        "completion": [{"role": "assistant", "content": f"That is {number} cold mornings."}],
        "strategy": "Question",
    }


def _write(root: Path, rows: list[dict[str, Any]]) -> TableWriter:
    writer = TableWriter(root, Config.RESPONSE_SFT, Split.TRAIN, arrow_schema(Config.RESPONSE_SFT, 1))
    for row in rows:
        writer.add(row)
    return writer


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ipm_prefdial.builders.release.write.ROWS_PER_GROUP", 4)
    monkeypatch.setattr("ipm_prefdial.builders.release.write.ROWS_PER_SHARD", 10)


def test_same_rows_give_same_bytes(tmp_path: Path) -> None:
    rows = [_row(number) for number in range(2_300)]
    first, second = (_write(tmp_path / name, rows).finish() for name in "ab")
    assert first == second
    (name,) = first
    assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_other_rows_give_other_records(tmp_path: Path) -> None:
    one, other = (_write(tmp_path / str(start), [_row(start), _row(9)]).finish() for start in (1, 2))
    (first,), (second,) = one.values(), other.values()
    assert first.rows_sha256 != second.rows_sha256
    assert first.sha256 != second.sha256


def test_order_of_columns_in_a_row_does_not_change_the_record(tmp_path: Path) -> None:
    turned = dict(reversed(list(_row(1).items())))
    assert _write(tmp_path / "a", [_row(1)]).finish() == _write(tmp_path / "b", [turned]).finish()


def test_every_column_has_a_page_index_and_zstd(unaltered: Release) -> None:
    for name in unaltered.manifest.files:
        if name.endswith(".parquet"):
            metadata = pq.ParquetFile(unaltered.root / name).metadata
            assert metadata.num_row_groups > 0
            for group in range(metadata.num_row_groups):
                for column in map(metadata.row_group(group).column, range(metadata.num_columns)):
                    assert column.has_column_index and column.has_offset_index, (name, column.path_in_schema)
                    assert column.compression == "ZSTD"


def test_rows_come_back_as_they_went_in(tmp_path: Path) -> None:
    rows = [_row(number) for number in range(5)]
    (name,) = _write(tmp_path, rows).finish()
    assert pq.read_table(tmp_path / name).to_pylist() == rows


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 20, 35])
def test_shards_are_numbered_and_hold_the_rows_in_order(tmp_path: Path, small_shards: None, count: int) -> None:
    rows = [_row(number) for number in range(count)]
    records = _write(tmp_path, rows).finish()
    shards = max(1, -(-count // 10))
    names = [f"data/response_sft/train-{shard:05d}-of-{shards:05d}.parquet" for shard in range(shards)]
    assert list(records) == names
    found = [pq.read_table(tmp_path / name).to_pylist() for name in names]
    assert [row for shard in found for row in shard] == rows
    assert [records[name].rows for name in names] == [len(shard) for shard in found]
    assert [records[name].rows_sha256 for name in names] == [digest_of_rows(shard) for shard in found]
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [Path(name).name for name in names]


def test_row_groups_have_the_stated_size(tmp_path: Path, small_shards: None) -> None:
    (name,) = _write(tmp_path, [_row(number) for number in range(9)]).finish()
    metadata = pq.ParquetFile(tmp_path / name).metadata
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [4, 4, 1]


def test_table_without_rows_has_its_columns(tmp_path: Path) -> None:
    (name,) = _write(tmp_path, []).finish()
    assert pq.read_table(tmp_path / name).num_rows == 0
    assert pq.read_schema(tmp_path / name).equals(arrow_schema(Config.RESPONSE_SFT, 1))


def test_digests_in_the_manifest_are_those_of_the_rows_in_the_files(unaltered: Release) -> None:
    tables = {name: record for name, record in unaltered.manifest.files.items() if name.endswith(".parquet")}
    assert len(tables) == 25
    for name, record in tables.items():
        rows = read_rows(unaltered, name)
        assert record.rows == len(rows), name
        assert record.rows_sha256 == digest_of_rows(rows), name
        assert record.bytes == (unaltered.root / name).stat().st_size, name


def test_nothing_unfinished_is_left(unaltered: Release) -> None:
    assert [path for path in unaltered.root.rglob("*") if path.is_file() and path.suffix == ".part"] == []


@pytest.mark.parametrize(("layout", "tables"), [(1, 8 * 3 + 1), (2, 8 * 3 + 2)])
def test_every_config_and_split_has_a_table_even_without_rows(tmp_path: Path, layout: int, tables: int) -> None:
    records = ReleaseWriter(tmp_path, layout).finish()
    assert len(records) == tables
    assert {record.rows for record in records.values()} == {0}


def test_rows_are_counted_by_table(tmp_path: Path) -> None:
    writer = ReleaseWriter(tmp_path, 1)
    for split in (Split.TRAIN, Split.TEST, Split.TEST):
        writer.add(Config.RESPONSE_SFT, split, _row(writer.count(Config.RESPONSE_SFT, split)))
    counts = {split: writer.count(Config.RESPONSE_SFT, split) for split in Split}
    assert counts == {Split.TRAIN: 1, Split.VALIDATION: 0, Split.TEST: 2}
    records = {name: record.rows for name, record in writer.finish().items() if record.rows}
    assert {config_and_split(name): rows for name, rows in records.items()} == {
        (Config.RESPONSE_SFT, split): rows for split, rows in counts.items() if rows
    }


def test_text_is_written_with_plain_line_ends(tmp_path: Path) -> None:
    record = write_text(tmp_path / "a.txt", "one\ntwo ☕\n")
    assert (tmp_path / "a.txt").read_bytes() == "one\ntwo ☕\n".encode()
    assert (record.bytes, record.rows, record.rows_sha256) == (12, None, None)


def test_manifest_is_sorted_json_with_a_last_line_end(unaltered: Release) -> None:
    text = (unaltered.root / "manifest.json").read_text(encoding="utf-8")
    assert text.endswith("}\n")
    assert list(json.loads(text)["files"]) == sorted(json.loads(text)["files"])


def test_full_disk_is_told_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match=r"train\.part: cannot be written: No space left on device; make room"),
        disk_errors(tmp_path),
    ):
        raise OSError(28, "No space left on device", "train.part")


def test_unwritable_folder_without_a_name_is_told_with_the_out_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be written: gone"), disk_errors(tmp_path):
        raise OSError("gone")

"""What differs between two releases is told by row and column, and it is what a plain comparison finds."""

import random
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.diffs import response_rows, write_small
from support.releases import (
    Row,
    build_scripted,
    change_cell,
    change_manifest,
    change_rows,
    flip_byte,
    read_rows,
    refresh_hashes,
)

from ipm_prefdial.builders.release.diff import _store as store
from ipm_prefdial.builders.release.diff.run import diff_releases
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.diff import ConfigDiff, Diff, Presence, RowChange
from ipm_prefdial.schemas.errors import DataError, UsageError
from ipm_prefdial.schemas.spec import Bump, largest

TRAIN = "data/response/train-00000-of-00001.parquet"
TEST = "data/response/test-00000-of-00001.parquet"


def _config(diff: Diff, config: Config = Config.RESPONSE) -> ConfigDiff:
    return next(one for one in diff.configs if one.config == config)


def _differing(diff: Diff) -> list[str]:
    return [one.config for one in diff.configs if one.differs]


def _rewrite(release: Release, config: Config, alter: Callable[[pa.Table], pa.Table], **options: Any) -> Release:
    """Every file of a config altered as a table."""
    for path in release.files(config):
        pq.write_table(alter(pq.read_table(path)), path, **options)
    return refresh_hashes(release.root)


def test_a_release_does_not_differ_from_itself(unaltered: Release, release: Release) -> None:
    for new in (unaltered, release):
        found = diff_releases(unaltered, new)
        assert found.needs is found.states is Bump.NONE
        assert found.fits
        assert (found.reasons, found.rewritten, found.files, _differing(found)) == ((), (), (), [])
        told = {one.config: one.total("old") for one in found.configs}
        assert told == {one.value: len(list(unaltered.rows(one))) for one in Config if unaltered.files(one)}
        assert {one.config: one.total("new") for one in found.configs} == told


# What a real build gives


def test_more_dialogues_are_a_minor_version(unaltered: Release, tmp_path: Path) -> None:
    small = build_scripted(tmp_path / "small", limit=25)
    found = diff_releases(small, unaltered)
    assert found.needs is Bump.MINOR
    assert found.smallest == "1.1.0"
    assert not found.fits
    for one in found.configs:
        assert one.total("added") == one.total("new") - one.total("old") > 0
        assert one.total("gone") == one.total("changed") == one.total("moved_in") == 0
    back = diff_releases(unaltered, small)
    assert back.needs is Bump.MAJOR
    assert [one.total("gone") for one in back.configs] == [one.total("added") for one in found.configs]


def test_other_answers_are_a_major_version(unaltered: Release, tmp_path: Path) -> None:
    spec = unaltered.manifest.spec.model_copy(update={"seed": 7, "version": "2.0.0"})
    other = build_scripted(tmp_path / "other", spec=spec)
    found = diff_releases(unaltered, other)
    assert found.needs is found.states is Bump.MAJOR
    assert found.fits
    assert _config(found, Config.COMPLETIONS).total("gone") > 0
    assert not _config(found, Config.DIALOGUES).differs
    assert not _config(found, Config.RESPONSE_SFT).differs


# One known alteration at a time


def test_a_changed_cell_is_told_with_its_column_and_row(unaltered: Release, release: Release) -> None:
    change_cell(release, TRAIN, 3, "rejected.0.content", "Something else.")
    change_cell(release, TRAIN, 5, "rejected.0.content", "Something else.")
    change_cell(release, TRAIN, 5, "chosen_verdict.rationale", "Another reason.")
    found = diff_releases(unaltered, refresh_hashes(release.root), most=10)
    train = _config(found).splits[0]
    assert (train.split, train.changed, train.columns) == ("train", 2, {"rejected": 2, "chosen_verdict": 1})
    assert _differing(found) == ["response"]
    rows = read_rows(unaltered, TRAIN)
    assert [(row.row_id, row.what, row.split, set(row.columns)) for row in found.rows] == [
        (rows[3]["row_id"], RowChange.CHANGED, "train", {"rejected"}),
        (rows[5]["row_id"], RowChange.CHANGED, "train", {"rejected", "chosen_verdict"}),
    ]
    assert found.needs is Bump.MAJOR
    assert [str(reason) for reason in found.reasons] == [
        "major: response: 2 rows changed (in rejected, chosen_verdict)"
    ]


def test_a_changed_cell_is_seen_where_the_manifest_still_says_what_it_said(
    unaltered: Release, release: Release
) -> None:
    change_cell(release, TRAIN, 0, "rejected_error", "strategy_mismatch")
    assert unaltered.manifest.files[TRAIN] == release.manifest.files[TRAIN]
    assert _config(diff_releases(unaltered, release)).total("changed") == 1


@pytest.mark.parametrize("config", [Config.DIALOGUES, Config.COMPLETIONS, Config.DROPPED, Config.STRATEGY_SFT])
def test_a_row_that_is_gone_is_major_in_every_config(unaltered: Release, release: Release, config: Config) -> None:
    file = f"data/{config}/train-00000-of-00001.parquet"
    gone = read_rows(release, file)[2]["row_id"]
    change_rows(release, file, lambda rows: rows.pop(2))
    found = diff_releases(unaltered, release, most=5)
    assert found.needs is Bump.MAJOR
    assert [(row.config, row.row_id, row.what) for row in found.rows] == [(config, gone, RowChange.GONE)]
    added = diff_releases(release, unaltered, most=5)
    assert added.needs is Bump.MINOR
    assert [(row.config, row.row_id, row.what) for row in added.rows] == [(config, gone, RowChange.ADDED)]


def test_a_row_in_another_split_has_moved(unaltered: Release, release: Release) -> None:
    rows = read_rows(release, TRAIN)
    change_rows(release, TRAIN, lambda found: found.pop(1))
    change_rows(release, TEST, lambda found: found.append(rows[1] | {"source": "elsewhere"}))
    found = diff_releases(unaltered, release, most=5)
    train, _, test = _config(found).splits
    assert (train.moved_out, train.moved_in, train.gone, train.changed) == (1, 0, 0, 0)
    assert (test.moved_out, test.moved_in, test.added, test.changed) == (0, 1, 0, 1)
    (row,) = found.rows
    assert (row.row_id, row.what) == (rows[1]["row_id"], RowChange.MOVED)
    assert (row.split, row.moved_from, row.columns) == ("test", "train", ("source",))
    assert found.needs is Bump.MAJOR
    assert "major: response: 1 row moved to another split" in map(str, found.reasons)


def test_a_new_column_changes_no_old_row(unaltered: Release, release: Release) -> None:
    def widen(table: pa.Table) -> pa.Table:
        return table.append_column("mood", pa.array(["calm"] * table.num_rows, pa.string()))

    wider = _rewrite(release, Config.RESPONSE, widen)
    found = diff_releases(unaltered, wider)
    (column,) = _config(found).columns
    assert (column.column, column.old, column.new) == ("mood", None, "string")
    assert (found.needs, found.rewritten) == (Bump.MINOR, ())
    assert _config(found).total("changed") == 0
    back = diff_releases(wider, unaltered)
    assert back.needs is Bump.MAJOR
    assert "major: response: the column mood is gone" in map(str, back.reasons)


def test_a_new_column_hides_no_change_in_the_others(unaltered: Release, release: Release) -> None:
    change_cell(release, TRAIN, 4, "license", "mit")
    wider = _rewrite(release, Config.RESPONSE, lambda table: table.append_column("n", pa.nulls(len(table), pa.int64())))
    found = diff_releases(unaltered, wider)
    assert (found.needs, _config(found).splits[0].columns) == (Bump.MAJOR, {"license": 1})


def test_a_column_of_another_type_is_told_once_and_not_row_by_row(unaltered: Release, release: Release) -> None:
    def narrow(table: pa.Table) -> pa.Table:
        at = table.schema.get_field_index("turn")
        return table.set_column(at, "turn", table.column("turn").cast(pa.int32()))

    found = diff_releases(unaltered, _rewrite(release, Config.RESPONSE, narrow))
    assert [str(reason) for reason in found.reasons] == ["major: response: the column turn is int32, it was int64"]
    assert _config(found).total("changed") == 0


def _without(release: Release, files: list[Path]) -> Release:
    for path in files:
        path.unlink()
    names = [release.name_of(path) for path in files]
    return change_manifest(release.root, lambda manifest: [manifest["files"].pop(name) for name in names])


def test_a_config_that_one_release_lacks(unaltered: Release, release: Release) -> None:
    less = _without(release, release.files(Config.JOINT))
    gone, added = diff_releases(unaltered, less, most=3), diff_releases(less, unaltered, most=3)
    rows = len(list(unaltered.rows(Config.JOINT)))
    assert [str(reason) for reason in gone.reasons] == [f"major: joint: the config is gone ({rows} rows)"]
    assert [str(reason) for reason in added.reasons] == [f"minor: joint: a new config ({rows} rows)"]
    assert _config(added, Config.JOINT).presence is Presence.ADDED
    assert _config(added, Config.JOINT).total("added") == rows == added.rows_left_out + 3
    assert {row.what for row in gone.rows} == {RowChange.GONE}


def test_a_split_that_one_release_lacks(unaltered: Release, release: Release) -> None:
    less = _without(release, release.files(Config.JOINT, Split.TEST))
    gone, added = diff_releases(unaltered, less), diff_releases(less, unaltered)
    assert "major: joint: the split test is gone" in map(str, gone.reasons)
    assert (added.needs, str(added.reasons[0])) == (Bump.MINOR, "minor: joint: a new split test")


def _large(table: pa.Table) -> pa.Table:
    """The same with types as another writer has them."""
    at = table.schema.get_field_index("source")
    wide = table.set_column(at, "source", table.column("source").cast(pa.large_string()))
    return wide.set_column(0, "row_id", wide.column("row_id").dictionary_encode())


@pytest.mark.parametrize(
    ("alter", "options"),
    [
        (lambda table: table, {"compression": "snappy", "row_group_size": 7}),
        (lambda table: table, {"data_page_version": "2.0", "use_dictionary": False}),
        (_large, {}),
        (lambda table: table.sort_by("row_id"), {}),
    ],
    ids=["compression", "pages", "types", "order"],
)
def test_the_same_rows_by_another_writer_are_a_patch(
    unaltered: Release, release: Release, alter: Callable[[pa.Table], pa.Table], options: dict[str, Any]
) -> None:
    found = diff_releases(unaltered, _rewrite(release, Config.RESPONSE, alter, **options))
    assert set(found.rewritten) == {unaltered.name_of(path) for path in unaltered.files(Config.RESPONSE)}
    assert (found.needs, _differing(found)) == (Bump.PATCH, [])


def test_the_same_rows_in_other_shards_are_a_patch(tmp_path: Path) -> None:
    rows = response_rows(6)
    old = write_small(tmp_path / "old", {Split.TRAIN: [rows[:3], rows[3:]]})
    new = write_small(tmp_path / "new", {Split.TRAIN: [rows[:3], rows[3:5], rows[5:]]})
    found = diff_releases(old, new)
    assert (found.needs, _differing(found)) == (Bump.PATCH, [])
    assert found.rewritten == tuple(f"data/response/train-0000{number}-of-00003.parquet" for number in (1, 2))


def test_files_around_the_rows_are_a_patch(unaltered: Release, release: Release) -> None:
    (release.root / "README.md").write_text("another card")
    (release.root / "audit.json").write_text("{}")

    def change(manifest: dict[str, Any]) -> None:
        manifest["files"]["audit.json"] = manifest["files"]["README.md"]
        del manifest["files"]["LICENSE"]

    found = diff_releases(unaltered, change_manifest(release.root, change))
    assert {one.file: one.presence for one in found.files} == {
        "README.md": Presence.BOTH,
        "audit.json": Presence.ADDED,
        "LICENSE": Presence.GONE,
    }
    assert found.needs is Bump.PATCH
    assert not found.fits


# What is read, and what is not


def test_files_that_both_hold_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = response_rows(8)
    old = write_small(tmp_path / "old", {Split.TRAIN: [rows[:3], rows[3:6]], Split.TEST: [rows[6:]]})
    shards = {Split.TRAIN: [rows[:3], rows[3:5], rows[5:6]], Split.TEST: [rows[6:]]}
    new = write_small(tmp_path / "new", shards)
    read: list[str] = []
    batches = Release.batches

    def noted(release: Release, path: Path) -> Any:
        read.append(f"{release.root.name}/{path.name}")
        return batches(release, path)

    monkeypatch.setattr(Release, "batches", noted)
    found = diff_releases(old, new)
    assert found.needs is Bump.PATCH
    assert read == [
        "old/train-00001-of-00002.parquet",
        "new/train-00001-of-00003.parquet",
        "new/train-00002-of-00003.parquet",
    ]
    assert [(one.old, one.new) for one in _config(found).splits] == [(6, 6), (2, 2)]


def test_digests_are_taken_of_many_rows_at_once_and_leave_nothing_behind(
    unaltered: Release, release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    change_cell(release, TRAIN, 9, "license", "mit")
    before = sorted(tmp_path.iterdir())
    found = [diff_releases(unaltered, release, most=9)]
    monkeypatch.setattr(store, "_ROWS_AT_ONCE", 7)
    found.append(diff_releases(unaltered, release, most=9))
    assert found[0] == found[1]
    assert sorted(tmp_path.iterdir()) == before


# Broken releases


def test_a_damaged_table_is_told_with_its_release(unaltered: Release, release: Release) -> None:
    file = pq.ParquetFile(release.root / TRAIN)
    flip_byte(release.root / TRAIN, file.metadata.row_group(0).column(5).data_page_offset + 60)
    for old, new in ((unaltered, release), (release, unaltered)):
        with pytest.raises(DataError, match=rf"{release.root}: {TRAIN}: rows 0 to \d+ .*damaged"):
            diff_releases(old, new)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda path: path.unlink(), "cannot be read"),
        (lambda path: path.write_bytes(b"PAR1"), "cannot be read"),
        (lambda path: pq.write_table(pa.table({"x": [1]}), path), "no column row_id"),
        (lambda path: pq.write_table(pa.table({"row_id": ["x"]}), path), "its columns differ from those"),
    ],
    ids=["gone", "cut", "no ids", "other columns"],
)
def test_a_table_that_is_none_is_told(
    unaltered: Release, release: Release, break_it: Callable[[Path], Any], message: str
) -> None:
    break_it(release.root / TEST)
    with pytest.raises(DataError, match=rf"{release.root}: {TEST}: {message}"):
        diff_releases(unaltered, release)


def test_ids_that_repeat_lose_no_row(tmp_path: Path) -> None:
    rows = response_rows(3)
    old = write_small(tmp_path / "old", {Split.TRAIN: [rows]})
    new = write_small(tmp_path / "new", {Split.TRAIN: [[*rows, rows[1]]]})
    (split,) = _config(diff_releases(old, new)).splits
    assert (split.old, split.new, split.added, split.changed) == (3, 4, 1, 0)


def test_no_room_for_digests_is_told(unaltered: Release, release: Release, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(release.root / "nowhere"))
    with pytest.raises(UsageError, match=r"nowhere.*cannot be written: No such file.*TMPDIR"):
        diff_releases(unaltered, release)


@pytest.mark.parametrize("version", ["2", "v1.0.0"])
def test_a_version_that_is_none_is_told(unaltered: Release, release: Release, version: str) -> None:
    new = change_manifest(release.root, lambda manifest: manifest.update(version=version))
    with pytest.raises(UsageError, match="is not a version"):
        diff_releases(unaltered, new)


# Against a plain comparison

_ROWS = 12
_COLUMNS = ("source", "rejected", "chosen_verdict", "turn")
_FATES = st.sampled_from(["stays", "goes", "moves", "comes", *_COLUMNS])


def _altered(row: Row, column: str) -> Row:
    other: dict[str, Any] = {
        "source": "other",
        "turn": row["turn"] + 100,
        "chosen_verdict": None,
        "rejected": [*row["rejected"], {"role": "assistant", "content": "more"}],
    }
    return row | {column: other[column]}


def _oracle(old: dict[Split, list[Row]], new: dict[Split, list[Row]]) -> dict[Split, Counter[str]]:
    """What `SplitDiff` should count, from plain dictionaries."""
    before, after = (
        {row["row_id"]: (split, row) for split, rows in side.items() for row in rows} for side in (old, new)
    )
    counts = {split: Counter({"old": len(old[split]), "new": len(new[split])}) for split in Split}
    for row_id in {*before, *after}:
        was, now = before.get(row_id), after.get(row_id)
        if was is None or now is None:
            side, what = (now, "added") if was is None else (was, "gone")
            assert side is not None
            counts[side[0]][what] += 1
            continue
        if was[0] is not now[0]:
            counts[was[0]]["moved_out"] += 1
            counts[now[0]]["moved_in"] += 1
        differing = [name for name in was[1] if was[1][name] != now[1][name]]
        counts[now[0]].update([f"column {name}" for name in differing] + ["changed"] * bool(differing))
    return counts


def _told(config: ConfigDiff) -> dict[Split, Counter[str]]:
    names = ("old", "new", "added", "gone", "moved_in", "moved_out", "changed")
    return {
        Split(one.split): Counter({name: getattr(one, name) for name in names})
        + Counter({f"column {name}": number for name, number in one.columns.items()})
        for one in config.splits
    }


@settings(max_examples=30)
@given(
    fates=st.lists(_FATES, min_size=_ROWS, max_size=_ROWS),
    homes=st.lists(st.sampled_from(Split), min_size=_ROWS, max_size=_ROWS),
    per_shard=st.integers(1, 5),
    shuffle=st.integers(0, 3),
)
def test_any_difference_is_what_a_plain_comparison_finds(
    fates: list[str], homes: list[Split], per_shard: int, shuffle: int
) -> None:
    old: dict[Split, list[Row]] = {split: [] for split in Split}
    new: dict[Split, list[Row]] = {split: [] for split in Split}
    for row, fate, home in zip(response_rows(_ROWS), fates, homes, strict=True):
        if fate != "comes":
            old[home].append(row)
        if fate != "goes":
            away = tuple(Split)[(tuple(Split).index(home) + 1) % 3] if fate == "moves" else home
            new[away].append(_altered(row, fate) if fate in _COLUMNS else row)
    if shuffle:
        for rows in new.values():
            random.Random(shuffle).shuffle(rows)
    with tempfile.TemporaryDirectory() as folder:
        sides = [
            write_small(
                Path(folder, name),
                {
                    split: [rows[at : at + per_shard] for at in range(0, max(1, len(rows)), per_shard)]
                    for split, rows in side.items()
                },
            )
            for name, side in (("old", old), ("new", new))
        ]
        found = diff_releases(*sides, most=100)
    (config,) = found.configs
    assert _told(config) == {split: +counts for split, counts in _oracle(old, new).items()}
    for one in config.splits:
        assert one.new == one.old + one.added - one.gone + one.moved_in - one.moved_out
    assert Counter(row.what for row in found.rows) == Counter(
        {"goes": RowChange.GONE, "comes": RowChange.ADDED, "moves": RowChange.MOVED}.get(fate, RowChange.CHANGED)
        for fate in fates
        if fate != "stays"
    )
    steps = {"goes": Bump.MAJOR, "moves": Bump.MAJOR, "comes": Bump.MINOR, "stays": Bump.NONE}
    due = largest(steps.get(fate, Bump.MAJOR) for fate in fates)
    # The same rows in another order are other files.
    assert found.needs is due or (shuffle and due is Bump.NONE and found.needs is Bump.PATCH)


def test_rows_are_listed_worst_first_and_no_more_than_asked(tmp_path: Path) -> None:
    rows = response_rows(12)
    new_rows = [*(_altered(row, "source") for row in rows[4:8]), *rows[8:]]
    old = write_small(tmp_path / "old", {Split.TRAIN: [rows[:10]]})
    new = write_small(tmp_path / "new", {Split.TRAIN: [new_rows]})
    for most in (1, 3, 5, 9, 10, 50):
        found = diff_releases(old, new, most=most)
        assert [row.what for row in found.rows] == [*["gone"] * 4, *["changed"] * 4, *["added"] * 2][:most]
        assert len(found.rows) + found.rows_left_out == 10
    assert diff_releases(old, new).rows == ()
    assert diff_releases(old, new).rows_left_out == 0

"""A release is pinned by a tag, a commit or a digest, and read whole or for selected dialogues."""

import hashlib
from pathlib import Path

import pytest

pytest.importorskip("datasets")

from support.hub import as_client, running_hub, upload
from support.releases import build_scripted, change_cell, change_manifest, copy_release, read_rows, shared_release
from support.training import small_release

from ipm_prefdial.recipes.data.fit import load_rows
from ipm_prefdial.recipes.data.release import open_release, select_data
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import DataError, UsageError

SHARD = "data/strategy_sft/train-00000-of-00001.parquet"


def test_folder_is_pinned_by_its_manifest() -> None:
    root = shared_release().root
    opened = open_release(str(root), None, Config.STRATEGY_SFT)
    assert (opened.name, opened.repo, opened.manifest.version) == (root.name, None, "1.0.0")
    assert opened.tables(Config.STRATEGY_SFT, Split.TRAIN) == [root / SHARD]
    for revision in ("1.0.0", "v1.0.0", opened.sha256, f"sha256:{opened.sha256}"):
        assert open_release(str(root), revision, Config.STRATEGY_SFT).sha256 == opened.sha256


@pytest.mark.parametrize("revision", ["main", "v2.0.0", "0" * 64])
def test_folder_that_is_not_the_revision(revision: str) -> None:
    with pytest.raises(UsageError, match=revision):
        open_release(str(shared_release().root), revision, Config.STRATEGY_SFT)


def test_no_such_folder_and_no_release(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        open_release(str(tmp_path / "nowhere"), None, Config.STRATEGY)
    with pytest.raises(UsageError, match=r"no manifest\.json"):
        open_release(str(tmp_path), None, Config.STRATEGY)


def test_manifest_that_is_none(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release")
    (release.root / "manifest.json").write_text("{")
    with pytest.raises(DataError, match="not JSON"):
        open_release(str(release.root), None, Config.STRATEGY)
    (release.root / "manifest.json").write_text('{"format": 1}')
    with pytest.raises(DataError, match=r"manifest\.json: version"):
        open_release(str(release.root), None, Config.STRATEGY)


def test_release_without_the_config(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release")

    def drop(manifest: dict[str, dict[str, object]]) -> None:
        for name in [name for name in manifest["files"] if name.startswith("data/joint/")]:
            del manifest["files"][name]

    change_manifest(release.root, drop)
    with pytest.raises(DataError, match=r"has no config joint, which is needed here; it has .*joint_sft"):
        open_release(str(release.root), None, Config.JOINT)
    assert open_release(str(release.root), None, Config.STRATEGY).name == "release"


def test_table_that_was_changed_or_is_gone(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release")
    change_cell(release, SHARD, 0, "license", "mit")
    with pytest.raises(DataError, match=f"{SHARD} changed"):
        open_release(str(release.root), None, Config.STRATEGY_SFT)
    assert open_release(str(release.root), None, Config.STRATEGY).name == "release", "only what is trained on is read"
    (release.root / SHARD).unlink()
    with pytest.raises(DataError, match=f"{SHARD} is missing"):
        open_release(str(release.root), None, Config.STRATEGY_SFT)


_OPEN = """
import json, sys
from ipm_prefdial.recipes.data.release import open_release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.errors import PrefDialError
told = []
for revision in (None, "main", "v9", *sys.argv[1:]):
    try:
        release = open_release("acme/prefs", revision, Config.STRATEGY)
        told.append([0, f"{release.name} {release.revision} {release.root}"])
    except PrefDialError as error:
        told.append([error.exit_code, str(error)])
print(json.dumps(told))
"""


def test_repo_is_pinned_by_a_tag_or_a_commit(tmp_path: Path) -> None:
    """With the Hub's own client, in a process of its own."""
    release, home = copy_release(tmp_path / "release"), tmp_path / "mine"
    with running_hub(tmp_path / "server") as url:
        commit = upload(url, tmp_path / "home", "acme/prefs", release.root, tag="v1.0.0")
        missing, branch, unknown, tag, digest = as_client(url, home, _OPEN, "v1.0.0", commit)
    assert missing == [2, "acme/prefs: name the tag to train on with --revision, such as v1.0.0"]
    assert branch == [2, "acme/prefs: 'main' is a branch, which moves; pin the data by a tag: its tags are v1.0.0"]
    assert unknown[0] == 2
    assert "no tag 'v9'; its tags are v1.0.0" in unknown[1]
    (snapshot,) = (home / "hub").glob("*/snapshots/*")
    assert tag == [0, f"acme/prefs v1.0.0 {snapshot}"]
    assert digest == [0, f"acme/prefs {commit} {snapshot}"]
    assert sorted(path.name for path in (snapshot / "data").iterdir()) == ["strategy"], "the rest is not downloaded"


def test_hub_that_does_not_answer_is_repeatable(tmp_path: Path) -> None:
    told = as_client("http://127.0.0.1:9", tmp_path / "mine", _OPEN, "v1.0.0")
    assert [code for code, _ in told] == [2, 3, 3, 3]
    assert "repeat the command" in told[-1][1]


def test_tag_that_holds_another_version(tmp_path: Path) -> None:
    release = copy_release(tmp_path / "release")
    with running_hub(tmp_path / "server") as url:
        upload(url, tmp_path / "home", "acme/prefs", release.root, tag="v1.2.0")
        *_, told = as_client(url, tmp_path / "mine", _OPEN, "v1.2.0")
    assert told == [1, "acme/prefs: the tag v1.2.0 holds release 1.0.0"]


SFT = Config.STRATEGY_SFT
ONE = ("completion",)


def test_one_release_is_what_it_was() -> None:
    release = small_release()
    data = select_data([str(release.root)], None, SFT)
    assert (data.name, data.version, data.license) == ("release", "1.0.0", release.manifest.license)
    assert data.sha256 == hashlib.sha256((release.root / "manifest.json").read_bytes()).hexdigest()
    assert len(load_rows(data, SFT, Split.TRAIN, ONE)) == release.manifest.counts[SFT].rows[Split.TRAIN]


def test_several_releases_are_one_after_the_other(tmp_path: Path, tiny: Path) -> None:
    other = build_scripted(tmp_path / "other", sources=(str(tiny / "dialogues.jsonl"),))
    places = [str(small_release().root), str(other.root)]
    data = select_data(places, None, SFT)
    rows = load_rows(data, SFT, Split.TRAIN, ONE)
    parts = [load_rows(select_data([place], None, SFT), SFT, Split.TRAIN, ONE) for place in places]
    assert rows["prompt"] == [prompt for part in parts for prompt in part["prompt"]]
    assert (data.name, data.repo) == ("release + other", None)
    assert data.sha256 != select_data(places[::-1], None, SFT).sha256, "their order is the order of the rows"


def test_rows_of_chosen_dialogues_alone(tmp_path: Path) -> None:
    release = small_release()
    file = f"data/{SFT}/train-00000-of-00001.parquet"
    rows = read_rows(release, file)
    wanted = {row["dialogue_id"] for row in rows} - {rows[0]["dialogue_id"]}
    path = tmp_path / "ids.txt"
    path.write_text("".join(f"{one}\n" for one in sorted(wanted)))
    data = select_data([str(release.root)], None, SFT, dialogues=path)
    found = load_rows(data, SFT, Split.TRAIN, ONE)
    assert found.column_names == ["prompt", "completion"]
    assert found["completion"] == [row["completion"] for row in rows if row["dialogue_id"] in wanted]
    assert 0 < len(found) < len(rows)
    assert data.dialogues is not None
    assert data.dialogues.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text("0123456789abcdef\n")
    with pytest.raises(DataError, match="no rows in split train"):
        load_rows(select_data([str(release.root)], None, SFT, dialogues=path), SFT, Split.TRAIN, ONE)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "lists no dialogue"),
        ("0123456789abcdef\nnobody\n", "line 2: 'nobody' is not a dialogue id"),
        (None, "cannot be read"),
    ],
)
def test_file_that_names_no_dialogues(text: str | None, told: str, tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UsageError, match=told):
        select_data([str(small_release().root)], None, SFT, dialogues=path)


def test_releases_that_do_not_go_together(tmp_path: Path) -> None:
    root = str(small_release().root)
    with pytest.raises(UsageError, match="named twice"):
        select_data([root, str(copy_release(tmp_path / "copy", small_release()).root)], None, SFT)
    with pytest.raises(DataError, match=r"is release 2\.0\.0 and release is 1\.0\.0"):
        select_data([root, str(copy_release(tmp_path / "newer", shared_release("2.0.0")).root)], None, SFT)
    with pytest.raises(UsageError, match="a revision pins one release"):
        select_data([root, root], "v1.0.0", SFT)

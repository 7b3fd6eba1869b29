"""Several releases as one, and the rows of chosen dialogues alone."""

import hashlib
from pathlib import Path

import pytest

pytest.importorskip("datasets")

from support.releases import build_scripted, copy_release, read_rows, shared_release
from support.training import small_release

from ipm_prefdial.recipes.data.fit import load_rows
from ipm_prefdial.recipes.data.release import select_data
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.dialogue import Split
from ipm_prefdial.schemas.errors import DataError, UsageError

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

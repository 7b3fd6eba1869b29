"""Every verb over every hostile input: a message and the documented exit code, and nothing outside is touched."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command import clean_environ, command_line
from support.hostile import (
    CANARY,
    DATASETS,
    DOCUMENTS,
    PARTS,
    RELEASES,
    SHARD,
    Watch,
    hostile_dataset,
    hostile_release,
    watching,
)
from support.releases import shared_release

from ipm_prefdial.builders.cli.main import main
from ipm_prefdial.builders.release.layout import MANIFEST

_FEW = 4


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """What must not be touched."""
    with watching(tmp_path / "outside") as watch:
        watch.arm()
        yield watch


def _verb(words: str, place: Path, tmp_path: Path) -> list[str]:
    sound = shared_release(limit=_FEW).root
    return [word.format(place=place, sound=sound, out=tmp_path / "out") for word in words.split()]


def _check(watch: Watch, tmp_path: Path, place: Path) -> None:
    """Nothing outside was touched, and its words are in no file that was written."""
    assert watch.touched() == []
    left = [path for path in (tmp_path / "out").rglob("*") if path.is_file() and CANARY.encode() in path.read_bytes()]
    assert left == []
    assert [path.name for path in place.rglob(".*.part")] == []


_RELEASE_VERBS = (
    "validate {place}",
    "verify {place}",
    "audit {place}",
    "diff {sound} {place}",
    "card {place}",
    "card {sound} --since {place}",
    "publish {place} --repo acme/talks --dry-run",
    "review export {place} --out {out}",
    "build --out {out} --limit 2 --dry-run --reuse {place}",
    "evaluate {place} --planner corpus --out {out}",
    "recipe run tiny/planner/sft --data {place} --out {out}",
)


@pytest.mark.parametrize("what", RELEASES)
def test_no_verb_does_anything_with_a_hostile_release(
    what: str, watch: Watch, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    make, told = RELEASES[what]
    place = hostile_release(tmp_path / "release", shared_release(limit=_FEW), make, watch)
    watch.arm()
    files = sorted(str(path) for path in place.rglob("*"))
    for words in _RELEASE_VERBS[:-2]:
        code = main(_verb(words, place, tmp_path))
        error = capsys.readouterr().err
        assert (words, code) == (words, 1), error
        assert told in error, words
        assert error.isprintable() or error.replace("\n", "").isprintable()
    assert sorted(str(path) for path in place.rglob("*")) == files
    _check(watch, tmp_path, place)


_READ_BY_RECIPES = [what for what in RELEASES if what.startswith(("a manifest", "a deep", "tables"))]
_NOT_FOLLOWED = ("a manifest that names what no release has", "a manifest that names a strange table")
"""Recipes read the tables that they know, by name, whatever else is listed."""


@pytest.mark.parametrize("what", [what for what in _READ_BY_RECIPES if what not in _NOT_FOLLOWED])
def test_no_recipe_reads_beyond_a_hostile_release(
    what: str, watch: Watch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, told = RELEASES[what]
    place = hostile_release(tmp_path / "release", shared_release(limit=_FEW), make, watch)
    watch.arm()
    for words in _RELEASE_VERBS[-2:]:
        code = main(_verb(words, place, tmp_path))
        error = capsys.readouterr().err
        assert code in (1, 2), error
        assert told in error or "is needed here" in error, words
        _check(watch, tmp_path, place)


@pytest.mark.parametrize("what", PARTS)
@pytest.mark.parametrize(
    "words",
    [
        "validate {place}",
        "card {place}",
        "diff {sound} {place}",
        pytest.param("audit {place}", marks=pytest.mark.slow),
    ],
)
def test_a_part_that_cannot_be_read_is_named_or_left_alone(
    what: str, words: str, watch: Watch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, told = PARTS[what]
    place = hostile_release(tmp_path / "release", shared_release(limit=_FEW), make, watch)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    code = main(_verb(words, place, tmp_path))
    shown = capsys.readouterr()
    assert code in (0, 1)
    if words.startswith("validate"):
        assert (code, told.partition(":")[0] in shown.out) == (1, True)
    elif code and not words.startswith("diff") and "ipm-prefdial: gate" not in shown.err:
        assert told in shown.err
        assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before
    _check(watch, tmp_path, place)


_DATASET_VERBS = {
    "build --out {out} --limit 2 --dry-run --source {place}": 2,
    "build --out {out} --limit 2 --dry-run --release 2.0.0 --decontaminate {place}": None,
    "audit {place} --columns chosen=dialog,rejected=dialog": None,
}


@pytest.mark.parametrize("what", DATASETS)
def test_no_verb_reads_beyond_a_hostile_dataset(
    what: str, watch: Watch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make, told = DATASETS[what]
    place = hostile_dataset(tmp_path / "talks", make, watch)
    watch.arm()
    for words, due in _DATASET_VERBS.items():
        code = main(_verb(words, place, tmp_path))
        error = capsys.readouterr().err
        assert code in ((due,) if due else (0, 1, 2)), error
        if due:
            assert told in error, words
        _check(watch, tmp_path, place)


@pytest.mark.parametrize("what", DOCUMENTS)
@pytest.mark.parametrize(
    "words",
    [
        "build --dry-run --out {out} --release {place}.yaml",
        "new-release 9.0.0 --from {place}.yaml --out {out}.yaml",
        "recipe show {place}.yaml",
        "build --dry-run --limit 2 --out {out} --prices {place}.yaml",
        "evaluate --predictions {place}.yaml --out {out}",
        "review import {sound} {place}.jsonl --key {place}.yaml",
    ],
)
def test_no_verb_shows_a_traceback_for_a_document(
    what: str, words: str, watch: Watch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = DOCUMENTS[what]
    (tmp_path / "hostile.yaml").write_bytes(data if isinstance(data, bytes) else data.encode())
    code = main(_verb(words, tmp_path / "hostile", tmp_path))
    assert (code, "hostile." in capsys.readouterr().err) == (2, True)
    assert list(tmp_path.glob("out*")) in ([], [tmp_path / "outside"])


@pytest.mark.parametrize(
    "words",
    [
        "diff {sound} {sound}",
        "--help",
        pytest.param("validate {sound}", marks=pytest.mark.slow),
        pytest.param("verify {sound}", marks=pytest.mark.slow),
        pytest.param("recipe list", marks=pytest.mark.slow),
        pytest.param("releases", marks=pytest.mark.slow),
    ],
)
def test_output_that_nobody_reads_leaves_the_exit_code_as_it_is(words: str, tmp_path: Path) -> None:
    sound = shared_release(limit=_FEW).root
    command = command_line(*(word.format(sound=sound) for word in words.split()))
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=clean_environ()) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert (process.stderr.read(), process.wait()) == (b"", 0)


def test_the_canary_would_sing(watch: Watch) -> None:
    assert watch.touched() == []
    watch.canary.read_bytes()
    (watch.folder / "new").touch()
    assert {f"opened {watch.canary}", "wrote new outside"} <= set(watch.touched())


@pytest.mark.parametrize("verb", ["card", "audit", "publish"])
def test_a_cache_snapshot_is_never_written_to(
    verb: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_nobody")
    repo = tmp_path / "hub" / "datasets--acme--talks"
    snapshot = repo / "snapshots" / ("0" * 40)
    (repo / "blobs").mkdir(parents=True)
    sound = shared_release(limit=_FEW).root
    for number, path in enumerate(sorted(path for path in sound.rglob("*") if path.is_file())):
        link, blob = snapshot / path.relative_to(sound), repo / "blobs" / f"{number:040x}"
        link.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, blob)
        link.symlink_to("../" * len(path.relative_to(sound).parts) + f"../blobs/{blob.name}")
    before = {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()}
    more = ["--repo", "acme/talks", "--dry-run"] if verb == "publish" else []
    assert main([verb, str(snapshot), *more]) == 2
    assert f"cp -rL {snapshot}" in capsys.readouterr().err
    assert main(["validate", str(snapshot)]) == 0
    assert {path: path.read_bytes() for path in repo.rglob("*") if path.is_file()} == before


def test_a_full_disk_leaves_a_release_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "release"
    shutil.copytree(shared_release(limit=_FEW).root, place)
    before = {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}
    calls: list[Path] = []

    def fail_late(self: Path, target: Path) -> Path:
        calls.append(target)
        if target.name == MANIFEST and ".part" in self.name:
            raise OSError(28, "No space left on device", str(target))
        return replace(self, target)

    replace = Path.replace
    monkeypatch.setattr(Path, "replace", fail_late)
    assert main(["audit", str(place)]) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert len(calls) > 3
    assert {path: path.read_bytes() for path in place.rglob("*") if path.is_file()} == before


def test_every_hostile_table_is_of_a_release_that_is_sound() -> None:
    assert main(["validate", str(shared_release(limit=_FEW).root)]) == 0
    assert (shared_release(limit=_FEW).root / SHARD).is_file()

"""A release is found by its version; a spec that was edited, or is wrong, makes no data."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.draft import write_draft

from ipm_prefdial.builders.auditing.gates import GATES
from ipm_prefdial.builders.specs import released as releases
from ipm_prefdial.builders.specs.released import load_release, locked_specs, read_spec, versions
from ipm_prefdial.schemas.audit import GATE_NAMES
from ipm_prefdial.schemas.errors import UsageError

_SPEC = Path(__file__).parents[3] / "builders" / "specs" / "1.0.0.yaml"


@pytest.fixture
def specs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of specs of the test's own, with the real 1.0.0 in it and locked."""
    folder = tmp_path / "specs"
    folder.mkdir()
    (folder / "1.0.0.yaml").write_bytes(_SPEC.read_bytes())
    (folder / "specs.lock").write_text(f"# Released.\n1.0.0 {hashlib.sha256(_SPEC.read_bytes()).hexdigest()}\n")
    monkeypatch.setattr(releases, "_FOLDER", folder)
    locked_specs.cache_clear()
    yield folder
    locked_specs.cache_clear()


def _own(tmp_path: Path, old: str, new: str) -> Path:
    """A spec file with one thing changed."""
    text = _SPEC.read_text()
    assert old in text
    path = tmp_path / "own.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_every_version_loads_under_its_own_name() -> None:
    assert [load_release(version).spec.version for version in versions()] == versions()
    assert versions()[0] == "1.0.0"


def test_versions_are_in_the_order_of_their_numbers(specs: Path) -> None:
    for version in ("1.10.0", "1.9.0", "0.2.0"):
        (specs / f"{version}.yaml").write_text("")
    assert versions() == ["0.2.0", "1.0.0", "1.9.0", "1.10.0"]


def test_every_lock_line_is_the_digest_of_a_spec() -> None:
    assert {version: load_release(version).sha256 for version in locked_specs()} == locked_specs()


def test_a_spec_that_is_locked_cannot_be_edited(specs: Path) -> None:
    assert load_release("1.0.0").spec.version == "1.0.0"
    path = specs / "1.0.0.yaml"
    path.write_bytes(path.read_bytes() + b"# a remark\n")
    with pytest.raises(UsageError, match=r"1\.0\.0\.yaml was edited after its release"):
        load_release("1.0.0")


@pytest.mark.parametrize("release", ["3.0.0", "1.0", "", "v1.0.0", "../specs/1.0.0", "specs"])
def test_an_unknown_release_is_told_the_known_ones(release: str) -> None:
    with pytest.raises(UsageError, match=r"there is no release .*; there are 1\.0\.0"):
        load_release(release)


def test_a_spec_of_ones_own_is_read_from_its_file(tmp_path: Path) -> None:
    path = _own(tmp_path, "seed: 250516995", "seed: 7")
    found = load_release(str(path))
    assert found.spec.seed == 7
    assert found.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_spec_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.yaml: no such file"):
        load_release(str(tmp_path / "none.yaml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("version: 1.0.0", "version: 1.0", "version: "),
        ("seed: 250516995", "seed: many", "seed: "),
        ("seed: 250516995", "sead: 1", "seed: Field required"),
        ("draws: 1", "draws: 0", "planner.draws: "),
        ("temperature: 0.7", "temperature: 7", "planner.sampling.temperature: "),
        ("  - answered@1\n", "  - answered@9\n", "there is no step answered@9"),
        ("errors: [lack_of_empathy,", "errors: [rudeness,", "errors.0: "),
        ("near_duplicate: 0.6}", "near_duplicate: 0.6", "not YAML"),
        ("validation: 0.1", "validation: 0.95", "splits: "),
        ("notes: >-", "notes: hm\nremark: >-", "notes: "),
    ],
)
def test_what_is_wrong_in_a_spec_is_named(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_spec(_own(tmp_path, old, new))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "data", [b"", b"- 1\n", b"just words", b"\xff\xfe", b"a: b: c", b"!!python/object:os.system {}"]
)
def test_a_file_that_is_no_spec_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "own.yaml"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"own\.yaml: "):
        read_spec(path)


def test_a_prompt_whose_reader_gives_something_else_is_refused_when_the_spec_is_read(tmp_path: Path) -> None:
    draft = write_draft(tmp_path)
    draft.write_text(draft.read_text().replace("planner/next_strategy@1", "joint/strategy_then_reply@1"))
    with pytest.raises(UsageError, match=r"planner\.prompt: the answers to joint/.* are not read as Strategy"):
        read_spec(draft)


def test_a_gate_that_does_not_exist_is_refused_when_the_spec_is_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"draft\.yaml: there is no gate vibes; the spec may limit faults, "):
        read_spec(write_draft(tmp_path, gates={"vibes": 0.5}))
    assert tuple(GATES) == GATE_NAMES

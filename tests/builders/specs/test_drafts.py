"""The draft of the next spec says what the earlier one says, and cannot be read before its notes are written."""

from pathlib import Path

import pytest
import yaml

from ipm_prefdial.builders.specs.released import draft_spec, load_release, read_spec, spec_path, versions, write_draft
from ipm_prefdial.schemas.errors import OutputExistsError, UsageError

NOTES = "notes: Another seed, to see what it changes.\n"


def _write(tmp_path: Path, text: str, name: str = "draft.yaml") -> Path:
    path = tmp_path / name
    write_draft(path, text)
    return path


@pytest.mark.parametrize("earlier", versions())
def test_a_draft_is_the_earlier_spec_with_another_version(tmp_path: Path, earlier: str) -> None:
    text = draft_spec("99.0.0", earlier)
    draft = read_spec(_write(tmp_path, text.replace("notes: TODO\n", NOTES))).spec
    before = load_release(earlier).spec
    changed = {"version": "99.0.0", "notes": "Another seed, to see what it changes."}
    assert draft == before.model_copy(update=changed)


def test_comments_stay() -> None:
    comments = [line for line in spec_path("1.0.0").read_text().splitlines() if line.startswith("#")]
    draft = draft_spec("99.0.0", "1.0.0")
    assert len(comments) > 1
    assert [line for line in comments if line in draft] == comments


def test_a_draft_without_notes_cannot_be_read(tmp_path: Path) -> None:
    path = _write(tmp_path, draft_spec("99.0.0", "1.0.0"))
    for read in (read_spec, lambda path: load_release(str(path))):
        with pytest.raises(UsageError, match=r"draft\.yaml: notes: "):
            read(path)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.0.0", "there is a release 1.0.0 already"),
        ("0.9.9", "0.9.9 is not above 1.0.0"),
        ("1.1", "is not a version"),
        ("v1.1.0", "is not a version"),
    ],
)
def test_a_version_that_cannot_come_next_is_refused(version: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        draft_spec(version, "1.0.0")


def test_a_version_comes_after_ones_own_spec_too(tmp_path: Path) -> None:
    own = _write(tmp_path, spec_path("1.0.0").read_text().replace("version: 1.0.0", "version: 99.5.0"), "own.yaml")
    with pytest.raises(UsageError, match=r"99\.4\.0 is not above 99\.5\.0"):
        draft_spec("99.4.0", str(own))
    assert yaml.safe_load(draft_spec("99.6.0", str(own)))["version"] == "99.6.0"


def test_an_earlier_version_that_there_is_none_of_is_refused() -> None:
    with pytest.raises(UsageError, match=r"there is no release 77\.0\.0"):
        draft_spec("99.0.0", "77.0.0")


@pytest.mark.parametrize(
    "notes",
    [
        "notes: In one line, plainly.",
        'notes: "In quotes: version: 3,\n  and on two lines"',
        "notes: |\n  Version by version:\n\n  version: 9.9.9\n  notes: none",
        "notes: >-\n    Deeper.\n\n    And again.\n# a remark that stays",
    ],
)
def test_notes_of_any_form_are_taken_out_whole(tmp_path: Path, notes: str) -> None:
    data = yaml.safe_load(spec_path("1.0.0").read_text())
    del data["notes"]
    rest = yaml.safe_dump(data, sort_keys=False)
    own = _write(tmp_path, f"{notes}\n{rest}")
    draft = draft_spec("99.0.0", str(own))
    assert yaml.safe_load(draft) == data | {"version": "99.0.0", "notes": "TODO"}
    assert ("a remark" in draft) == ("a remark" in notes)


def test_a_spec_laid_out_otherwise_is_told_and_not_spoilt(tmp_path: Path) -> None:
    own = _write(tmp_path, yaml.safe_dump(yaml.safe_load(spec_path("1.0.0").read_text()), default_flow_style=True))
    with pytest.raises(UsageError, match="copy it by hand"):
        draft_spec("99.0.0", str(own))


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = _write(tmp_path, "mine")
    with pytest.raises(OutputExistsError, match="is there already"):
        write_draft(path, "other")
    assert path.read_text() == "mine"
    with pytest.raises(UsageError, match="cannot be written: No such file or directory"):
        write_draft(tmp_path / "nowhere" / "draft.yaml", "text")

"""The card's section of a validation: there where one lies beside these very tables, with its words and no others."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support.cards import rendered, shared_context, table_of
from support.command import ipm_prefdial
from support.releases import copy_release
from support.validations import invented

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.release.layout import tables_sha256
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.release.validate import validate_release
from ipm_prefdial.cards._sections import validation_lines
from ipm_prefdial.schemas.study import StudyOutcome

SECTION = "## What training on it shows"


def test_without_a_validation_there_is_no_section() -> None:
    assert validation_lines(None) == {}
    assert SECTION not in rendered()


def test_every_question_stands_in_its_group_with_its_verdict() -> None:
    validation = invented(*StudyOutcome)
    card = rendered(context=replace(shared_context(), validation=validation))
    assert SECTION in card
    about_release, trained = (table_of(card, title) for title in ("the release itself", "what training on it shows"))
    assert {**about_release, **trained} == {
        "Is number 0 so?": ["✓ yes", "0.500 [0.400, 0.600]", "0.5 \\", "so"],
        "Is number 1 so?": ["✗ no", "0.500 [0.400, 0.600]", "0.5 \\", "so"],
        "Is number 2 so?": ["? cannot tell", "0.500 [0.400, 0.600]", "0.5 \\", "so"],
    }, "a bar inside a cell is escaped"
    assert "It is invented." in card
    assert "`tiny/planner/sft` (random weights, 7 steps)" in card


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """A copy of the scripted release, to be altered."""
    return copy_release(tmp_path / "release")


def written(path: Path, tables: str) -> Path:
    """A validation of these tables, in a file."""
    path.write_text(invented(tables_sha256=tables).model_dump_json(), encoding="utf-8")
    return path


def test_card_brings_a_validation_into_the_release_and_it_stays_verified(release: Release, tmp_path: Path) -> None:
    file = written(tmp_path / "validation.json", tables_sha256(release.manifest.files))
    done = ipm_prefdial("card", release.root, "--validation", file)
    assert done.code == 0, done.err
    there = Release(release.root)
    assert "validation.json" in there.manifest.files
    assert SECTION in (there.root / "README.md").read_text(encoding="utf-8")
    assert verify_release(there.root).differences == ()
    assert list(validate_release(there)) == []


def test_a_validation_of_other_tables_is_refused_and_nothing_is_written(release: Release, tmp_path: Path) -> None:
    done = ipm_prefdial("card", release.root, "--validation", written(tmp_path / "validation.json", "f" * 64))
    assert (done.code, len(done.err.splitlines())) == (1, 1)
    assert "made from other tables" in done.err
    assert not (release.root / "validation.json").exists()


@pytest.mark.parametrize(("text", "told"), [(None, "no such file"), ("{", "not JSON"), (json.dumps({}), "release:")])
def test_a_file_that_is_no_validation_is_one_line(
    text: str | None, told: str, release: Release, tmp_path: Path
) -> None:
    file = tmp_path / "validation.json"
    if text is not None:
        file.write_text(text)
    done = ipm_prefdial("card", release.root, "--validation", file)
    assert done.code in (1, 2)
    (line,) = done.err.splitlines()
    assert told in line

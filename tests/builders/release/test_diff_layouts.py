"""A newer layout of the rows is a new major version, and what differs inside a judgement is told."""

from pathlib import Path

import pytest
from support.releases import Row, change_rows, copy_release, refresh_hashes, shared_release

from ipm_prefdial.builders.release.diff.run import diff_releases
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.config import Config
from ipm_prefdial.schemas.diff import Diff, Presence
from ipm_prefdial.schemas.spec import Bump

DIALOGUES = 20
TRAIN = "data/response/train-00000-of-00001.parquet"


@pytest.fixture(scope="module")
def judged() -> Release:
    """A release of layout 2; only to be read."""
    return shared_release("2.0.0", DIALOGUES)


@pytest.fixture(scope="module")
def between(judged: Release) -> Diff:
    """What lies between the two released specs over the same dialogues."""
    return diff_releases(shared_release("1.0.0", DIALOGUES), judged)


def test_a_new_layout_is_a_major_version(between: Diff) -> None:
    assert between.needs is between.states is Bump.MAJOR
    assert between.fits
    assert (between.old, between.new, between.smallest) == ("1.0.0", "2.0.0", "2.0.0")


def test_columns_and_configs_that_came_and_went_are_told(between: Diff) -> None:
    found = {one.config: one for one in between.configs}
    assert found[Config.CRISIS_HOLDOUT].presence is Presence.ADDED
    columns = {column.column: (column.old, column.new) for column in found[Config.RESPONSE].columns}
    assert columns["judgements"][0] is None
    assert columns["panel"][0] is None
    assert columns["chosen_verdict"][1] is None


def test_a_cell_inside_a_judgement_is_told_by_its_column(judged: Release, tmp_path: Path) -> None:
    copy = copy_release(tmp_path / "copy", judged)

    def reword(rows: list[Row]) -> None:
        rows[0]["judgements"][1]["rationale"] = "It is kinder."

    change_rows(copy, TRAIN, reword)
    found = diff_releases(judged, refresh_hashes(copy.root), most=5)
    assert found.needs is Bump.MAJOR
    response = next(one for one in found.configs if one.config == Config.RESPONSE)
    assert (response.total("changed"), response.total("added"), response.total("gone")) == (1, 0, 0)
    assert [row.columns for row in found.rows] == [("judgements",)]

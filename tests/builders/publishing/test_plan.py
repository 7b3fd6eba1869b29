"""A release is one commit, however many files it has; only what the Hub itself does not take is refused."""

from dataclasses import replace

import pytest

from ipm_prefdial.builders.publishing._plan import (
    MOST_BYTES,
    MOST_IN_FOLDER,
    MOST_LARGE_FILES,
    Payload,
    payload_of,
    plan_first,
)
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.errors import DataError


def with_files(release: Release, *names: str, size: int = 1) -> Payload:
    """What a release would send if it had these files."""
    payload = payload_of(release)
    one = replace(payload.files["LICENSE"], size=size)
    return replace(payload, files=dict.fromkeys(names, one))


def test_a_first_release_adds_all_of_its_files_and_the_manifest(first: Release) -> None:
    plan = plan_first(payload_of(first))
    assert set(plan.add) == {*first.manifest.files, "manifest.json"}
    assert (plan.parent, plan.remove, plan.same, dict(plan.kept)) == ("", (), (), {})


def test_a_release_of_thousands_of_files_is_one_commit(first: Release) -> None:
    names = [f"data/response/{number}.parquet" for number in range(MOST_IN_FOLDER)]
    assert len(plan_first(with_files(first, *names, "LICENSE")).add) == MOST_IN_FOLDER + 1


def test_too_many_files_for_a_folder_of_the_hub_are_refused(first: Release) -> None:
    names = [f"data/response/{number}.parquet" for number in range(MOST_IN_FOLDER + 1)]
    with pytest.raises(DataError, match=r"data/response/: 10,001 files: .* at most 10,000 a folder: build it with"):
        plan_first(with_files(first, *names))


def test_too_many_files_for_a_commit_of_the_hub_are_refused(first: Release) -> None:
    names = [f"data/{number % 9}/{number}.parquet" for number in range(MOST_LARGE_FILES + 1)]
    with pytest.raises(DataError, match=r"25,001 files to add: .* one commit or not at all"):
        plan_first(with_files(first, *names))


def test_a_file_that_is_too_large_for_the_hub_is_refused(first: Release) -> None:
    with pytest.raises(DataError, match=r"data/a\.parquet: the Hub takes files of at most 500 GB"):
        plan_first(with_files(first, "data/a.parquet", size=MOST_BYTES + 1))


def test_a_commit_may_have_as_many_files_as_the_hub_takes(first: Release) -> None:
    names = [f"data/{number % 9}/{number}.parquet" for number in range(MOST_LARGE_FILES)]
    assert len(plan_first(with_files(first, *names)).add) == MOST_LARGE_FILES

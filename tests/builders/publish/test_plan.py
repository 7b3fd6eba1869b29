"""A release is one commit; what is too much for one is refused before anything is sent."""

from dataclasses import replace

import pytest

from ipm_prefdial.builders.publish.payload import payload_of
from ipm_prefdial.builders.publish.plan import MOST_FILES, plan_first
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.errors import DataError


def test_a_first_release_adds_all_of_its_files_and_the_manifest(first: Release) -> None:
    plan = plan_first(payload_of(first))
    assert set(plan.add) == {*first.manifest.files, "manifest.json"}
    assert (plan.parent, plan.remove, plan.same, dict(plan.kept)) == ("", (), (), {})


def test_too_many_files_for_one_commit_are_refused(first: Release) -> None:
    payload = payload_of(first)
    one = payload.files["LICENSE"]
    files = {f"data/{number}.parquet": one for number in range(MOST_FILES)}
    plan_first(replace(payload, files=files))
    with pytest.raises(DataError, match=r"100 files to add .* one commit or not at all"):
        plan_first(replace(payload, files=files | {"LICENSE": one}))

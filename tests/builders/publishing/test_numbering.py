"""Which tags are versions of ours, and which of two is the newer."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.releases import change_manifest, copy_release

from ipm_prefdial.builders.publishing._plan import tag_of
from ipm_prefdial.builders.publishing.preflight import check_number, released_versions
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.schemas.errors import DataError

VERSIONS = st.tuples(*[st.integers(0, 30)] * 3)
OTHERS = st.sampled_from(
    ["v1.0", "1.0.0", "v01.0.0", "v1.0.0-rc1", "v1.0.0\n", "main", "final", "v1.0.0.0", "V1.0.0", "v١.0.0"]
)


@given(st.lists(VERSIONS, unique=True), st.lists(OTHERS))
def test_versions_are_told_from_other_tags_and_the_newest_comes_first(
    versions: list[tuple[int, int, int]], others: list[str]
) -> None:
    tags = [tag_of(".".join(map(str, version))) for version in versions]
    found = released_versions([*others, *tags])
    assert [tuple(map(int, version.split("."))) for version in found] == sorted(versions, reverse=True)


@pytest.mark.parametrize(("stated", "published"), [("9.0.0", "10.0.0"), ("1.9.0", "1.10.0")])
def test_versions_are_compared_as_numbers(stated: str, published: str, tmp_path: Path) -> None:
    def numbered(version: str) -> Release:
        return change_manifest(copy_release(tmp_path / version).root, lambda found: found.update(version=version))

    earlier, later = numbered(stated), numbered(published)
    with pytest.raises(DataError, match="would come too late"):
        check_number(earlier, later)

"""A released spec gives the same bytes for ever: every golden build is made again and compared."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from support.golden import GOLDEN, build_golden, golden_built_once, rows_of

from ipm_prefdial.builders.building.rebuild import verify_release
from ipm_prefdial.builders.release.diff.run import diff_releases
from ipm_prefdial.builders.release.read import Release
from ipm_prefdial.builders.specs.released import locked_specs, versions
from ipm_prefdial.schemas.spec import Bump

TABLE = "data/response/train-00000-of-00001.parquet"


def writer(root: Path) -> str:
    """Which Parquet writer made a release."""
    return str(pq.ParquetFile(root / TABLE).metadata.created_by)


def files_of(root: Path) -> dict[str, bytes]:
    """The tables and the split list of a release; its card is a view of them, and may be worded better later."""
    found = [*root.glob("data/*/*.parquet"), root / "splits.json"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in found}


def test_every_released_spec_has_a_golden_build() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(locked_specs()) == set(versions())


@pytest.mark.parametrize("version", versions())
def test_a_golden_build_is_made_again_row_for_row(version: str) -> None:
    assert rows_of(golden_built_once(version)) == rows_of(GOLDEN / version)


@pytest.mark.parametrize("version", versions())
def test_a_golden_build_is_made_again_byte_for_byte(version: str, tmp_path: Path) -> None:
    first = golden_built_once(version)
    if writer(GOLDEN / version) != writer(first):
        pytest.skip("the golden build was written by another Parquet writer: only its rows can be compared")
    second = build_golden(tmp_path / "twice" / version, version)
    assert files_of(first) == files_of(GOLDEN / version)
    assert files_of(second) == files_of(first)


def test_a_minor_release_keeps_every_row_of_the_one_before_it() -> None:
    found = diff_releases(Release(GOLDEN / "2.0.0"), Release(GOLDEN / "2.1.0"))
    assert (found.needs, found.fits) == (Bump.MINOR, True)
    assert not any(one.gone or one.changed for config in found.configs for one in config.splits)


@pytest.mark.parametrize("version", versions())
def test_a_golden_build_verifies(version: str) -> None:
    assert verify_release(GOLDEN / version).differences == ()

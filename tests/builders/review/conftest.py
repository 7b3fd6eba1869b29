"""A release that a review may go into, and an export of it."""

from pathlib import Path

import pytest
from support.releases import copy_release, shared_release
from support.review import Export, export

from ipm_prefdial.builders.release.read import Release


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """A copy of the scripted release of the sample."""
    return copy_release(tmp_path / "release")


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Sixty pairs of the scripted release, which `release` is a copy of; only to be read."""
    return export(shared_release(), tmp_path_factory.mktemp("review") / "out")

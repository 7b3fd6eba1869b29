"""A release that a test may alter."""

from pathlib import Path

import pytest
from support.releases import copy_release

from ipm_prefdial.builders.release.read import Release


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """A copy of the scripted release of the sample."""
    return copy_release(tmp_path / "release")

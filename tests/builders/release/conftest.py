"""A release that a test may alter."""

from pathlib import Path

import pytest
from support.releases import copy_release, shared_release

from ipm_prefdial.builders.release.read import Release


@pytest.fixture
def release(tmp_path: Path) -> Release:
    """A copy of the scripted release of the sample."""
    return copy_release(tmp_path / "release")


@pytest.fixture
def unaltered() -> Release:
    """The scripted release itself: only to be read."""
    return shared_release()


@pytest.fixture
def judged(tmp_path: Path) -> Release:
    """A copy of the scripted release of the layout with panels."""
    return copy_release(tmp_path / "judged", shared_release("2.0.0"))

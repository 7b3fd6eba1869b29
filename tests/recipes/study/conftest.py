"""One quick validation of a small release, for several tests to look at."""

from pathlib import Path

import pytest
from support.command import Done, ipm_prefdial
from support.training import small_release
from support.validations import quick_words


@pytest.fixture(scope="session")
def validated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Done]:
    """The folder of a validation that went through, and what the command said."""
    out = tmp_path_factory.mktemp("validated") / "out"
    return out, ipm_prefdial(*quick_words(small_release().root, out))

"""What every test starts from: no keys in the environment, a Hub home of its own, repeatable examples."""

import gc
import os
import sys
from itertools import count
from pathlib import Path

os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_UPDATE_CHECK"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
# Tests run side by side, one a core: a tiny model that asks for every core would wait for the others at each step.
os.environ["OMP_NUM_THREADS"] = "1"
# The Hub's libraries read these once, when they are imported: so they are cleared before any test module is.
for _name in [
    name for name in os.environ if name.startswith("OPENAI_") or name in ("HF_TOKEN", "HF_ENDPOINT", "HF_HUB_OFFLINE")
]:
    del os.environ[_name]

import pytest  # noqa: E402  # after the environment is set
from hypothesis import HealthCheck, settings  # noqa: E402

settings.register_profile(
    "repeatable",
    derandomize=True,
    max_examples=60,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

REPOSITORY = Path(__file__).parents[1]
REAL_DATA = REPOSITORY.parent / "shared" / "data"


_NUMBERS = count()


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No key, no token, no endpoint of the developer's, and a home for the Hub's clients that is empty."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "IPM_PREFDIAL_")) or name in (
            "HF_TOKEN",
            "HUGGING_FACE_HUB_TOKEN",
            "HF_ENDPOINT",
        ):
            monkeypatch.delenv(name)
    # A path of its own that nothing makes before a client does: a `tmp_path` for each of the thousands of tests that
    # never touch the disk would cost more than these tests.
    home = tmp_path_factory.getbasetemp() / f"hf-home-{next(_NUMBERS)}"
    monkeypatch.setenv("HF_HOME", str(home))
    # Both read HF_HOME once, at import: where that has happened, what they made of it is put right.
    if "datasets" in sys.modules:
        monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", home / "datasets")
        monkeypatch.setattr("datasets.config.HF_MODULES_CACHE", str(home / "modules"))
    if "huggingface_hub.constants" in sys.modules:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(home / "hub"))
        monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(home / "token"))


def pytest_collection_finish() -> None:
    """Thousands of tests and their modules stay until the end: the garbage collector need not look at them again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def tiny() -> Path:
    """The folder of invented corpora."""
    return Path(__file__).parent / "tiny"


@pytest.fixture
def real_data() -> Path:
    """The folder of real corpora, which are not part of this project; skips where it is absent."""
    if not REAL_DATA.is_dir():
        pytest.skip("the real corpora are not beside this checkout (../shared/data)")
    return REAL_DATA

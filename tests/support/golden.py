"""The golden builds: one small release a version, made from the tiny corpus by a script in place of models."""

import atexit
import shutil
import tempfile
from functools import lru_cache
from pathlib import Path

from support.releases import build_scripted

from ipm_prefdial.builders.release.read import Release

GOLDEN = Path(__file__).parents[1] / "golden"
TINY = Path(__file__).parents[1] / "tiny" / "esconv.json"


def build_golden(root: Path, version: str) -> Path:
    """The release as the code makes it now."""
    return build_scripted(root, (str(TINY),), release=version, packages={}).root


@lru_cache
def golden_built_once(version: str) -> Path:
    """The release as the code makes it now, built once a process; only to be read."""
    folder = tempfile.mkdtemp(prefix="ipm-prefdial-golden-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return build_golden(Path(folder, version), version)


def rows_of(root: Path) -> dict[str, tuple[int | None, str | None]]:
    """Number and digest of the rows of every table, which hold whatever wrote the Parquet."""
    files = Release(root).manifest.files
    return {name: (one.rows, one.rows_sha256) for name, one in files.items() if one.rows is not None}

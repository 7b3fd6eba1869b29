"""Which sources a release's dialogues come from, and under which licences, as their rows say."""

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ...cards.licences import Origin
from ...schemas.config import Config
from ...schemas.errors import DataError
from ...schemas.manifest import FileRecord
from ...schemas.plain_files import open_inside
from .layout import config_and_split

_DIALOGUES = (Config.DIALOGUES, Config.CRISIS_HOLDOUT)


def origins_of(root: Path, files: Mapping[str, FileRecord]) -> tuple[Origin, ...]:
    """Every source and licence that dialogues name, with how many do.

    Args:
        root: the release's folder.
        files: the manifest's records of its files.

    Raises:
        DataError: a table of dialogues is gone or damaged.
    """
    found = Counter[tuple[str, str]]()
    for name in files:
        table = config_and_split(name)
        if table is not None and table[0] in _DIALOGUES:
            found.update(_sources_and_licenses(root, name))
    return counted_origins(found)


def counted_origins(found: Mapping[tuple[str, str], int]) -> tuple[Origin, ...]:
    """The same from the number of dialogues by source and licence; in order of both."""
    return tuple(Origin(source, license_id, number) for (source, license_id), number in sorted(found.items()))


def _sources_and_licenses(root: Path, path: str) -> Iterator[tuple[str, str]]:
    try:
        with open_inside(root, path) as opened, pq.ParquetFile(opened) as file:
            for batch in file.iter_batches(columns=["source", "license"]):
                columns = (map(str, batch.column(name).to_pylist()) for name in ("source", "license"))
                yield from zip(*columns, strict=True)
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read: {(str(error).splitlines() or [type(error).__name__])[0]}") from error

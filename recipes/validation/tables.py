"""Reads columns of a release's tables, a row at a time."""

from collections.abc import Iterator, Sequence
from typing import Any

from ...schemas.config import PAIR_CONFIGS, SFT_CONFIGS, Config
from ...schemas.dialogue import Split
from ...schemas.errors import DataError
from ..data.release import PinnedRelease, open_release

NEEDED = (Config.DIALOGUES, *SFT_CONFIGS, *PAIR_CONFIGS, Config.DROPPED)
"""The configs that a validation reads."""

Place = tuple[str, int]
"""A dialogue and the index of a turn in it."""

_AT_ONCE = 1_000


def open_whole(place: str, revision: str | None) -> PinnedRelease:
    """The release in a folder or repo with every config that a validation reads, each with rows where it needs them.

    Raises:
        UsageError: there is no such release, or a repo comes without a tag.
        DataError: a config is missing, was changed, or has no rows in a split.
        EndpointError: the Hub cannot be reached.
    """
    release = [open_release(place, revision, config) for config in NEEDED][-1]
    for config in NEEDED[1:-1]:
        for split in (Split.TRAIN, Split.TEST):
            if not _count(release, config, split):
                raise DataError(f"{release.name}: config {config} has no rows in split {split}, which is needed here")
    return release


def _count(release: PinnedRelease, config: Config, split: Split) -> int:
    paths = release.tables(config, split)
    return sum(release.manifest.files[path.relative_to(release.root).as_posix()].rows or 0 for path in paths)


def rows_of(
    release: PinnedRelease, config: Config, columns: Sequence[str], splits: Sequence[Split] = tuple(Split)
) -> Iterator[dict[str, Any]]:
    """The rows of a config, in order, with these columns alone and `split`; a column that it lacks is left out.

    Raises:
        DataError: a table cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    for split in splits:
        for path in release.tables(config, split):
            try:
                file = pq.ParquetFile(path)
                there = [name for name in columns if name in file.schema_arrow.names]
                for batch in file.iter_batches(_AT_ONCE, columns=there):
                    yield from ({**row, "split": split} for row in batch.to_pylist())
            except (OSError, pa.ArrowException) as error:
                raise DataError(f"{release.name}: {path.name} of `{config}` cannot be read: {error}") from error


def answer_of(messages: Sequence[dict[str, str]]) -> str:
    """The words of a side, or of a demonstration: of its one message."""
    return " ".join(message["content"] for message in messages)

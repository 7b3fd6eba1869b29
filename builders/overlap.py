"""Finds dialogues that overlap with a benchmark which a maintainer names, so that nobody trains on its test.

Whatever the benchmark's shape, every text in its files counts: a dialogue overlaps where a turn or its situation shares
a run of so many words with one. Thirteen words, as in the reports on language models since GPT-3 (Brown et al. 2020,
appendix C), are rarely shared by chance; the number is the spec's.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..schemas.dialogue import Dialogue
from ..schemas.errors import SourceError
from ..schemas.manifest import BenchmarkRecord
from ..schemas.text import words_of
from .sources.files import read_records, sha256_of, sha256_of_all
from .sources.hub import HUB_ID, DatasetCopy, download

_JSON = (".json", ".jsonl", ".parquet")
_TEXT = (".txt", ".md")
_LONGEST_CELL = 2**31 - 1
_READ = (*_JSON, *_TEXT, ".csv", ".tsv")


@dataclass(frozen=True)
class Benchmark:
    """A benchmark's runs of words."""

    record: BenchmarkRecord
    runs: frozenset[bytes]
    words: int

    def overlaps(self, dialogue: Dialogue) -> bool:
        """Whether a turn or the situation shares a run of words with it."""
        texts = [*(turn.text for turn in dialogue.turns), dialogue.situation or ""]
        return any(run in self.runs for text in texts for run in _runs(text, self.words))


def read_benchmarks(places: Sequence[str], words: int) -> tuple[Benchmark, ...]:
    """The benchmarks that `places` name: files, folders or Hub ids.

    Raises:
        SourceError: there is none, it cannot be read, or no text in it has so many words.
    """
    return tuple(_read(place, words) for place in places)


def _read(place: str, words: int) -> Benchmark:
    path = Path(place)
    name, files, sha256 = _find(place, path)
    texts = [text for file in files for text in _texts(file)]
    runs = frozenset(run for text in texts for run in _runs(text, words))
    if not runs:
        raise SourceError(f"{place}: no text in it has {words} words in a row, so nothing could overlap with it")
    return Benchmark(BenchmarkRecord(name=name, sha256=sha256, texts=len(texts), dialogues=0), runs, words)


def _find(place: str, path: Path) -> tuple[str, list[Path], str]:
    """Its name, its files, and a digest of them."""
    if path.is_file():
        if path.suffix not in _READ:
            raise SourceError(f"{place}: a benchmark is read from {', '.join(_READ)} files")
        return path.name, [path], sha256_of(path)
    if path.is_dir():
        copy, name = DatasetCopy(path, None), path.resolve().name
    elif HUB_ID.match(place):
        copy, name = download(place), place
    else:
        raise SourceError(f"--decontaminate {place}: no such file or folder, and no ORG/NAME[@REV] either")
    files = sorted(file for file in copy.files() if file.suffix in _READ)
    if not files:
        raise SourceError(f"{place}: holds no {', '.join(_READ)} file")
    return name, files, sha256_of_all(tuple(files), copy.folder)


def _texts(path: Path) -> Iterator[str]:
    if path.suffix in _TEXT:
        yield from path.read_text(encoding="utf-8", errors="replace").split("\n\n")
    elif path.suffix == ".parquet":
        yield from _cells(path)
    elif path.suffix in _JSON:
        for record in read_records(path):
            yield from _strings(record)
    else:
        csv.field_size_limit(_LONGEST_CELL)
        with path.open(encoding="utf-8", errors="replace", newline="") as lines:
            for row in csv.reader(lines, delimiter="\t" if path.suffix == ".tsv" else ","):
                yield from row


def _cells(path: Path) -> Iterator[str]:
    try:
        for batch in pq.ParquetFile(path).iter_batches():
            yield from _strings(batch.to_pylist())
    except (OSError, pa.ArrowException, ValueError) as error:
        raise SourceError(f"{path}: cannot be read: {' '.join(str(error).split())}") from error


def _strings(value: Any) -> Iterator[str]:
    """Every string inside a value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)


def _runs(text: str, words: int) -> Iterator[bytes]:
    said = words_of(text)
    for at in range(len(said) - words + 1):
        yield blake2b(" ".join(said[at : at + words]).encode(), digest_size=8).digest()

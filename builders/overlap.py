"""Finds dialogues that overlap with a benchmark which a maintainer names, so that nobody trains on its test.

Whatever the benchmark's shape, every text in its files counts: a dialogue overlaps where a turn or its situation shares
a run of so many words with one. Thirteen words, as in the reports on language models since GPT-3 (Brown et al. 2020,
appendix C), are rarely shared by chance; the number is the spec's.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..schemas.dialogue import Dialogue
from ..schemas.documents import longest_csv_cell
from ..schemas.errors import SourceError
from ..schemas.manifest import BenchmarkRecord
from ..schemas.text import words_of
from .sources.files import digest_of_lines, open_as_hashed, read_records, sha256_of
from .sources.hub import HUB_ID, DatasetCopy, download

_JSON = (".json", ".jsonl", ".parquet")
_TEXT = (".txt", ".md")
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
    name, root, digests, sha256 = _find(place, path)
    texts = [
        text for file, pinned in digests.items() for text in _texts(path if root is None else root / file, root, pinned)
    ]
    runs = frozenset(run for text in texts for run in _runs(text, words))
    if not runs:
        raise SourceError(f"{place}: no text in it has {words} words in a row, so nothing could overlap with it")
    return Benchmark(BenchmarkRecord(name=name, sha256=sha256, texts=len(texts), dialogues=0), runs, words)


def _find(place: str, path: Path) -> tuple[str, Path | None, dict[str, str], str]:
    """Its name, its folder where it is one, the digest of every file, and a digest of them all."""
    if path.exists() and not path.is_dir():
        if path.suffix not in _READ:
            raise SourceError(f"{place}: a benchmark is read from {', '.join(_READ)} files")
        sha256 = sha256_of(path)
        return path.name, None, {path.name: sha256}, sha256
    if path.is_dir():
        copy, name = DatasetCopy(path, None), path.resolve().name
    elif HUB_ID.match(place):
        copy, name = download(place), place
    else:
        raise SourceError(f"--decontaminate {place}: no such file or folder, and no ORG/NAME[@REV] either")
    digests = {name: sha256 for name, sha256 in copy.digests.items() if name.endswith(_READ)}
    if not digests:
        raise SourceError(f"{place}: holds no {', '.join(_READ)} file")
    return name, copy.folder, digests, digest_of_lines(digests)


def _texts(path: Path, root: Path | None, sha256: str) -> Iterator[str]:
    if path.suffix in _JSON:
        for record in read_records(path, root=root, sha256=sha256):
            yield from _strings(record)
        return
    with open_as_hashed(path, root, sha256) as file:
        text = io.TextIOWrapper(
            file, encoding="utf-8", errors="replace", newline="" if path.suffix not in _TEXT else None
        )
        if path.suffix in _TEXT:
            yield from text.read().split("\n\n")
            return
        longest_csv_cell()
        try:
            for row in csv.reader(text, delimiter="\t" if path.suffix == ".tsv" else ","):
                yield from row
        except csv.Error as error:
            raise SourceError(f"{path}: not CSV that can be read: {error}") from error


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

"""Opens whatever `--source` names and reads dialogues from it, in order."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from ...schemas.dialogue import Dialogue, Split
from ...schemas.errors import SourceError, UsageError
from ...schemas.escape import one_line, printable, source_name
from ...schemas.licence import LICENCES, UNKNOWN
from ...schemas.spec import SourceRef
from .base import BadDialogue, FaultError, Format, to_dialogue
from .files import digest_of_lines, read_records, sha256_of
from .formats import FORMATS, format_of, gather_rows, name_of_split_files, unknown_form, unwrap
from .hub import HUB_ID, SPLITS, DatasetCopy, download

SAMPLE = "sample"
"""The uri of the corpus that comes with the package."""

# What only a file's name ends with, though it may look like a dataset's on the Hub.
_SUFFIXES = (".json", ".jsonl", ".txt", ".parquet", ".csv")


@dataclass
class Source:
    """A source that was found: it has a name, a digest and a licence, and can be read any number of times."""

    name: str
    """Its name in rows, unless the records name their own source."""
    uri: str
    """Its name in the command, without folders."""
    kind: str | None
    """The form that the command forces, or that was recognised; None before the first record is read."""
    sha256: str
    revision: str | None
    license: str
    paths: tuple[Path, ...]
    """Its files; empty where it is a dataset folder."""
    dataset: DatasetCopy | None = None
    digests: tuple[str, ...] = ()
    """The SHA-256 of each of its files."""

    def __iter__(self) -> Iterator[Dialogue | BadDialogue]:
        """Every record, in order, as a dialogue or as what is wrong with it.

        Raises:
            SourceError: the source as a whole cannot be read, or is of no known form.
        """
        form: Format | None = FORMATS[self.kind] if self.kind else None
        strange: str | None = None
        for index, (record, split) in enumerate(gather_rows(self._records())):
            form = form or format_of(record)
            if form is None:
                strange = strange or unknown_form(record)
                yield BadDialogue(source=self.uri, index=index, turn=None, reason="wrong_shape", detail=strange)
                continue
            self.kind = form.kind
            yield self._dialogue(record, split, form, index)
        if form is None and strange is not None:
            raise SourceError(f"{self.uri}: {strange}")

    def _records(self) -> Iterator[tuple[Any, Split | None]]:
        if self.dataset is not None:
            for row, split in self.dataset.rows():
                yield unwrap(row), split
        for path, sha256 in zip(self.paths, self.digests, strict=True):
            for record in read_records(path, sha256=sha256):
                yield unwrap(record), _own_split(path)

    def _dialogue(self, record: Any, split: Split | None, form: Format, index: int) -> Dialogue | BadDialogue:
        try:
            if not isinstance(record, dict) or not form.fits(record):
                raise FaultError("wrong_shape", unknown_form(record))
            dialogue = to_dialogue(record, form, source=self.name, license_id=self.license)
        except FaultError as fault:
            return BadDialogue(source=self.uri, index=index, turn=fault.turn, reason=fault.reason, detail=fault.detail)
        if dialogue.license not in LICENCES:
            raise SourceError(f"{self.uri}: dialogue {index}: {_unknown_licence(dialogue.license)}")
        return dialogue if split is None else dialogue.model_copy(update={"split": split})


def open_source(ref: SourceRef) -> Source:
    """The source that `ref` names.

    Raises:
        SourceError: there is none, it cannot be read, or its bytes are not those that the spec pins.
        UsageError: an unknown kind or licence.
    """
    kind, uri = _split_kind(ref.uri)
    if ref.license is not None and ref.license not in LICENCES:
        raise UsageError(_unknown_licence(ref.license))
    if uri == SAMPLE:
        source = _open_sample()
    elif _is_there(Path(uri)) and Path(uri).is_dir():
        source = _open_dataset(DatasetCopy(Path(uri), None), Path(uri).resolve().name, kind, ref.license)
    elif _is_there(Path(uri)) or not HUB_ID.match(uri) or Path(uri).suffix in _SUFFIXES:
        source = _open_file(Path(uri), kind, ref.license)
    else:
        source = _open_dataset(download(uri), uri.partition("@")[0], kind, ref.license)
    if ref.sha256 is not None and source.sha256 != ref.sha256:
        raise SourceError(
            f"{ref.uri}: its sha256 is {source.sha256}, but the spec wants {ref.sha256}: it is not the same data; "
            "get the original, or build from it with --source under a version of your own"
        )
    return source


def _split_kind(uri: str) -> tuple[str | None, str]:
    kind, colon, path = uri.partition(":")
    if not colon or _is_there(Path(uri)):
        return None, uri
    if kind not in (*FORMATS, "hub"):
        raise UsageError(f"--source {uri}: {kind!r} is not a kind; the kinds are {', '.join(FORMATS)} and hub")
    return (None if kind == "hub" else kind), path


# Whether there is such a file; a name that no file can have is none.
def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _open_sample() -> Source:
    folder = Path(str(files(__package__) / "sample"))
    paths = tuple(sorted(folder.glob("*.jsonl")))
    digests = {path.relative_to(folder).as_posix(): sha256_of(path) for path in paths}
    sha256 = digest_of_lines(digests)
    return Source(SAMPLE, SAMPLE, "dialogue", sha256, None, "cc-by-4.0", paths, digests=tuple(digests.values()))


def _open_file(path: Path, kind: str | None, license_id: str | None) -> Source:
    if not _is_there(path):
        raise SourceError(f"{printable(path)}: no such file")
    name, sha256 = source_name(path.stem) if _own_split(path) is None else name_of_split_files(), sha256_of(path)
    return Source(name, one_line(path.name), kind, sha256, None, license_id or UNKNOWN, (path,), digests=(sha256,))


# The split that the name of a CSV file tells: EmpatheticDialogues is three of them.
def _own_split(path: Path) -> Split | None:
    return SPLITS.get(path.stem) if path.suffix == ".csv" else None


def _open_dataset(copy: DatasetCopy, name: str, kind: str | None, license_id: str | None) -> Source:
    stated = license_id or copy.license() or UNKNOWN
    known = stated if stated in LICENCES else UNKNOWN
    return Source(source_name(name), one_line(name), kind, copy.sha256, copy.revision, known, (), copy)


def _unknown_licence(license_id: str) -> str:
    return f"{license_id!r} is not a licence that is known here; the known ones are {', '.join(LICENCES)}"

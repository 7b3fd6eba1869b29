"""Reads the sources of a build: checks, counts and splits every dialogue, and spools it to disk in source order.

It also finds dialogues that overlap with a benchmark that the maintainer names, so that no model trains on its test.
Every text in the benchmark's files counts, whatever their format: a dialogue overlaps if a turn or its situation shares
a run of so many words with one. Thirteen words, as in the reports on language models since GPT-3 (Brown et al. 2020,
appendix C), are rarely shared by chance; the number is the spec's.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any, Literal

from ...schemas.dialogue import Dialogue, Speaker, Split
from ...schemas.documents import raise_csv_limit
from ...schemas.errors import SourceError
from ...schemas.manifest import BenchmarkRecord, SourceRecord
from ...schemas.rows.layout_2 import FoundCrisis
from ...schemas.safety import PiiKind
from ...schemas.spec import BuildSpec
from ...schemas.text import words_of
from ..mining.screen import crisis_by_rule
from ..mining.turns import PlacedDialogue
from ..release.splits import SplitPlan, Splits
from ..safety.personal_data import count_personal_data, mask_dialogue
from ..sources.base import BadDialogue, FaultError
from ..sources.files import digest_of_lines, open_as_hashed, read_records, sha256_of
from ..sources.hub import HUB_ID, DatasetCopy, download
from ..sources.source import Source

_JSON = (".json", ".jsonl", ".parquet")
_TEXT = (".txt", ".md")
_READ = (*_JSON, *_TEXT, ".csv", ".tsv")


@dataclass(frozen=True)
class Benchmark:
    """The runs of words in a benchmark, as digests."""

    record: BenchmarkRecord
    runs: frozenset[bytes]
    words: int

    def overlaps(self, dialogue: Dialogue) -> bool:
        """Whether a turn or the situation shares a run of words with the benchmark."""
        texts = [*(turn.text for turn in dialogue.turns), dialogue.situation or ""]
        return any(run in self.runs for text in texts for run in _runs(text, self.words))


def read_benchmarks(places: Sequence[str], words: int) -> tuple[Benchmark, ...]:
    """The benchmarks that `places` name: files, folders or Hub ids.

    Raises:
        SourceError: a place does not exist or cannot be read, or no text in it has so many words.
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
        raise SourceError(f"{place}: no text in it has {words} words in a row, so nothing can overlap with it")
    return Benchmark(BenchmarkRecord(name=name, sha256=sha256, texts=len(texts), dialogues=0), runs, words)


def _find(place: str, path: Path) -> tuple[str, Path | None, dict[str, str], str]:
    """Its name, its folder if it is one, the digest of every file, and a digest of them all."""
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
        raise_csv_limit()
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


OnBadDialogue = Literal["stop", "skip"]

MOST_IN_A_TURN = 100_000
MOST_CHARACTERS = 500_000
MOST_TURNS = 2_000
"""Limits of a dialogue (our own choice); the largest of ESConv are 836, 8,797 and 186."""

PERSONAL_DATA = "personal_data"
"""The reason for leaving out a dialogue if the spec drops those with personal data."""


@dataclass(frozen=True)
class Ingested:
    """The dialogues of a build, on disk; can be iterated any number of times."""

    spool: Path
    """The dialogues, one JSON line each, in source order."""
    splits: Splits
    sources: tuple[SourceRecord, ...]
    licenses: frozenset[str]
    """The licences of all dialogues."""
    benchmarks: tuple[BenchmarkRecord, ...] = ()
    """The benchmarks that the dialogues were compared with."""
    contaminated: Mapping[int, str] = field(default_factory=dict)
    """The benchmark that a dialogue overlaps with, by the dialogue's position."""
    in_crisis: Mapping[int, tuple[FoundCrisis, ...]] = field(default_factory=dict)
    """The findings of the written rules by position, if the spec holds dialogues with a crisis out."""

    def __iter__(self) -> Iterator[PlacedDialogue]:
        """Every dialogue in source order with its split."""
        with self.spool.open("rb") as lines:
            rows = zip(lines, self.splits.splits, self.splits.repeats(), strict=True)
            for position, (line, split, repeats) in enumerate(rows):
                dialogue = Dialogue.model_validate_json(line)
                contaminated, found = self.contaminated.get(position), self.in_crisis.get(position, ())
                yield PlacedDialogue(dialogue, position, split, repeats, contaminated, by_rule=found)

    def of_split(self, split: Split) -> Iterator[Dialogue]:
        """The dialogues of one split that models may be fitted on, in source order."""
        for placed in self:
            if placed.split is split and placed.position not in self.in_crisis and placed.contaminated_by is None:
                yield placed.dialogue

    def outside_training(self) -> Iterator[Dialogue]:
        """Every dialogue outside the train split, in source order: the data for measuring embedded models."""
        return (placed.dialogue for placed in self if placed.split is not Split.TRAIN)


def ingest(
    sources: Sequence[Source],
    spec: BuildSpec,
    spool: Path,
    *,
    on_bad: OnBadDialogue,
    limit: int | None,
    benchmarks: Sequence[Benchmark] = (),
) -> Ingested:
    """Reads all sources into `spool`, up to `limit` dialogues.

    Raises:
        SourceError: a source cannot be read, holds a bad dialogue while `on_bad` is `stop`, or nothing is left.
    """
    reading = _Reading(spec, on_bad, limit, tuple(benchmarks))
    with spool.open("wb") as file:
        records = [reading.read(source, file) for source in sources]
    if not reading.seen:
        raise SourceError(f"no dialogue in {', '.join(source.uri for source in sources)}")
    return Ingested(
        spool,
        reading.plan.decide(),
        tuple(records),
        frozenset(reading.licenses),
        tuple(
            one.record.model_copy(update={"dialogues": hits})
            for one, hits in zip(benchmarks, reading.hits, strict=True)
        ),
        reading.contaminated,
        reading.in_crisis,
    )


class _Reading:
    """The state of `ingest`: everything about the dialogues read so far."""

    def __init__(
        self, spec: BuildSpec, on_bad: OnBadDialogue, limit: int | None, benchmarks: tuple[Benchmark, ...]
    ) -> None:
        self.spec, self.on_bad, self.limit, self.benchmarks = spec, on_bad, limit, benchmarks
        self.plan, self.seen = SplitPlan(spec.splits), dict[int, str]()
        self.licenses: set[str] = set()
        self.contaminated: dict[int, str] = {}
        self.hits = [0] * len(benchmarks)
        self.in_crisis: dict[int, tuple[FoundCrisis, ...]] = {}

    def read(self, source: Source, file: IO[bytes]) -> SourceRecord:
        """Writes the dialogues of a source to `file`."""
        kept, turns, skipped, masks = 0, 0, Counter[str](), Counter[PiiKind]()
        for index, found in enumerate(source):
            if self.limit is not None and len(self.seen) >= self.limit:
                break
            finds = Counter[PiiKind]()
            try:
                if isinstance(found, BadDialogue):
                    raise FaultError(found.reason, found.detail, found.turn)
                _refuse_too_long(found)
                finds = self._personal_data(found)
                found = self._masked(found, finds)
                self._refuse_without_strategies(found)
                self._refuse_repeated(found, f"{source.uri}: dialogue {index}")
            except FaultError as fault:
                bad = BadDialogue(
                    source=source.uri, index=index, turn=fault.turn, reason=fault.reason, detail=fault.detail
                )
                if self.on_bad == "stop" and bad.reason != PERSONAL_DATA:
                    raise SourceError(
                        f"{bad}; fix it, or leave such dialogues out with --on-bad-dialogue skip"
                    ) from fault
                skipped[bad.reason] += 1
                continue
            masks.update(finds)
            self._note(found)
            file.write(found.model_dump_json().encode() + b"\n")
            kept, turns = kept + 1, turns + len(found.turns)
        return _record(source, kept, turns, skipped, masks)

    def _personal_data(self, dialogue: Dialogue) -> Counter[PiiKind]:
        """The finds that have to be masked, or are a reason to leave the dialogue out."""
        if self.spec.safety.personal_data == "keep":
            return Counter()
        return count_personal_data(dialogue, self.spec.safety.personal_data_rules)

    def _masked(self, dialogue: Dialogue, finds: Counter[PiiKind]) -> Dialogue:
        if not finds:
            return dialogue
        if self.spec.safety.personal_data == "mask":
            return mask_dialogue(dialogue, self.spec.safety.personal_data_rules)
        raise FaultError(PERSONAL_DATA, ", ".join(sorted(finds)))

    def _refuse_without_strategies(self, dialogue: Dialogue) -> None:
        """Only traces can be made of a dialogue whose supporter names no strategies."""
        if dialogue.names_strategies or self.spec.reasoning is not None:
            return
        first = next(at for at, turn in enumerate(dialogue.turns) if turn.speaker is Speaker.SUPPORTER)
        raise FaultError(
            "missing_strategy",
            f"no supporter turn names one, and release {self.spec.version} has no reasoning traces, which need none",
            first,
        )

    def _refuse_repeated(self, dialogue: Dialogue, here: str) -> None:
        fingerprint = int(dialogue.dialogue_id, 16)
        if (first := self.seen.get(fingerprint)) is not None:
            raise FaultError("duplicate_dialogue", f"the same words as {first}", 0)
        self.seen[fingerprint] = here

    def _note(self, dialogue: Dialogue) -> None:
        """Collects what the splits depend on, and why rows may not be made of the dialogue."""
        position = len(self.seen) - 1
        self.plan.add(dialogue)
        self.licenses.add(dialogue.license)
        if self.spec.safety.crisis == "hold_out" and (found := tuple(crisis_by_rule(dialogue))):
            self.in_crisis[position] = found
        overlapping = next((at for at, one in enumerate(self.benchmarks) if one.overlaps(dialogue)), None)
        if overlapping is not None:
            self.contaminated[position] = self.benchmarks[overlapping].record.name
            self.hits[overlapping] += 1


def _refuse_too_long(dialogue: Dialogue) -> None:
    """Such a dialogue is none that people had, and every prompt would hold all turns before its own."""
    sizes = [len(turn.text) + sum(len(cue.description) for cue in turn.cues) for turn in dialogue.turns]
    longest = max(range(len(sizes)), key=sizes.__getitem__)
    about = max(len(text or "") for text in (dialogue.problem, dialogue.emotion, dialogue.situation))
    detail, turn = None, None
    if sizes[longest] > MOST_IN_A_TURN:
        detail, turn = f"{sizes[longest]} characters, and a turn may have {MOST_IN_A_TURN}", longest
    elif about > MOST_IN_A_TURN:
        detail = f"{about} characters beside its turns, and there may be {MOST_IN_A_TURN}"
    elif sum(sizes) > MOST_CHARACTERS:
        detail = f"{sum(sizes)} characters, and a dialogue may have {MOST_CHARACTERS}"
    elif len(sizes) > MOST_TURNS:
        detail = f"{len(sizes)} turns, and a dialogue may have {MOST_TURNS}"
    if detail is not None:
        raise FaultError("too_long", detail, turn)


def _record(source: Source, kept: int, turns: int, skipped: Counter[str], masks: Counter[PiiKind]) -> SourceRecord:
    return SourceRecord(
        name=source.name,
        uri=source.uri,
        kind=source.kind or "unread",
        sha256=source.sha256,
        revision=source.revision,
        license=source.license,
        dialogues=kept,
        turns=turns,
        skipped=dict(sorted(skipped.items())),
        masked=dict(sorted(masks.items())),
    )

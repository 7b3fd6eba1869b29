"""Takes the sources in: every dialogue checked, counted, placed in a split, and spooled to disk in source order."""

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
from ..safety.personal_data import masked, personal_data_in
from ..sources.files import digest_of_lines, open_as_hashed, read_records, sha256_of
from ..sources.hub import HUB_ID, DatasetCopy, download
from ..sources.shapes import BadDialogue
from ..sources.source import Source

# Finds dialogues that overlap with a benchmark that the maintainer names, so that no model trains on its test set.
#
# Whatever the benchmark's shape, every text in its files counts: a dialogue overlaps where a turn or its situation
# shares a run of so many words with one. Thirteen words, as in the reports on language models since GPT-3 (Brown et
# al. 2020, appendix C), are rarely shared by chance; the number is the spec's.


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


# Its name, its folder where it is one, the digest of every file, and a digest of them all.
def _find(place: str, path: Path) -> tuple[str, Path | None, dict[str, str], str]:
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


# Every string inside a value, however deep.
def _strings(value: Any) -> Iterator[str]:
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
# Bounds of a dialogue, for every release and our own; the longest of ESConv has 836, 8,797 and 186 of these.
_MOST_TURNS = 2_000

PERSONAL_DATA = "personal_data"
"""Why a dialogue is left out where the spec drops those with personal data."""


@dataclass(frozen=True)
class Ingested:
    """What was taken in; can be walked through any number of times without holding the dialogues."""

    spool: Path
    """The dialogues, one JSON line each, in source order."""
    splits: Splits
    sources: tuple[SourceRecord, ...]
    licenses: frozenset[str]
    """The licences of all dialogues."""
    benchmarks: tuple[BenchmarkRecord, ...] = ()
    """What the dialogues were held against."""
    contaminated: Mapping[int, str] = field(default_factory=dict)
    """By the places of the dialogues that overlap with a benchmark: which one."""
    in_crisis: Mapping[int, tuple[FoundCrisis, ...]] = field(default_factory=dict)
    """By the places of the dialogues in which the written rules see a crisis, if such are held out: what they see."""

    def __iter__(self) -> Iterator[PlacedDialogue]:
        """Every dialogue in source order with its split."""
        with self.spool.open("rb") as lines:
            told = zip(lines, self.splits.splits, self.splits.repeats(), strict=True)
            for position, (line, split, repeats) in enumerate(told):
                dialogue = Dialogue.model_validate_json(line)
                contaminated, found = self.contaminated.get(position), self.in_crisis.get(position, ())
                yield PlacedDialogue(dialogue, position, split, repeats, contaminated, by_rule=found)

    def of_split(self, split: Split) -> Iterator[Dialogue]:
        """The dialogues of one split that may be learnt from, in source order."""
        for placed in self:
            if placed.split is split and placed.position not in self.in_crisis and placed.contaminated_by is None:
                yield placed.dialogue

    def outside_training(self) -> Iterator[Dialogue]:
        """Every dialogue outside the train split, in source order: what embedded models are measured on."""
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
    """Reads all sources into `spool`, at most `limit` dialogues of them.

    Raises:
        SourceError: a source cannot be read, holds a bad dialogue while `on_bad` is `stop`, or nothing is left.
    """
    taking = _Taking(spec, on_bad, limit, tuple(benchmarks))
    with spool.open("wb") as file:
        records = [taking.take(source, file) for source in sources]
    if not taking.seen:
        raise SourceError(f"no dialogue in {', '.join(source.uri for source in sources)}")
    return Ingested(
        spool,
        taking.plan.decide(),
        tuple(records),
        frozenset(taking.licenses),
        tuple(
            one.record.model_copy(update={"dialogues": hits}) for one, hits in zip(benchmarks, taking.hits, strict=True)
        ),
        taking.contaminated,
        taking.in_crisis,
    )


class _Taking:
    """What is known of all sources so far."""

    def __init__(
        self, spec: BuildSpec, on_bad: OnBadDialogue, limit: int | None, benchmarks: tuple[Benchmark, ...]
    ) -> None:
        self.spec, self.on_bad, self.limit, self.benchmarks = spec, on_bad, limit, benchmarks
        self.plan, self.seen = SplitPlan(spec.splits), dict[int, str]()
        self.licenses: set[str] = set()
        self.contaminated: dict[int, str] = {}
        self.hits = [0] * len(benchmarks)
        self.in_crisis: dict[int, tuple[FoundCrisis, ...]] = {}

    def take(self, source: Source, file: IO[bytes]) -> SourceRecord:
        """Writes the dialogues of a source to `file`."""
        taken, turns, skipped, masks = 0, 0, Counter[str](), Counter[PiiKind]()
        for found in source:
            if self.limit is not None and len(self.seen) >= self.limit:
                break
            found = _unless_too_long(found, source, taken + skipped.total())
            finds = self._personal_data(found)
            if isinstance(found, Dialogue) and finds:
                found = self._without_personal_data(found, source, taken + skipped.total(), finds)
            found = _unless_unnamed(found, self.spec, source, taken + skipped.total())
            found = _unless_seen(found, self.seen, source, taken + skipped.total())
            if isinstance(found, BadDialogue):
                if self.on_bad == "stop" and found.reason != PERSONAL_DATA:
                    raise SourceError(f"{found}; mend it, or leave such dialogues out with --on-bad-dialogue skip")
                skipped[found.reason] += 1
                continue
            masks.update(finds)
            self._note(found)
            file.write(found.model_dump_json().encode() + b"\n")
            taken, turns = taken + 1, turns + len(found.turns)
        return _record(source, taken, turns, skipped, masks)

    # Whether the spec wants anything done with personal data.
    @property
    def _looks(self) -> bool:
        return self.spec.safety.personal_data != "keep"

    # What has to be masked, or is a reason to leave the dialogue out.
    def _personal_data(self, found: Dialogue | BadDialogue) -> Counter[PiiKind]:
        if isinstance(found, BadDialogue) or not self._looks:
            return Counter()
        return personal_data_in(found, self.spec.safety.personal_data_rules)

    # A dialogue with personal data as the spec wants it.
    def _without_personal_data(
        self, dialogue: Dialogue, source: Source, index: int, finds: Counter[PiiKind]
    ) -> Dialogue | BadDialogue:
        if self.spec.safety.personal_data == "mask":
            return masked(dialogue, self.spec.safety.personal_data_rules)
        detail = ", ".join(sorted(finds))
        return BadDialogue(source=source.uri, index=index, turn=None, reason=PERSONAL_DATA, detail=detail)

    # Remembers what decides the dialogue's split, and why the dialogue may be mined or not.
    def _note(self, dialogue: Dialogue) -> None:
        position = len(self.seen) - 1
        self.plan.add(dialogue)
        self.licenses.add(dialogue.license)
        if self.spec.safety.crisis == "hold_out" and (found := tuple(crisis_by_rule(dialogue))):
            self.in_crisis[position] = found
        overlapping = next((at for at, one in enumerate(self.benchmarks) if one.overlaps(dialogue)), None)
        if overlapping is not None:
            self.contaminated[position] = self.benchmarks[overlapping].record.name
            self.hits[overlapping] += 1


# The dialogue, or the finding that it is none that people had: each prompt holds everything said before it.
def _unless_too_long(found: Dialogue | BadDialogue, source: Source, index: int) -> Dialogue | BadDialogue:
    if isinstance(found, BadDialogue):
        return found
    sizes = [len(turn.text) + sum(len(cue.description) for cue in turn.cues) for turn in found.turns]
    longest = max(range(len(sizes)), key=sizes.__getitem__)
    beside = max(len(text or "") for text in (found.problem, found.emotion, found.situation))
    problems = (
        (sizes[longest] > MOST_IN_A_TURN, f"{sizes[longest]} characters, and a turn may have {MOST_IN_A_TURN}"),
        (beside > MOST_IN_A_TURN, f"{beside} characters beside its turns, and there may be {MOST_IN_A_TURN}"),
        (sum(sizes) > MOST_CHARACTERS, f"{sum(sizes)} characters, and a dialogue may have {MOST_CHARACTERS}"),
        (len(sizes) > _MOST_TURNS, f"{len(sizes)} turns, and a dialogue may have {_MOST_TURNS}"),
    )
    at, detail = next(((at, detail) for at, (holds, detail) in enumerate(problems) if holds), (0, None))
    if detail is None:
        return found
    return BadDialogue(
        source=source.uri, index=index, turn=longest if at == 0 else None, reason="too_long", detail=detail
    )


# The dialogue, or a finding where it names no strategy, so nothing can be mined from it.
def _unless_unnamed(
    found: Dialogue | BadDialogue, spec: BuildSpec, source: Source, index: int
) -> Dialogue | BadDialogue:
    if isinstance(found, BadDialogue) or found.names_strategies or spec.reasoning is not None:
        return found
    detail = f"no supporter turn names one, and release {spec.version} has no reasoning traces, which need none"
    first = next(at for at, turn in enumerate(found.turns) if turn.speaker is Speaker.SUPPORTER)
    return BadDialogue(source=source.uri, index=index, turn=first, reason="missing_strategy", detail=detail)


# The dialogue, or the finding that it was there before; remembers it.
def _unless_seen(
    found: Dialogue | BadDialogue, seen: dict[int, str], source: Source, index: int
) -> Dialogue | BadDialogue:
    if isinstance(found, BadDialogue):
        return found
    fingerprint, here = int(found.dialogue_id, 16), f"{source.uri}: dialogue {index}"
    first = seen.get(fingerprint)
    if first is None:
        seen[fingerprint] = here
        return found
    return BadDialogue(
        source=source.uri, index=index, turn=0, reason="duplicate_dialogue", detail=f"the same words as {first}"
    )


def _record(source: Source, taken: int, turns: int, skipped: Counter[str], masks: Counter[PiiKind]) -> SourceRecord:
    return SourceRecord(
        name=source.name,
        uri=source.uri,
        kind=source.kind or "unread",
        sha256=source.sha256,
        revision=source.revision,
        license=source.license,
        dialogues=taken,
        turns=turns,
        skipped=dict(sorted(skipped.items())),
        masked=dict(sorted(masks.items())),
    )

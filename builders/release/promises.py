"""The promises of a release as a whole: splits and conservation; `licensed` has those on its licence."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ...cards.licences import Origin, names_license
from ...cards.maintainers import MOST_BYTES, head_of, other_licences, parse_maintainers, split_card
from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.documents import DocumentError, front_matter_of, parse_json
from ...schemas.errors import DataError
from ...schemas.files import open_inside, read_inside
from ...schemas.licence import licence_of, release_licence
from ...schemas.manifest import FileRecord, Manifest
from ...schemas.publishing import Maintainers
from ...schemas.rows import candidate_configs
from ._row_checks import Broken, Finding
from .cross_tables import CrossTableState, among, digests
from .layout import CARD, LICENSE, MAINTAINERS, MANIFEST, NOTICE, SPLITS, config_and_split
from .read import Release
from .rules import contents
from .splits import HELD_OUT


def check_splits(release: Release, seen: CrossTableState) -> Iterator[Finding]:
    due = {
        dialogue_id: HELD_OUT if dialogue_id in seen.held_out else split.value
        for dialogue_id, (split, _, _) in seen.dialogues.items()
    }
    try:
        read = parse_json(read_inside(release.root, SPLITS) or b"")
        wrong = {
            dialogue_id
            for where, ids in (*read["splits"].items(), (HELD_OUT, read.get(HELD_OUT, [])))
            for dialogue_id in ids
            if due.pop(dialogue_id, None) != where
        }
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        yield Finding(rule="splits", file=SPLITS, detail=f"cannot be read: {error}")
        return
    wrong |= due.keys()
    for dialogue_id in sorted(wrong):
        yield Finding(rule="splits", file=SPLITS, detail=f"dialogue {dialogue_id} is not listed once, in its split")


def check_held_out_calls(release: Release, seen: CrossTableState) -> Iterator[Finding]:
    """The judges' calls behind `crisis_holdout`, which is read before the calls are known."""
    for path in release.files(Config.CRISIS_HOLDOUT):
        first = 0
        with suppress(DataError):  # a table that cannot be read was told when it was read first
            for batch in release.batches(path):
                for found in seen.unknown_calls(batch):
                    for row in found.rows:
                        name = release.name_of(path)
                        yield Finding(rule=found.rule, file=name, row=first + int(row), detail=found.detail)
                first += batch.num_rows


def check_conservation(release: Release, seen: CrossTableState) -> Iterator[Finding]:
    """The manifest's counts against the tables, and against themselves."""
    for config in candidate_configs(release.layout):
        counts = release.manifest.counts.get(config)
        if counts is None:
            yield Finding(rule="conservation", file=MANIFEST, detail=f"{config} is not counted")
            continue
        rows = {split: seen.rows[config, split] for split in Split}
        dropped = {reason: number for (of, reason), number in seen.drops.items() if of == config.value}
        if counts.rows != rows:
            yield Finding(
                rule="conservation",
                file=MANIFEST,
                detail=f"{config}: rows {_format(counts.rows)}, files {_format(rows)}",
            )
        if counts.dropped != dropped:
            told = f"{config}: drops {_format(counts.dropped)}, files {_format(dropped)}"
            yield Finding(rule="conservation", file=MANIFEST, detail=told)
        if not counts.conserved:
            detail = f"{config}: {counts.candidates} candidates are not its rows plus its drops"
            yield Finding(rule="conservation", file=MANIFEST, detail=detail)
    calls = sum(usage.calls for usage in release.manifest.usage.values())
    if calls != seen.rows[Config.COMPLETIONS, Split.TRAIN]:
        detail = f"completions: usage says {calls}, files {seen.rows[Config.COMPLETIONS, Split.TRAIN]}"
        yield Finding(rule="conservation", file=MANIFEST, detail=detail)


def _format(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name}={number}" for name, number in sorted(counts.items(), key=str) if number)


# What `validate` remembers of labelled traces, so that demonstrations and pairs are held against the labels.


@dataclass
class Labelled:
    """Digests of the traces of `reasoning_steps`, each a call with what it said; some bytes a trace.

    All of them are noted before anything is held against them.
    """

    _right_calls: list[np.ndarray] = field(default_factory=list)
    """Those that were found right in every step, by their calls alone: a rewriting says something else."""
    _right: list[np.ndarray] = field(default_factory=list)
    _all: list[np.ndarray] = field(default_factory=list)

    def note(self, batch: pa.RecordBatch) -> None:
        """Remembers a batch of `reasoning_steps`."""
        calls = pc.struct_field(batch.column("reasoner"), "request_key")
        traces = _digests(calls, pc.binary_join(batch.column("completions"), "\n"))
        labels = batch.column("labels")
        wrong = np.zeros(batch.num_rows, dtype=bool)
        wrong[np.asarray(pc.list_parent_indices(labels))[~np.asarray(labels.flatten(), dtype=bool)]] = True
        self._all.append(traces)
        self._right.append(traces[~wrong])
        self._right_calls.append(digests(calls)[~wrong])

    @cached_property
    def _sorted(self) -> "_Sorted":
        return _Sorted(*map(_joined, (self._right_calls, self._right, self._all)))

    def broken(self, batch: pa.RecordBatch, config: Config) -> Iterator[Broken]:
        """Rows of the other reasoning configs that are not made of traces with the labels that they need."""
        if config is Config.REASONING:
            calls = pc.struct_field(batch.column("reasoner"), "request_key")
            rewritten = np.asarray(batch.column("rewrite").is_valid())
            own = among(_digests(calls, contents(batch, "completion")), self._sorted.right)
            right = np.where(rewritten, among(digests(calls), self._sorted.right_calls), own)
            yield from _unless(right, "its trace is not labelled right in every step")
        elif config is Config.REASONING_PAIRS:
            for side in ("chosen", "rejected"):
                calls = pc.struct_field(batch.column(f"{side}_reasoner"), "request_key")
                found = among(_digests(calls, contents(batch, side)), self._sorted.every)
                yield from _unless(found, f"the {side} trace has no labels in reasoning_steps")


@dataclass(frozen=True)
class _Sorted:
    """The same in order, so that one is found by halving."""

    right_calls: np.ndarray
    right: np.ndarray
    every: np.ndarray


def _digests(calls: pa.Array, texts: pa.Array) -> np.ndarray:
    return digests(pc.binary_join_element_wise(calls, texts, "\0"))


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0, dtype=np.uint64)


def _unless(right: np.ndarray, detail: str) -> Iterator[Broken]:
    if not right.all():
        yield Broken("steps", np.flatnonzero(~right), detail)


# Which sources a release's dialogues come from, and under which licences, as their rows say.


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
    return _counted_origins(found)


# The same from the number of dialogues by source and licence; in order of both.
def _counted_origins(found: Mapping[tuple[str, str], int]) -> tuple[Origin, ...]:
    return tuple(Origin(source, license_id, number) for (source, license_id), number in sorted(found.items()))


def _sources_and_licenses(root: Path, path: str) -> Iterator[tuple[str, str]]:
    try:
        with open_inside(root, path) as opened, pq.ParquetFile(opened) as file:
            for batch in file.iter_batches(columns=["source", "license"]):
                columns = (map(str, batch.column(name).to_pylist()) for name in ("source", "license"))
                yield from zip(*columns, strict=True)
    except (OSError, pa.ArrowException, ValueError, KeyError) as error:
        raise DataError(f"{path}: cannot be read: {(str(error).splitlines() or [type(error).__name__])[0]}") from error


# The promise that a release says one thing about its licence: in its rows, manifest, LICENSE, NOTICE and card.


def check_license(release: Release, seen: CrossTableState) -> Iterator[Finding]:
    """Manifest, card, LICENSE and NOTICE against the licences of the dialogues, which every row repeats."""
    due = release_licence(license_id for _, _, license_id in seen.dialogues.values())
    if release.manifest.license != due:
        yield _finding(MANIFEST, f"it says {release.manifest.license}, its dialogues make it {due}")
    card, text = _text(release, CARD), _text(release, LICENSE)
    if card is not None and (stated := _of_card(card)) != due:
        yield _finding(CARD, f"it says {stated}, the dialogues make it {due}")
    if text is not None and (named := names_license(text)) != {due}:
        yield _finding(LICENSE, f"it names {', '.join(sorted(named)) or 'no licence'}, the dialogues make it {due}")
    yield from _check_notice(release, seen)


# Every source has a paragraph that begins with its name and names its licence.
def _check_notice(release: Release, seen: CrossTableState) -> Iterator[Finding]:
    text = _text(release, NOTICE)
    if not text:  # releases of earlier package versions have none
        return
    found = Counter((str(source), str(license_id)) for _, source, license_id in seen.dialogues.values())
    paragraphs = text.split("\n\n")
    for origin in _counted_origins(found):
        name = licence_of(origin.license).name
        if not any(one.startswith(f"{origin.source} (") and name in one for one in paragraphs):
            yield _finding(NOTICE, f"it does not name the source {origin.source} with its licence {origin.license}")


# The licence that the card's YAML states; None where there is none to be read.
def _of_card(text: str) -> str | None:
    try:
        head: Any = front_matter_of(text)
    except DocumentError:
        return None
    if not isinstance(head, dict):
        return None
    stated = head.get("license_name") if head.get("license") == "other" else head.get("license")
    return None if stated is None else str(stated)


# A file's words; empty where the release has no such file, None where it is missing (another check says so).
def _text(release: Release, name: str) -> str | None:
    data = read_inside(release.root, name)
    if data is not None:
        return data.decode("utf-8", errors="replace")
    return None if name in release.manifest.files else ""


def _finding(file: str, detail: str) -> Finding:
    return Finding(rule="license", file=file, detail=detail)


# `maintainers.md` in a release folder, and the promise that it is well formed and contradicts nothing.


def read_maintainers(path: Path) -> Maintainers | None:
    """What people said of a release; None where they said nothing.

    Raises:
        DataError: the file is malformed, or no plain file.
    """
    if path.is_symlink():
        raise DataError(f"{path}: a link, which is not followed: put the file itself there")
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return parse_maintainers(file.read(MOST_BYTES + 1), str(path))


def check_maintained(release: Release) -> Iterator[Finding]:
    """The file can be read, the card shows what it says, and it names no licence but the release's and its sources'."""
    try:
        said = read_maintainers(release.root / MAINTAINERS)
    except DataError as error:
        yield Finding(rule="maintainers", file=MAINTAINERS, detail=str(error))
        return
    if said is None:
        return
    if wrong := contradiction(said, release.manifest):
        yield Finding(rule="license", file=MAINTAINERS, detail=wrong)
    if not _shows(release.root / CARD, said):
        detail = f"it does not show what {MAINTAINERS} says: run `ipm-prefdial card {release.root}`"
        yield Finding(rule="maintainers", file=CARD, detail=detail)


def _shows(card: Path, said: Maintainers) -> bool:
    try:
        head, body = split_card(card.read_text(encoding="utf-8", errors="replace")) if card.is_file() else ({}, "")
    except DataError:
        return False
    due = head_of(said)
    tags = head.get("tags")
    shown = isinstance(tags, list) and all(tag in tags for tag in due.pop("tags", ()))
    return shown and said.text in body and all(head.get(key) == value for key, value in due.items())


def contradiction(said: Maintainers, manifest: Manifest) -> str | None:
    """What the words say against the licence of the release; None where they say nothing against it."""
    allowed = {manifest.license, *(source.license for source in manifest.sources)}
    if others := other_licences(said, allowed):
        return f"it names the licence {', '.join(others)}, the release is under {manifest.license}"
    return None

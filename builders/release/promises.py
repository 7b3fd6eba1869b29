"""The promises of a release as a whole: splits and conservation; `licensed` has those on its licence."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.documents import parse_json
from ...schemas.errors import DataError
from ...schemas.plain_files import read_inside
from ...schemas.rows import candidate_configs
from .finding import Finding
from .layout import MANIFEST, SPLITS
from .read import Release
from .seen import Seen
from .splits import HELD_OUT


def check_splits(release: Release, seen: Seen) -> Iterator[Finding]:
    """splits.json against the tables."""
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


def check_held_out_calls(release: Release, seen: Seen) -> Iterator[Finding]:
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


def check_conservation(release: Release, seen: Seen) -> Iterator[Finding]:
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
                rule="conservation", file=MANIFEST, detail=f"{config}: rows {_told(counts.rows)}, files {_told(rows)}"
            )
        if counts.dropped != dropped:
            told = f"{config}: drops {_told(counts.dropped)}, files {_told(dropped)}"
            yield Finding(rule="conservation", file=MANIFEST, detail=told)
        if not counts.conserved:
            detail = f"{config}: {counts.candidates} candidates are not its rows plus its drops"
            yield Finding(rule="conservation", file=MANIFEST, detail=detail)
    calls = sum(usage.calls for usage in release.manifest.usage.values())
    if calls != seen.rows[Config.COMPLETIONS, Split.TRAIN]:
        detail = f"completions: usage says {calls}, files {seen.rows[Config.COMPLETIONS, Split.TRAIN]}"
        yield Finding(rule="conservation", file=MANIFEST, detail=detail)


def _told(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name}={number}" for name, number in sorted(counts.items(), key=str) if number)

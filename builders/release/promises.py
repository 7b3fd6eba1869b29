"""The promises of a release as a whole: splits, conservation, licence."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.licence import strictest
from ...schemas.rows import CANDIDATE_CONFIGS
from .finding import Finding
from .layout import MANIFEST, SPLITS
from .read import Release
from .seen import Seen


def check_license(release: Release, seen: Seen) -> Iterator[Finding]:
    """The manifest's licence against those of the dialogues."""
    due = strictest({license_id for _, _, license_id in seen.dialogues.values()})
    if release.manifest.license != due:
        detail = f"it says {release.manifest.license}, its dialogues make it {due}"
        yield Finding(rule="license", file=MANIFEST, detail=detail)


def check_splits(release: Release, seen: Seen) -> Iterator[Finding]:
    """splits.json against the tables."""
    try:
        listed = json.loads((release.root / SPLITS).read_bytes())["splits"]
        stated = Counter((dialogue_id, split) for split, ids in listed.items() for dialogue_id in ids)
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        yield Finding(rule="splits", file=SPLITS, detail=f"cannot be read: {error}")
        return
    due = Counter((dialogue_id, split.value) for dialogue_id, (split, _, _) in seen.dialogues.items())
    wrong = {dialogue_id for dialogue_id, _ in (stated - due) + (due - stated)}
    for dialogue_id in sorted(wrong):
        yield Finding(rule="splits", file=SPLITS, detail=f"dialogue {dialogue_id} is not listed once, in its split")


def check_conservation(release: Release, seen: Seen) -> Iterator[Finding]:
    """The manifest's counts against the tables, and against themselves."""
    for config in CANDIDATE_CONFIGS:
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

"""What holds of a release as a whole: its splits, its counts, its licence, and what maintainers say of it."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from ...cards.licences import names_license
from ...cards.maintainers import head_of, other_licences, split_card
from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.documents import DocumentError, front_matter_of, parse_json
from ...schemas.errors import DataError
from ...schemas.files import read_inside
from ...schemas.licence import licence_of, release_licence
from ...schemas.manifest import Manifest
from ...schemas.publishing import Maintainers
from ...schemas.rows import candidate_configs
from .card_context import counted_origins
from .cross_tables import CrossTableState
from .findings import Finding
from .layout import CARD, LICENSE, MAINTAINERS, MANIFEST, NOTICE, SPLITS
from .parts import read_maintainers
from .read import Release
from .splits import HELD_OUT


def check_splits(release: Release, state: CrossTableState) -> Iterator[Finding]:
    """Compares `splits.json` with the tables: it lists every dialogue once, in the dialogue's split."""
    due = {
        dialogue_id: HELD_OUT if dialogue_id in state.held_out else split.value
        for dialogue_id, (split, _, _) in state.dialogues.items()
    }
    try:
        read = parse_json(read_inside(release.root, SPLITS) or b"")
        # `pop` makes a second listing of a dialogue wrong, too.
        wrong = {
            dialogue_id
            for where, ids in (*read["splits"].items(), (HELD_OUT, read.get(HELD_OUT, [])))
            for dialogue_id in ids
            if due.pop(dialogue_id, None) != where
        }
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        yield Finding(rule="splits", file=SPLITS, detail=f"cannot be read: {error}")
        return
    for dialogue_id in sorted(wrong | due.keys()):
        yield Finding(rule="splits", file=SPLITS, detail=f"dialogue {dialogue_id} is not listed once, in its split")


def check_held_out_calls(release: Release, state: CrossTableState) -> Iterator[Finding]:
    """Checks the judges' calls in `crisis_holdout`: that table is read before the calls of the release are known."""
    for path in release.files(Config.CRISIS_HOLDOUT):
        first = 0
        with suppress(DataError):  # the first reading already reported a table that cannot be read
            for batch in release.batches(path):
                for broken in state.unknown_calls(batch):
                    for row in broken.rows:
                        name = release.name_of(path)
                        yield Finding(rule=broken.rule, file=name, row=first + int(row), detail=broken.detail)
                first += batch.num_rows


def check_conservation(release: Release, state: CrossTableState) -> Iterator[Finding]:
    """Compares the manifest's counts with the tables, and with each other."""
    for detail in _miscounts(release, state):
        yield Finding(rule="conservation", file=MANIFEST, detail=detail)


def _miscounts(release: Release, state: CrossTableState) -> Iterator[str]:
    for config in candidate_configs(release.layout):
        counts = release.manifest.counts.get(config)
        if counts is None:
            yield f"{config} is not counted"
            continue
        rows = {split: state.rows[config, split] for split in Split}
        dropped = {reason: number for (of, reason), number in state.drops.items() if of == config.value}
        if counts.rows != rows:
            yield f"{config}: rows {_format_counts(counts.rows)}, files {_format_counts(rows)}"
        if counts.dropped != dropped:
            yield f"{config}: drops {_format_counts(counts.dropped)}, files {_format_counts(dropped)}"
        if not counts.conserved:
            yield f"{config}: {counts.candidates} candidates are not its rows plus its drops"
    calls, found = (
        sum(one.calls for one in release.manifest.usage.values()),
        state.rows[Config.COMPLETIONS, Split.TRAIN],
    )
    if calls != found:
        yield f"completions: usage says {calls}, files {found}"


def _format_counts(counts: Mapping[Any, int]) -> str:
    return ", ".join(f"{name}={number}" for name, number in sorted(counts.items(), key=str) if number)


def check_license(release: Release, state: CrossTableState) -> Iterator[Finding]:
    """Compares manifest, card, LICENSE and NOTICE with the licence that follows from those of the dialogues."""
    # From the dialogues themselves, not from the manifest's list of sources: what is in the tables decides.
    due = release_licence(license_id for _, _, license_id in state.dialogues.values())
    if release.manifest.license != due:
        yield _finding(MANIFEST, f"it says {release.manifest.license}, its dialogues make it {due}")
    card, text = _text(release, CARD), _text(release, LICENSE)
    if card is not None and (stated := _card_licence(card)) != due:
        yield _finding(CARD, f"it says {stated}, the dialogues make it {due}")
    if text is not None and (named := names_license(text)) != {due}:
        yield _finding(LICENSE, f"it names {', '.join(sorted(named)) or 'no licence'}, the dialogues make it {due}")
    yield from _check_notice(release, state)


# Every source has a paragraph that begins with its name and names its licence.
def _check_notice(release: Release, state: CrossTableState) -> Iterator[Finding]:
    text = _text(release, NOTICE)
    if not text:  # releases of earlier package versions have none
        return
    found = Counter((str(source), str(license_id)) for _, source, license_id in state.dialogues.values())
    paragraphs = text.split("\n\n")
    for origin in counted_origins(found):
        name = licence_of(origin.license).name
        if not any(one.startswith(f"{origin.source} (") and name in one for one in paragraphs):
            yield _finding(NOTICE, f"it does not name the source {origin.source} with its licence {origin.license}")


# The licence that the card's YAML states; None if none can be read.
def _card_licence(text: str) -> str | None:
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


def check_maintained(release: Release) -> Iterator[Finding]:
    """Checks `maintainers.md`: it is well formed, the card shows it, and it names no licence of another release."""
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
        detail = f"it does not show what {MAINTAINERS} says; run `ipm-prefdial card {release.root}`"
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
    """Names the licences in the maintainers' words that are neither the release's nor a source's; None if none is."""
    allowed = {manifest.license, *(source.license for source in manifest.sources)}
    if others := other_licences(said, allowed):
        return f"it names the licence {', '.join(others)}, the release is under {manifest.license}"
    return None

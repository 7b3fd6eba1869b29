"""Gathers what a release's card and `croissant.json` show besides the manifest."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ...cards.context import CardContext
from ...cards.pictures import PICTURES
from ...cards.tables import load_line
from ...schemas.audit import AUDIT_FILE as AUDIT
from ...schemas.audit import Audit
from ...schemas.config import Config
from ...schemas.diff import ConfigDiff, Diff
from ...schemas.drops import DropReason
from ...schemas.errors import DataError
from ...schemas.escape import escape_prose, escape_sentence
from ...schemas.files import is_inside
from ...schemas.manifest import Manifest
from ...schemas.publishing import PUBLISHING_FILE as PUBLISHING
from ...schemas.publishing import Publishing
from ...schemas.safety import CrisisCounts
from ...schemas.spec import Bump
from ..safety.recall import recall_told
from .layout import CHANGELOG, MAINTAINERS, config_and_split, tables_sha256
from .parts import read_part, read_review, validation_of_tables
from .promises import origins_of, read_maintainers
from .read import read_text

# What a version is and what changed, for people: entries of CHANGELOG.md, and the notes of a publish.
#
# Words come from the spec, figures from the diff; nothing is typed by hand. It reports rows, columns and configs alone:
# that the card differs goes without saying, and the changelog itself is one of the files that would have to be told.


_TITLE = "# Changelog"
_ENTRY = re.compile(r"^(?=## (\d+\.\d+\.\d+)\s*$)", re.MULTILINE)

# What a version step means for users of the earlier version.
_MEANINGS = {
    Bump.NONE: "every row is what it was",
    Bump.PATCH: "every row is what it was",
    Bump.MINOR: "every old row is what it was",
    Bump.MAJOR: "old rows changed, went or moved to another split",
}


def changelog_of(manifest: Manifest, diff: Diff | None, earlier: str | None) -> str:
    """CHANGELOG.md of a release: its own entry above those of the earlier one.

    An entry of the same version in `earlier` is replaced, so that writing it again changes nothing.

    Args:
        manifest: the new release's.
        diff: what differs from the version before; None where there is none, or it is not at hand.
        earlier: the CHANGELOG.md of the version before, or of this one; None where there is none.
    """
    title, *entries = _ENTRY.split(earlier or "")
    # The pattern gives each entry after its version.
    kept = [text for version, text in zip(entries[::2], entries[1::2], strict=True) if version != manifest.version]
    entry = "\n\n".join((f"## {manifest.version}", escape_prose(manifest.spec.notes), *_figures(diff)))
    return "\n\n".join(part.strip("\n") for part in (title.strip() or _TITLE, entry, *kept)) + "\n"


def release_notes(manifest: Manifest, diff: Diff | None, repo: str) -> str:
    """What a publish says of a release, as Markdown: the entry of the changelog and how to load it.

    Args:
        manifest: the release's.
        diff: what differs from the newest published version; None where it is the first.
        repo: where it is published, `ORG/NAME`.
    """
    line = load_line(repo, manifest, revision=f"v{manifest.version}")
    load = () if line is None else (f"```python\n{line}\n```",)
    title, notes = f"# {repo} {manifest.version}", escape_prose(manifest.spec.notes)
    return "\n\n".join((title, notes, *_figures(diff), *load)) + "\n"


# Paragraphs with what differs; none where nothing is compared.
def _figures(diff: Diff | None) -> Iterator[str]:
    if diff is None:
        return
    told = [
        f"- `{config.config}` {_rows(config)}: {_reasons(diff, config)}" for config in diff.configs if config.differs
    ]
    yield f"Against {diff.old}: {_MEANINGS[diff.needs]}{':' if told else '.'}"
    if told:
        yield "\n".join(told)


def _rows(config: ConfigDiff) -> str:
    old, new = config.total("old"), config.total("new")
    return f"({new} rows)" if old == new else f"({old} → {new} rows)"


def _reasons(diff: Diff, config: ConfigDiff) -> str:
    return "; ".join(escape_sentence(reason.what) for reason in diff.reasons if reason.config == config.config)


# Counts what a release holds out: dialogues in which a crisis was seen, and those that no judge could read.


def count_crises(root: Path, manifest: Manifest) -> CrisisCounts | None:
    """The counts of the tables in `root`; None where the release holds no dialogues out.

    Raises:
        DataError: a table is gone or damaged.
    """
    if manifest.spec.safety.crisis != "hold_out":
        return None
    held_out = sum(1 for _ in _cells(root, manifest, Config.CRISIS_HOLDOUT, ("dialogue_id",)))
    unread = unread_dialogues(root, manifest)
    named = Counter[Config]()
    if unread and manifest.spec.layout < 4:
        for dialogue_id, config, reason in _cells(root, manifest, Config.DROPPED, ("dialogue_id", "config", "reason")):
            named[Config(config)] += reason == DropReason.CRISIS and dialogue_id in unread
    return CrisisCounts(seen=held_out - len(unread), unread=len(unread), unread_named_crisis=dict(+named))


def unread_dialogues(root: Path, manifest: Manifest) -> frozenset[str]:
    """Ids of the dialogues that are held out although no sign was found in them.

    Raises:
        DataError: a table is gone or damaged.
    """
    rows = _cells(root, manifest, Config.CRISIS_HOLDOUT, ("dialogue_id", "findings"))
    return frozenset(dialogue_id for dialogue_id, findings in rows if all_unread(findings))


# Whether a finding is a judge's answer that could not be read, and no sign of a crisis.
def _is_unread(finding: Any) -> bool:
    return finding["judge"] is not None and finding["category"] is None


def all_unread(findings: Sequence[Any]) -> bool:
    """Whether a dialogue is held out without any sign of a crisis."""
    return all(map(_is_unread, findings))


def _cells(root: Path, manifest: Manifest, config: Config, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    for name in manifest.files:
        if (table := config_and_split(name)) is None or table[0] is not config:
            continue
        try:
            with pq.ParquetFile(root / name) as file:
                for batch in file.iter_batches(columns=list(columns)):
                    yield from zip(*(batch.column(column).to_pylist() for column in columns), strict=True)
        except (OSError, pa.ArrowException, ValueError, KeyError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise DataError(f"{name}: cannot be read: {first}") from error


def card_context_of(root: Path, manifest: Manifest) -> CardContext:
    """What lies in the folder beside the tables, as the card shows it.

    Raises:
        DataError: a file is malformed or damaged.
    """
    publishing = read_part(root / PUBLISHING, Publishing)
    return CardContext(
        origins=origins_of(root, manifest.files),
        crisis_recall=recall_told(),
        changelog=_entry(changelog_text(root, manifest), manifest.version),
        audit=audit_of_tables(root, manifest),
        accepted=publishing.accepted if publishing else (),
        review=read_review(root),
        crises=count_crises(root, manifest),
        validation=validation_of_tables(root, manifest),
        maintainers=read_maintainers(root / MAINTAINERS),
        pictures=tuple(path for path in PICTURES if is_inside(root, path)),
    )


def audit_of_tables(root: Path, manifest: Manifest) -> Audit | None:
    """The audit in the folder; None where there is none, or it is of other tables than the manifest's.

    Raises:
        DataError: it is malformed.
    """
    audit = read_part(root / AUDIT, Audit)
    return audit if audit is not None and audit.subject.sha256 == tables_sha256(manifest.files) else None


def changelog_text(root: Path, manifest: Manifest) -> str:
    """CHANGELOG.md as it should be: earlier entries stay, and the figures of this version's, which a diff told, too."""
    there = read_text(root, CHANGELOG)
    plain = changelog_of(manifest, None, there)
    return there if there and _without_figures(there, manifest.version) == plain else plain


# The changelog without what a diff told of this version: paragraphs from `Against` to the next entry.
def _without_figures(text: str, version: str) -> str:
    entry = _entry(text, version)
    return text.replace(entry, entry.partition("\n\nAgainst ")[0], 1)


# What a changelog says of a version, without its heading.
def _entry(text: str, version: str) -> str:
    found = re.search(rf"^## {re.escape(version)}\s*\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return found[1].strip("\n") if found else ""

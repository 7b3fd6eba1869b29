"""What a version is and what changed, for people: entries of CHANGELOG.md, and the notes of a publish.

Words come from the spec, figures from the diff; nothing is typed by hand. Only rows, columns and configs are told: that
the card differs goes without saying, and the changelog itself is one of the files that would have to be told.
"""

import re
from collections.abc import Iterator

from ...cards.loading import load_line
from ...schemas.diff import ConfigDiff, Diff
from ...schemas.escape import escape_prose, escape_sentence
from ...schemas.manifest import Manifest
from ...schemas.version import Bump

_TITLE = "# Changelog"
_ENTRY = re.compile(r"^(?=## (\d+\.\d+\.\d+)\s*$)", re.MULTILINE)

_MEANINGS = {
    Bump.NONE: "every row is what it was",
    Bump.PATCH: "every row is what it was",
    Bump.MINOR: "every old row is what it was",
    Bump.MAJOR: "old rows changed, went or moved to another split",
}
"""What a step means to whoever has the earlier version."""


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


def _figures(diff: Diff | None) -> Iterator[str]:
    """Paragraphs with what differs; none where nothing is compared."""
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

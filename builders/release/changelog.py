"""What a version is and what changed in it: entries of CHANGELOG.md, and the notes of a publish.

The words come from the spec and the figures from the diff. Only rows, columns and configs are reported: the card of a
new version always differs, and the changelog is itself one of the files.
"""

import re
from collections.abc import Iterator
from pathlib import Path

from ...cards.tables import load_line
from ...schemas.diff import ConfigDiff, Diff
from ...schemas.escape import escape_prose, escape_sentence
from ...schemas.manifest import Manifest
from ...schemas.spec import Bump
from .layout import CHANGELOG
from .read import read_text

_TITLE = "# Changelog"
_ENTRY = re.compile(r"^(?=## (\d+\.\d+\.\d+)\s*$)", re.MULTILINE)
# What a version step means for users of the earlier version.
_MEANINGS = {
    Bump.NONE: "every row is unchanged",
    Bump.PATCH: "every row is unchanged",
    Bump.MINOR: "every old row is unchanged",
    Bump.MAJOR: "old rows changed, were removed or moved to another split",
}


def changelog_of(manifest: Manifest, diff: Diff | None, earlier: str | None) -> str:
    """The text of CHANGELOG.md: the entry of this version above the earlier entries.

    An entry of the same version in `earlier` is replaced, so that writing it again changes nothing.

    Args:
        manifest: the new release's.
        diff: the difference from the version before; None if there is no such version, or it is not available.
        earlier: the CHANGELOG.md of the version before, or of this one; None if there is none.
    """
    title, *entries = _ENTRY.split(earlier or "")
    # The pattern gives each entry after its version.
    kept = [text for version, text in zip(entries[::2], entries[1::2], strict=True) if version != manifest.version]
    entry = "\n\n".join((f"## {manifest.version}", escape_prose(manifest.spec.notes), *_figures(diff)))
    return "\n\n".join(part.strip("\n") for part in (title.strip() or _TITLE, entry, *kept)) + "\n"


def changelog_text(root: Path, manifest: Manifest) -> str:
    """CHANGELOG.md of a release folder, with its own entry up to date.

    Figures that an earlier `diff` put into the entry stay: the release alone cannot compute them again.
    """
    current = read_text(root, CHANGELOG)
    plain = changelog_of(manifest, None, current)
    return current if current and _without_figures(current, manifest.version) == plain else plain


# The changelog without this version's figures: the paragraphs from `Against` to the next entry.
def _without_figures(text: str, version: str) -> str:
    entry = changelog_entry(text, version)
    return text.replace(entry, entry.partition("\n\nAgainst ")[0], 1)


def changelog_entry(text: str, version: str) -> str:
    """The entry of a version in a changelog, without its heading; empty if there is none."""
    found = re.search(rf"^## {re.escape(version)}\s*\n(.*?)(?=^## |\Z)", text, flags=re.MULTILINE | re.DOTALL)
    return found[1].strip("\n") if found else ""


def release_notes(manifest: Manifest, diff: Diff | None, repo: str) -> str:
    """The notes of a publish, as Markdown: the entry of the changelog, and how to load the release.

    Args:
        manifest: the release's.
        diff: the difference from the newest published version; None for the first version.
        repo: the repo on the Hub, `ORG/NAME`.
    """
    line = load_line(repo, manifest, revision=f"v{manifest.version}")
    load = () if line is None else (f"```python\n{line}\n```",)
    title, notes = f"# {repo} {manifest.version}", escape_prose(manifest.spec.notes)
    return "\n\n".join((title, notes, *_figures(diff), *load)) + "\n"


def _figures(diff: Diff | None) -> Iterator[str]:
    if diff is None:
        return
    lines = [
        f"- `{one.config}` {_format_rows(one)}: {_format_reasons(diff, one)}" for one in diff.configs if one.differs
    ]
    yield f"Against {diff.old}: {_MEANINGS[diff.needs]}{':' if lines else '.'}"
    if lines:
        yield "\n".join(lines)


def _format_rows(config: ConfigDiff) -> str:
    old, new = config.total("old"), config.total("new")
    return f"({new} rows)" if old == new else f"({old} → {new} rows)"


def _format_reasons(diff: Diff, config: ConfigDiff) -> str:
    return "; ".join(escape_sentence(reason.what) for reason in diff.reasons if reason.config == config.config)

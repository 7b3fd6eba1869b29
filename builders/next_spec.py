"""The draft of the next release's spec: the earlier one's file with another version, and notes still to be written."""

import re
from pathlib import Path

from ..schemas.documents import parse_yaml
from ..schemas.errors import OutputExistsError, UsageError
from ..schemas.version import Version
from ..schemas.writing import write_whole
from .releases import load_release, spec_path, versions

_DUE = """\
# TODO: say here what this version is and what changed; the card and the changelog show it. It cannot be read before.
notes: TODO
"""
_TOO_SHORT = "TODO"
"""Notes that no spec may have (see `BuildSpec.notes`): so nothing is built of a draft that nobody has described."""


def draft_spec(version: str, earlier: str) -> str:
    """The text of a spec that says what `earlier` says, comments and all, but for its version and its notes.

    Args:
        version: the new version.
        earlier: the version that it comes after, or a YAML file of the user's own.

    Raises:
        UsageError: `version` is none, is there already or is not above the earlier one; there is no such earlier one,
            or its file is not laid out as specs are.
    """
    new, old = Version.of(version), Version.of(load_release(earlier).spec.version)
    if version in versions():
        raise UsageError(f"there is a release {version} already; give a version that there is none of")
    if new <= old:
        raise UsageError(f"{new} is not above {old}, which it is to come after")
    path = spec_path(earlier)
    text = path.read_text(encoding="utf-8")
    draft = _without_notes(re.sub(r"(?m)^version:.*$", f"version: {new}", text, count=1))
    due = parse_yaml(text) | {"version": version, "notes": _TOO_SHORT}
    if parse_yaml(draft) != due:
        raise UsageError(f"{path}: version and notes are not keys at the start of a line: copy it by hand")
    return draft


def _without_notes(text: str) -> str:
    """The text of a spec with its notes still to be written: they end where the next line is not indented."""
    return re.sub(r"(?m)^notes:.*\n(?:[ \t]+.*\n|[ \t]*\n)*", lambda _: _DUE, text, count=1)


def write_draft(path: Path, text: str) -> None:
    """Writes a new file.

    Raises:
        OutputExistsError: there is one.
        UsageError: it cannot be written.
    """
    try:
        if path.exists() or path.is_symlink():
            raise OutputExistsError(f"{path} is there already; name another file with --out")
        write_whole(path, text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}; name another with --out") from error

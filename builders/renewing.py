"""Puts files into a finished release, and renews what shows them."""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from ..schemas.writing import FileSet
from .finish import write_views
from .release.layout import MANIFEST
from .release.read import Release, read_manifest
from .release.write import check_writable, record_of


def renew(root: Path, texts: Mapping[str, str], *, repo: str | None = None) -> Release:
    """Writes the files, every view of them, and last the manifest: a file that it lists is one that the views show.

    All of them are replaced together: where one cannot be written, the release is left as it was.

    Args:
        root: the release's folder.
        texts: what files hold from now on, by their names.
        repo: `ORG/NAME` where the release is to be; None leaves what the manifest says.

    Raises:
        UsageError: it is a snapshot of the Hub's cache, which is never written to.
        DataError: a file that is shown is malformed or damaged.
    """
    check_writable(root)
    manifest = read_manifest(root / MANIFEST)
    records = {name: record_of(text.encode()) for name, text in texts.items()}
    with FileSet(root) as together:
        for name, text in texts.items():
            together.write(name, text)
        write_views(
            root,
            manifest.model_copy(update={"files": {**manifest.files, **records}, "repo": repo or manifest.repo}),
            together,
        )
    return Release(root)


def shows(release: Release, texts: Mapping[str, str]) -> bool:
    """Whether the manifest lists the files with just these texts, so that the views were renewed after them."""
    files = release.manifest.files
    return all(
        name in files and files[name].sha256 == sha256(text.encode()).hexdigest() for name, text in texts.items()
    )

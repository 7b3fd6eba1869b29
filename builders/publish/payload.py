"""What is sent: the release's files by its layout and no others, and the mark by which their commit is known again."""

from collections.abc import Mapping
from dataclasses import dataclass

from ...schemas.errors import DataError
from ...schemas.plain_files import is_inside
from ..release.layout import MANIFEST, release_files
from ..release.read import Release
from .front_matter import FrontMatter, read_front_matter
from .tree import LocalFile, local_file

MARK = f"{MANIFEST} sha256: "
"""What the mark of every release's commit begins with."""


@dataclass(frozen=True)
class Payload:
    """A release as it is to stand in a commit."""

    version: str
    files: Mapping[str, LocalFile]
    """By path in the repo; the manifest is one of them."""
    front_matter: FrontMatter
    """What the card says of them."""
    notes: str = ""
    """What is new in it, as Markdown; the commit says so."""

    @property
    def tag(self) -> str:
        """The tag that names the release."""
        return tag_of(self.version)

    @property
    def manifest_sha256(self) -> str:
        """Digest of the manifest, which holds the digest of every other file."""
        return self.files[MANIFEST].sha256

    @property
    def title(self) -> str:
        """First line of the commit."""
        return f"IPM-PrefDial {self.version}"

    @property
    def mark(self) -> str:
        """The line of the commit's description that no other release's commit has."""
        return f"{MARK}{self.manifest_sha256}"

    @property
    def description(self) -> str:
        """What the commit says below its title: what is new, and the mark."""
        return "\n\n".join(part for part in (self.notes.strip(), self.mark) if part)


def tag_of(version: str) -> str:
    """The tag of a version."""
    return f"v{version}"


def payload_of(release: Release, notes: str = "") -> Payload:
    """What a release sends, with notes on what is new in it.

    Raises:
        DataError: a file is gone or is not what the manifest says, or the card is not of these files.
    """
    listed = release.manifest.files
    files = {}
    for name in release_files(release.manifest):
        path = release.root / name
        if not is_inside(release.root, name):
            raise DataError(f"{release.root}: {name} is gone")
        files[name] = local_file(path)
        if name != MANIFEST and files[name].sha256 != listed[name].sha256:
            raise DataError(f"{release.root}: {name}: its bytes are not those in the manifest")
    return Payload(release.manifest.version, files, read_front_matter(release), notes)

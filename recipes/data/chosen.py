"""What a run trains on: one release or several as one, all of it or the rows of chosen dialogues alone."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...schemas.config import Config
from ...schemas.dialogue import Split
from ...schemas.documents import read_bytes
from ...schemas.errors import DataError, UsageError
from ...schemas.licence import release_licence
from .release import PinnedRelease, open_release

if TYPE_CHECKING:
    from datasets import Dataset

_DIALOGUE_ID = re.compile(r"^[0-9a-f]{16}$")


@dataclass(frozen=True)
class Dialogues:
    """The dialogues whose rows are used."""

    ids: frozenset[str]
    sha256: str
    """Digest of the ids, sorted, a line each."""


@dataclass(frozen=True)
class Chosen:
    """Releases whose rows are used as if they were one, in the order in which they were named."""

    releases: tuple[PinnedRelease, ...]
    """At least one; several are of one version."""
    dialogues: Dialogues | None = None
    """None where the rows of every dialogue are used."""

    @classmethod
    def of(cls, data: "Chosen | PinnedRelease") -> "Chosen":
        """The same, where it may be a release by itself."""
        return data if isinstance(data, Chosen) else cls((data,))

    def tables(self, config: Config, split: Split) -> list[Path]:
        """The shards of a config's split that have rows, in order."""
        return [
            path
            for release in self.releases
            for path in release.tables(config, split)
            if release.manifest.files[path.relative_to(release.root).as_posix()].rows
        ]

    def read(self, path: Path, columns: Sequence[str]) -> "Dataset":
        """Columns of a shard, of the rows that are used."""
        from datasets import Dataset

        if self.dialogues is None:
            return Dataset.from_parquet(str(path), columns=list(columns))
        rows = Dataset.from_parquet(str(path), columns=list(dict.fromkeys(["dialogue_id", *columns])))
        wanted = [at for at, name in enumerate(rows["dialogue_id"]) if name in self.dialogues.ids]
        return rows.select(wanted).select_columns(list(columns))

    @property
    def name(self) -> str:
        """What to call it."""
        return " + ".join(release.name for release in self.releases)

    @property
    def repo(self) -> str | None:
        """The Hub repo, where it is one."""
        return self.releases[0].repo if len(self.releases) == 1 else None

    @property
    def revision(self) -> str | None:
        """The tag or commit of the repo, where it is one."""
        return self.releases[0].revision if len(self.releases) == 1 else None

    @property
    def version(self) -> str:
        """The version that every one of them states."""
        return self.releases[0].manifest.version

    @property
    def license(self) -> str:
        """The licence that the rows are under together."""
        found = {release.manifest.license for release in self.releases}
        return found.pop() if len(found) == 1 else release_licence(found)

    @property
    def sha256(self) -> str:
        """The digest of the manifest; of several, the digest of theirs, a line each."""
        digests = [release.sha256 for release in self.releases]
        return digests[0] if len(digests) == 1 else _digest_of_lines(digests)


def choose_data(
    places: Sequence[str], revision: str | None, *configs: Config, dialogues: str | Path | None = None
) -> Chosen:
    """The releases at `places`, each as `open_release` opens it.

    Args:
        places: folders, or `ORG/NAME` on the Hub.
        revision: pins the release; only where there is one.
        configs: those that are wanted of them.
        dialogues: a file with the ids of the dialogues whose rows are wanted, a line each.

    Raises:
        UsageError: there is no such release or file, one is named twice, or a revision was given for several.
        DataError: a release is damaged, lacks a config, or is of another version than the first.
        EndpointError: the Hub cannot be reached.
    """
    if len(places) > 1 and revision is not None:
        raise UsageError("a revision pins one release; name several as folders, which their manifests pin")
    releases = tuple(open_release(place, revision, *configs) for place in places)
    for at, release in enumerate(releases):
        if release.sha256 in {other.sha256 for other in releases[:at]}:
            raise UsageError(f"{release.name}: the same release is named twice")
        if release.manifest.version != releases[0].manifest.version:
            raise DataError(
                f"{release.name} is release {release.manifest.version} and {releases[0].name} is "
                f"{releases[0].manifest.version}: train on releases of one version"
            )
    return Chosen(releases, None if dialogues is None else read_dialogues(Path(dialogues)))


def read_dialogues(path: Path) -> Dialogues:
    """The dialogues that a file names, an id a line.

    Raises:
        UsageError: it cannot be read, or a line is no id of a dialogue.
    """
    try:
        lines = read_bytes(path).decode("utf-8").split()
    except (OSError, ValueError) as error:
        raise UsageError(f"dialogues: {path}: cannot be read: {error}") from error
    for number, line in enumerate(lines, 1):
        if not _DIALOGUE_ID.match(line):
            raise UsageError(f"dialogues: {path}: line {number}: {line[:40]!r} is no id of a dialogue (16 digits)")
    if not lines:
        raise UsageError(f"dialogues: {path}: names no dialogue")
    return Dialogues(frozenset(lines), _digest_of_lines(sorted(set(lines))))


def _digest_of_lines(lines: Sequence[str]) -> str:
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()

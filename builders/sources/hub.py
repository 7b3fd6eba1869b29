"""Datasets of the Hub, and local copies of them: downloaded whole at one commit, then read from their own files alone.

A folder is not given to `datasets`: that follows whatever its card names, also paths outside the folder and URLs. Its
files are listed first; all are plain files and part of the digest; and only these are read (see `data_files`).
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ...schemas.dialogue import Split
from ...schemas.documents import DocumentError, front_matter_of
from ...schemas.errors import EndpointError, SourceError
from ...schemas.escape import printable
from ...schemas.files import plain_files, read_inside
from ._data_files import CardError, data_files
from .files import digest_of_lines, read_records, sha256_of

HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?$")
"""`org/name` or `org/name@revision`."""

SPLITS = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "validation": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "val": Split.VALIDATION,
    "dev": Split.VALIDATION,
    "test": Split.TEST,
    "testing": Split.TEST,
    "eval": Split.TEST,
    "evaluation": Split.TEST,
}
"""The names that splits go by."""


@dataclass(frozen=True)
class DatasetCopy:
    """A dataset in a folder, as the Hub keeps it."""

    folder: Path
    revision: str | None
    """The commit, where it came from the Hub."""

    @cached_property
    def digests(self) -> dict[str, str]:
        """The SHA-256 of every file, by its name below the folder; the Hub client's own bookkeeping is left out.

        Raises:
            SourceError: there is a link or anything else that is not a plain file, or a file cannot be read.
        """
        return {name: sha256_of(self.folder / name, self.folder) for name in self._names}

    @property
    def sha256(self) -> str:
        """One digest over all files."""
        return digest_of_lines(self.digests)

    def files(self) -> list[Path]:
        """Every file of the dataset."""
        return [self.folder / name for name in self._names]

    def license(self) -> str | None:
        """The licence that its card states, or None."""
        try:
            card = self._card()
        except SourceError:
            return None
        stated = card.get("license") if isinstance(card, dict) else None
        return stated if isinstance(stated, str) else None

    def rows(self) -> Iterator[tuple[Any, Split | None]]:
        """Every row with the split that it is in; None where nothing names a split, or its name is none of ours.

        Raises:
            SourceError: the card names other files than the folder's own, there are none that can be read, or one is
                not what was hashed.
        """
        try:
            chosen = data_files(list(self.digests), self._card())
        except CardError as error:
            raise SourceError(f"{printable(self.folder)}: cannot be read as a dataset: {error}") from error
        for file in chosen:
            path = self.folder / file.name
            for record in read_records(path, root=self.folder, sha256=self.digests[file.name]):
                yield record, SPLITS.get(file.split or "")

    @cached_property
    def _names(self) -> list[str]:
        try:
            return plain_files(self.folder)
        except OSError as error:
            where = printable(error.filename or self.folder)
            raise SourceError(f"{where}: cannot be read: {error.strerror or error}") from error

    def _card(self) -> Any:
        if "README.md" not in self._names:
            return None
        try:
            return front_matter_of((read_inside(self.folder, "README.md") or b"").decode(errors="replace"))
        except (OSError, DocumentError) as error:
            raise SourceError(f"{printable(self.folder)}: README.md: its YAML cannot be read: {error}") from error


def download(hub_id: str) -> DatasetCopy:
    """The dataset `org/name[@revision]`, downloaded to the Hub client's cache.

    Raises:
        SourceError: there is no such dataset or revision, or it is gated or private.
        EndpointError: the Hub cannot be reached or failed.
    """
    from huggingface_hub import snapshot_download

    name, _, revision = hub_id.partition("@")
    with hub_errors(hub_id):
        folder = snapshot_download(name, repo_type="dataset", revision=revision or None)
    return DatasetCopy(Path(folder), Path(folder).name)


@contextmanager
def hub_errors(hub_id: str) -> Iterator[None]:
    """What the Hub's client raises while it downloads `org/name[@revision]` becomes one line.

    Raises:
        SourceError: there is no such dataset or revision, or it is gated or private.
        EndpointError: the Hub cannot be reached, failed, or does not accept the token.
    """
    from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError is its HTTP library's, whichever
        GatedRepoError,
        HfHubHTTPError,
        HFValidationError,
        HTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name, _, revision = hub_id.partition("@")
    try:
        yield
    except GatedRepoError as error:
        raise SourceError(f"{name} is gated: ask for access on its page, then set HF_TOKEN") from error
    except RepositoryNotFoundError as error:
        raise SourceError(
            f"{name}: no such file, and no such dataset on the Hub (or it is private: set HF_TOKEN)"
        ) from error
    except HFValidationError as error:
        raise SourceError(f"{hub_id}: no such file, and no name that a dataset on the Hub can have") from error
    except RevisionNotFoundError as error:
        raise SourceError(f"{name} has no revision {revision!r}") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, HTTPError, OSError) as error:
        if getattr(getattr(error, "response", None), "status_code", None) == 401:
            raise EndpointError(
                "the Hub does not accept the token (HF_TOKEN, or that of `hf auth login`); it may have expired: set a "
                "valid one, or none for what is public"
            ) from error
        reason = str(error).strip().splitlines()[0]
        raise EndpointError(f"the Hub did not give {hub_id}: {reason}; repeat the command when it answers") from error

"""Datasets of the Hub, and local copies of them: downloaded whole at one commit, then read with `datasets`."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ...schemas.dialogue import Split
from ...schemas.errors import EndpointError, SourceError

HUB_ID = re.compile(r"^[A-Za-z0-9][\w.-]*/[\w.-]+(@[\w./-]+)?$")
"""`org/name` or `org/name@revision`."""

SPLITS = {
    "train": Split.TRAIN,
    "validation": Split.VALIDATION,
    "valid": Split.VALIDATION,
    "val": Split.VALIDATION,
    "dev": Split.VALIDATION,
    "test": Split.TEST,
}
"""The names that splits go by."""


@dataclass(frozen=True)
class DatasetCopy:
    """A dataset in a folder, as the Hub keeps it."""

    folder: Path
    revision: str | None
    """The commit, where it came from the Hub."""

    def files(self) -> list[Path]:
        """Every file of the dataset, the Hub client's own bookkeeping left out."""
        inside = (path for path in self.folder.rglob("*") if path.is_file())
        return [
            path for path in inside if not any(part.startswith(".") for part in path.relative_to(self.folder).parts)
        ]

    def license(self) -> str | None:
        """The licence that its card states, or None."""
        card = self.folder / "README.md"
        text = card.read_text(errors="replace") if card.is_file() else ""
        found = re.match(r"---\n(.*?)\n---", text, re.DOTALL)
        try:
            stated = (yaml.safe_load(found[1]) or {}).get("license") if found else None
        except (yaml.YAMLError, AttributeError):
            return None
        return stated if isinstance(stated, str) else None

    def rows(self) -> Iterator[tuple[dict[str, Any], Split | None]]:
        """Every row with the split that it is in; None where the split's name is none of ours.

        Raises:
            SourceError: `datasets` cannot read the folder.
        """
        from datasets import get_dataset_config_names, load_dataset  # slow to import
        from datasets.exceptions import DatasetsError

        try:
            names = get_dataset_config_names(str(self.folder))
            config = "dialogues" if "dialogues" in names else None
            for name, rows in load_dataset(str(self.folder), config, streaming=True).items():
                for row in rows:
                    yield row, SPLITS.get(str(name))
        except (DatasetsError, ValueError, OSError, TypeError) as error:
            raise SourceError(f"{self.folder}: `datasets` cannot read it: {str(error).splitlines()[0]}") from error


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

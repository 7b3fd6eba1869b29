"""`validation.json` in a release folder: what training on the release showed, brought in from a validation's folder."""

from pathlib import Path

from ..schemas.documents import read_bytes
from ..schemas.errors import DataError, UsageError
from ..schemas.manifest import Manifest
from ..schemas.validation import FILE_NAME, Validation
from .release.layout import tables_sha256
from .release.parts import read_part
from .release.read import Release


def validation_of_tables(root: Path, manifest: Manifest) -> Validation | None:
    """The validation in the folder; None where there is none, or it is of other tables than the manifest's.

    Raises:
        DataError: it is malformed.
    """
    validation = read_part(root / FILE_NAME, Validation)
    return validation if validation is not None and _is_of(validation, manifest) else None


def validation_text(release: Release, path: Path) -> str:
    """What a validation of this release holds, as its file has it.

    Raises:
        UsageError: there is no such file.
        DataError: it is no validation, or it is of other tables than this release's.
    """
    validation = read_part(path, Validation)
    if validation is None:
        raise UsageError(f"{path}: no such file; `recipe run validate-release` writes it")
    if not _is_of(validation, release.manifest):
        raise DataError(f"{path}: a validation of other tables than those in {release.root}; validate this release")
    return read_bytes(path).decode()


def _is_of(validation: Validation, manifest: Manifest) -> bool:
    return validation.release.tables_sha256 == tables_sha256(manifest.files)

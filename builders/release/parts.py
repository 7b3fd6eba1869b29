"""Reads the JSON files that may lie beside the tables of a release, such as its audit."""

import json
import logging
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ...schemas.documents import DocumentError, parse_json, read_bytes, read_json
from ...schemas.errors import DataError, UsageError
from ...schemas.escape import printable
from ...schemas.files import read_inside, write_whole
from ...schemas.manifest import Manifest
from ...schemas.publishing import PublishedPlaces, PublishedTo
from ...schemas.review import REVIEW_FILE, Review
from ...schemas.study import STUDY_FILE, Validation
from .layout import tables_sha256
from .read import Release

Part = TypeVar("Part", bound=BaseModel)


def read_part(path: Path, schema: type[Part]) -> Part | None:
    """What the file holds; None where there is none.

    Raises:
        DataError: it is malformed; the message names the field.
    """
    try:
        data = read_inside(path.parent, path.name) if path.parent.is_dir() else None
        return None if data is None else schema.model_validate(parse_json(data))
    except OSError as error:
        raise DataError(f"{printable(error.filename or path)}: {error.strerror or error}") from error
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise DataError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    except DocumentError as error:
        raise DataError(f"{path}: not JSON: {error}") from error


# `validation.json` in a release folder: what training on the release showed, brought in from a validation's folder.


def validation_of_tables(root: Path, manifest: Manifest) -> Validation | None:
    """The validation in the folder; None where there is none, or it is of other tables than the manifest's.

    Raises:
        DataError: it is malformed.
    """
    validation = read_part(root / STUDY_FILE, Validation)
    return validation if validation is not None and _is_of(validation, manifest) else None


def validation_text(release: Release, path: Path) -> str:
    """What a validation of this release holds, as its file has it.

    Raises:
        UsageError: there is no such file.
        DataError: it is not a validation, or it is of other tables than this release's.
    """
    validation = read_part(path, Validation)
    if validation is None:
        raise UsageError(f"{path}: no such file; `recipe run validate-release` writes it")
    if not _is_of(validation, release.manifest):
        raise DataError(f"{path}: a validation of other tables than those in {release.root}; validate this release")
    return read_bytes(path).decode()


def _is_of(validation: Validation, manifest: Manifest) -> bool:
    return validation.release.tables_sha256 == tables_sha256(manifest.files)


# `review.json` in a release folder.


def read_review(root: Path) -> Review | None:
    """The review of a release; None where people have not looked at it.

    Raises:
        DataError: the file is not a review; the message names the field.
    """
    return read_part(root / REVIEW_FILE, Review)


def review_json(review: Review) -> str:
    return json.dumps(review.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


# Notes beside a release folder on where it was published, so that a published version is never rebuilt.


log = logging.getLogger(__name__)


def notes_path(folder: Path) -> Path:
    """The file with the notes on a release folder: `<folder>.published.json`, beside it and never in it."""
    return folder.absolute().with_name(f"{folder.absolute().name}.published.json")


def read_places(folder: Path) -> tuple[PublishedTo, ...]:
    """Where a release folder was published to, as far as it is noted beside it.

    Raises:
        DataError: the notes cannot be read.
    """
    path = notes_path(folder)
    try:
        return PublishedPlaces.model_validate(read_json(path, path.parent)).places
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, ValidationError) as error:
        raise DataError(f"{path}: these notes on what is published cannot be read; mend or remove them") from error


def note_place(folder: Path, place: PublishedTo) -> None:
    """The place is noted beside the folder, instead of an earlier note of the same repo and tag.

    Where nothing can be written there, a warning is logged: the release is published all the same.

    Raises:
        DataError: the earlier notes cannot be read.
    """
    key = (place.endpoint, place.repo, place.tag)
    earlier = (one for one in read_places(folder) if (one.endpoint, one.repo, one.tag) != key)
    text = json.dumps(PublishedPlaces(places=(*earlier, place)).model_dump(mode="json"), indent=1, ensure_ascii=False)
    path = notes_path(folder)
    try:
        write_whole(path, text + "\n")
    except OSError as error:
        log.warning("%s: cannot be written (%s): `build --force` will not know of the publish", path, error.strerror)

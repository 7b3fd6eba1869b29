"""The one-file parts of a release besides its tables, and the log beside its folder of where it was published.

`validation.json` is what training on the release showed, `review.json` what people said of its rows, `maintainers.md`
what people add to its card.
"""

import json
import logging
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from ...cards.maintainers import MOST_BYTES, parse_maintainers
from ...schemas.documents import DocumentError, parse_json, read_bytes, read_json
from ...schemas.errors import DataError, UsageError
from ...schemas.escape import printable
from ...schemas.files import read_inside, write_whole
from ...schemas.manifest import Manifest
from ...schemas.publishing import Maintainers, PublishedPlaces, PublishedTo
from ...schemas.review import REVIEW_FILE, Review
from ...schemas.study import STUDY_FILE, Validation
from .layout import tables_sha256
from .read import Release

log = logging.getLogger(__name__)
Part = TypeVar("Part", bound=BaseModel)


def read_part(path: Path, schema: type[Part]) -> Part | None:
    """The contents of a JSON file of a release; None if there is no such file.

    Raises:
        DataError: the file is malformed; the message names the field.
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


def read_review(root: Path) -> Review | None:
    """The review of a release; None if there is none.

    Raises:
        DataError: the file is not a review; the message names the field.
    """
    return read_part(root / REVIEW_FILE, Review)


def review_json(review: Review) -> str:
    return json.dumps(review.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"


def read_maintainers(path: Path) -> Maintainers | None:
    """The maintainers' section and keys of the card; None if there is no such file.

    Raises:
        DataError: the file is malformed, or a link.
    """
    if path.is_symlink():
        raise DataError(f"{path}: a link, which is not followed: put the file itself there")
    if not path.is_file():
        return None
    with path.open("rb") as file:
        return parse_maintainers(file.read(MOST_BYTES + 1), str(path))


def validation_of_tables(root: Path, manifest: Manifest) -> Validation | None:
    """The validation in the folder; None if there is none, or if it was made from other tables than the manifest's.

    Raises:
        DataError: it is malformed.
    """
    validation = read_part(root / STUDY_FILE, Validation)
    return validation if validation is not None and _is_made_from(validation, manifest) else None


def validation_text(release: Release, path: Path) -> str:
    """The text of a file with a validation of this release.

    Raises:
        UsageError: there is no such file.
        DataError: it is not a validation, or it was made from other tables than this release's.
    """
    validation = read_part(path, Validation)
    if validation is None:
        raise UsageError(f"{path}: no such file; `recipe run validate-release` writes it")
    if not _is_made_from(validation, release.manifest):
        raise DataError(f"{path}: made from other tables than those in {release.root}; validate this release")
    return read_bytes(path).decode()


def _is_made_from(validation: Validation, manifest: Manifest) -> bool:
    return validation.release.tables_sha256 == tables_sha256(manifest.files)


def notes_path(folder: Path) -> Path:
    """The publish log of a release folder: `<folder>.published.json`, beside the folder and never in it.

    The log outlives the folder, so that `build --force` never rebuilds a version that readers already have.
    """
    return folder.absolute().with_name(f"{folder.absolute().name}.published.json")


def read_places(folder: Path) -> tuple[PublishedTo, ...]:
    """Where a release folder was published to, according to its publish log.

    Raises:
        DataError: the log cannot be read.
    """
    path = notes_path(folder)
    try:
        return PublishedPlaces.model_validate(read_json(path, path.parent)).places
    except FileNotFoundError:
        return ()
    except (OSError, ValueError, ValidationError) as error:
        raise DataError(f"{path}: this publish log cannot be read; repair or remove it") from error


def note_place(folder: Path, place: PublishedTo) -> None:
    """Adds a place to the publish log, instead of an earlier entry of the same repo and tag.

    If the log cannot be written, a warning is logged and nothing is raised: the release is already published.

    Raises:
        DataError: the existing log cannot be read.
    """
    key = (place.endpoint, place.repo, place.tag)
    # The newest entry of a place counts: a tag that was published again stands in the log once.
    earlier = (one for one in read_places(folder) if (one.endpoint, one.repo, one.tag) != key)
    text = json.dumps(PublishedPlaces(places=(*earlier, place)).model_dump(mode="json"), indent=1, ensure_ascii=False)
    path = notes_path(folder)
    try:
        write_whole(path, text + "\n")
    except OSError as error:
        log.warning(
            "%s: cannot be written (%s): `build --force` will not know that it is published", path, error.strerror
        )

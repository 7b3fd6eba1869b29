"""Notes beside a release folder of where it was published to, so that nobody rebuilds a number that readers have."""

import json
import logging
from pathlib import Path

from pydantic import ValidationError

from ..schemas.documents import read_json
from ..schemas.errors import DataError
from ..schemas.publishing import PublishedPlaces, PublishedTo
from ..schemas.writing import write_whole

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
